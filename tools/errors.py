"""What can go wrong in the programs for people.

ToolError
├── RecordingError    a file cannot be read as a recording; the message names what is missing and the option
├── DiskFull          the disk has no room for what is written; the message names the file
├── NoScreen          a window was asked for where no screen exists
├── NothingReceived   no frame or result came within the time given
└── NodeEnded         the node ended by itself, and has written why
"""


class ToolError(Exception):
    """Base of every error a command raises on purpose."""


class RecordingError(ToolError, ValueError):
    """A file cannot be read as a recording; the message names what is missing and the option."""


class DiskFull(ToolError):
    """The disk has no room for what is written; the message names the file and what is left of it."""


class NoScreen(ToolError):
    """A window was asked for where no screen exists; the message names the headless option."""


class NothingReceived(ToolError):
    """No frame or result came within the time given."""


class NodeEnded(ToolError):
    """The node ended by itself, and has written why; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the node ended with exit code {code}")
        self.code = code
