"""Training of the network: what it sees (`scenes`, `samples`), what it is judged by, and the loop itself."""
