"""What a training sees: scenes, samples with truth, the pool on disk, batches."""
