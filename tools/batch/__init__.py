"""Many recordings to results: the same function on this computer, in numbered shards, and on a cluster."""
