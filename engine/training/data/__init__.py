"""Training data: scenes, samples with truth, the pool on disk, batches."""
