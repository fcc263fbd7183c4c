"""Simulated acquisitions with exact truth, in torch.

An image is made in steps, one file each: how tissue moves (`field`, `deformation`, `rhythm`), what it
consists of (`phantom`, `scatterers`), how the scanner sees it (`pointspread`, `imaging`; `direct` is the
exact and slow form), what disturbs the image (`effects`), and all of it together (`acquisition`).

For one clean pair with truth, call `simulate_pair`; for a sequence, `simulate_acquisition`.
"""

from engine.simulation.acquisition import (
    PairTruth,
    SimulatedAcquisition,
    SimulatedPair,
    simulate_acquisition,
    simulate_pair,
)
from engine.simulation.field import Inclusion
from engine.simulation.phantom import Phantom, inclusion_phantom

__all__ = [
    "Inclusion",
    "PairTruth",
    "Phantom",
    "SimulatedAcquisition",
    "SimulatedPair",
    "inclusion_phantom",
    "simulate_acquisition",
    "simulate_pair",
]
