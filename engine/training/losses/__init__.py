"""What a training minimises: single terms, and the objective of each recipe."""
