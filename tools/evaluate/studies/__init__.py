"""Programs that each answer one question, run by `python -m tools.evaluate.studies.NAME`."""
