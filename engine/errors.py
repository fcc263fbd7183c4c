"""What can go wrong in the engine.

EngineError
├── EngineUnavailable    the named engine cannot run here (missing package, device or weights)
│   └── EngineNotBuilt   it could, once it is compiled for this acquisition
├── InvalidAcquisition   the frames or their constants make no sense to an estimator
└── EstimateFailed       an estimator could not finish on this pair; its state is unchanged
"""


class EngineError(Exception):
    """Base of every error the engine raises on purpose."""


class EngineUnavailable(EngineError):
    """The named engine cannot run on this machine; the message names what is missing."""


class EngineNotBuilt(EngineUnavailable):
    """No compiled engine fits the acquisition and this machine; the message names the command that builds it.

    `arguments` are those of `musse-stream` that build it.
    """

    def __init__(self, message: str, arguments: tuple[str, ...]) -> None:
        super().__init__(message)
        self.arguments = arguments


class InvalidAcquisition(EngineError, ValueError):
    """A shape, a frequency or a pitch is missing or impossible; the message names it."""


class EstimateFailed(EngineError):
    """No estimate exists for one pair; the message gives the reason, and the state is unchanged."""
