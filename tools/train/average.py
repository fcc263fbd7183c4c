"""The mean of two sets of weights of the live network, the second trained further from the first.

python -m tools.train.average BEFORE AFTER SHARE OUTPUT     OUTPUT.safetensors, .json and .onnx

SHARE is that of AFTER. The mean keeps most of what was learnt from other scenes, and most of what the weights
before could do where nothing is trained, as in vivo (Wortsman et al., CVPR 2022). How its errors are
correlated is measured anew, on the held-out scenes of a training, which takes a few minutes.
"""

import sys
from pathlib import Path

import torch
import typer

from engine.errors import EngineError
from engine.musse.checkpoint import load
from engine.musse.manifest import read_manifest
from engine.musse.net import LiveNet
from engine.training.data.pool import ScenePool
from engine.training.recipe import FIRST_HELD_OUT, Recipe
from engine.training.validation.measured_errors import measured_errors
from tools.train.command import scene_folder
from tools.train.writing import write_live


def averaged(before: Path, after: Path, share: float) -> LiveNet:
    """`share` of the weights `after` and the rest of those `before`, on the CPU.

    Raises EngineError where they are of networks of different geometry, or `share` is not within 0 to 1.
    """
    if not 0.0 <= share <= 1.0:
        raise EngineError(f"the share of {after} is {share:g}: it has to be from 0 to 1")
    (net, first), (other, second) = (load(path) for path in (before, after))
    if first.configuration != second.configuration:
        raise EngineError(f"{before} and {after} are weights of networks of different geometry: no mean")
    theirs = other.state_dict()
    net.load_state_dict({name: ours.lerp(theirs[name], share) for name, ours in net.state_dict().items()})
    return net.eval()


def main() -> None:
    """Write the mean and its program."""
    before, after, share, output = sys.argv[1:]
    torch.set_num_threads(1)
    net = averaged(Path(before), Path(after), float(share))
    count = Recipe().held_out
    with ScenePool(scene_folder(), first=FIRST_HELD_OUT, count=count) as scenes:
        errors = measured_errors(net, scenes, count, torch.device("cpu"))
    shares = {before: 1.0 - float(share), after: float(share)}
    trained = {"mean_of": {read_manifest(Path(name)).sha256: of for name, of in shares.items()}}
    typer.echo(write_live(net, Path(output).with_suffix(".safetensors"), trained, errors))


if __name__ == "__main__":
    main()
