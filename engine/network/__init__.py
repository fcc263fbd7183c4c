"""USSE-Net and MUSSE-Net: from a pair of images to displacement and strain.

The method is that of Joarder, Showrav and Hasan, "Multi-Stage Residual-Aware Unsupervised Deep Learning
Framework for Consistent Ultrasound Strain Elastography" (arXiv 2511.15640). Neither code nor weights of it
are public; `configuration` names every point that had to be chosen. The files follow the figure:
`encoder` (blocks, CACFF), `attention` (TCA), `decoder` (CAF, ConvLSTM, heads), `usse` (one stage), `musse`
(two of them, with `upsample` and `resample` for the warping between and `lsse` for the strain).

Networks are torch; `cells`, `interface`, `configuration` and `manifest` are not, so that an exported program
runs without it: nothing here is imported until a name is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.network.configuration import PAPER, UsseConfiguration
    from engine.network.decoder import State
    from engine.network.musse import MusseConfiguration, MusseNet
    from engine.network.usse import UsseNet

__all__ = ["PAPER", "MusseConfiguration", "MusseNet", "State", "UsseConfiguration", "UsseNet"]
_HOMES = {
    "PAPER": "configuration",
    "UsseConfiguration": "configuration",
    "State": "decoder",
    "MusseConfiguration": "musse",
    "MusseNet": "musse",
    "UsseNet": "usse",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"engine.network.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'engine.network' has no attribute {name!r}")
