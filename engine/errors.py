"""What can go wrong in the engine.

EngineError
├── EngineUnavailable    the named engine cannot run here (missing package, device or weights)
├── InvalidAcquisition   the frames or their constants make no sense to an estimator
└── EstimateFailed       an estimator could not finish on this pair; its state is unchanged
"""


class EngineError(Exception):
    """Base of every error the engine raises on purpose."""


class EngineUnavailable(EngineError):
    """The named engine cannot run on this machine; the message names what is missing."""


class InvalidAcquisition(EngineError, ValueError):
    """A shape, a frequency or a pitch is missing or impossible; the message names it."""


class EstimateFailed(EngineError):
    """No estimate exists for one pair; the message gives the reason, and the state is unchanged."""
