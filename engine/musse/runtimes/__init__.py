"""The network as an engine: an estimator, and the runtimes it may stand on."""
