"""USSE-Net and MUSSE-Net, in torch: from a pair of images to displacement and strain.

The method is that of Joarder, Showrav and Hasan, "Multi-Stage Residual-Aware Unsupervised Deep Learning
Framework for Consistent Ultrasound Strain Elastography" (arXiv 2511.15640). Neither code nor weights of it
are public; `configuration` names every point that had to be chosen. The files follow the figure:
`encoder` (blocks, CACFF), `attention` (TCA), `decoder` (CAF, ConvLSTM, heads), `usse` (one stage), `musse`
(two of them, with `upsample` and `resample` for the warping between and `lsse` for the strain).
"""

from engine.network.configuration import PAPER, UsseConfiguration
from engine.network.decoder import State
from engine.network.musse import MusseConfiguration, MusseNet
from engine.network.usse import UsseNet

__all__ = ["PAPER", "MusseConfiguration", "MusseNet", "State", "UsseConfiguration", "UsseNet"]
