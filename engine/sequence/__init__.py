"""What happens to results over a sequence of pairs: quality, fusion, resolution, accumulation. NumPy only."""
