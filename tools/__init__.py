"""Programs for people: the command line, file formats, replay, display and evaluation."""
