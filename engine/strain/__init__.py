"""Strain as the slope of displacement, and the bound of its variance. NumPy only."""
