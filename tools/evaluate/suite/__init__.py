"""The simulated cases: which ones there are (`catalogue`), and how each is built."""
