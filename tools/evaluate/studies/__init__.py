"""Programs that answer one question each, run by `python -m tools.evaluate.studies.NAME`."""
