"""`python -m tools` is `musse-stream`, for processes that start each other."""

from tools.cli import main

main()
