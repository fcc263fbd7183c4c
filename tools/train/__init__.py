"""`musse-stream train`: recipes, the run with its progress and files, and adaptation to recordings."""
