"""How good a network is on data it was not trained on."""
