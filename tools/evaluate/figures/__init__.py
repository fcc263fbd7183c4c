"""The figures of one case for one method: of pairs, triples and sequences, and without ground truth."""
