"""`musse-stream doctor`: checks of this installation, each with a remedy where something is wrong."""
