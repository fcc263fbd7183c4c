"""Loss terms, and the objective of each recipe."""
