"""A recipe: everything a training depends on, beside the machine."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Final, Literal, TypeAlias

from engine.musse.net import TRUNK
from engine.network.configuration import UsseConfiguration
from engine.training.losses.live_unsupervised import UnsupervisedWeights
from engine.training.losses.paper import Objective

Kind: TypeAlias = Literal["live", "paper"]
"""Network: the one that runs live, on cells, or the paper's two stages on raw RF."""


FIRST_HELD_OUT: Final = 100_000
"""Number of the first held-out scene: no recipe learns from it or from those after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One run. Two runs of equal recipes end with equal weights, bit for bit on one machine."""

    kind: Kind = "live"
    truth: bool = True
    """Whether simulated truth is learnt from; the paper's objective does without."""
    coupled: bool = False
    """Whether the live network learns through its coupling with the measured displacement. From the start it
    would lean on the measurement: for trained weights only."""
    start: str = ""
    """SHA-256 of the weights that training starts from; empty: new ones, drawn from the seed."""
    seed: int = 0
    steps: int = 6000
    batch: int = 16
    length: int = 1
    """Consecutive pairs per example: for networks with memory, and for temporal consistency. How many the
    authors take is not stated (their figure shows 5); chosen: 2, the fewest that consistency compares."""
    learning_rate: float = 6e-4
    warm_start: int = 0
    """Steps at the beginning that learn from simulated truth although the recipe goes without."""
    first_stage: int = 0
    """Steps at the beginning of `paper` that train the first stage alone; the second then starts as its
    copy."""
    fixed_statistics: float = 0.1
    """Share of the warm start, at its end, with fixed batch statistics, which is what the network sees when
    it runs; 1 where training starts from weights with good ones."""
    shifted: float = 0.0
    """Share of frames that `paper` moves by a row after the alignment: motion is learnt first."""
    strain_weight: float = 1.0
    """Of the error of strain beside that of displacement, in the warm start."""
    warm_up: int = 200
    """Steps over which the learning rate rises; then it falls as a cosine."""
    first_scene: int = 0
    """Number of the first scene: training that goes on from weights may learn from new ones."""
    scenes: int = 2000
    clean: float = 0.0
    """Share of `paper`'s scenes without noise and disturbances, rounded up to twentieths: among noisy ones
    alone it does not learn how small an error can be."""
    simple: float = 0.0
    """Share of the live network's scenes, in twentieths, of uniform tissue, inclusions or a sphere: among
    textures alone it takes most tissue for finely structured, and states a sigma for it."""
    scenes_at_start: int = 48
    """Scenes that must be there before the first step."""
    half_precision: bool = False
    """Trunk in bfloat16 until the last tenth of the steps: see `engine.training.precision`."""
    validate_every: int = 1000
    """Steps between two looks at held-out scenes."""
    held_out: int = 32
    """Scenes that are only ever looked at."""
    contrast: float = 8.0
    """Weight of the missing contrast in the live network's loss with truth."""
    trunk: UsseConfiguration = field(default=TRUNK)
    """The network's geometry; of either stage of the paper's."""
    unsupervised: UnsupervisedWeights = field(default=UnsupervisedWeights())
    """Weights of the terms without truth, of the live network."""
    objective: Objective = field(default=Objective())
    """The same of the paper's."""


def as_text(recipe: Recipe) -> str:
    """The recipe as JSON, keys sorted: a checkpoint stores it to recognise its recipe."""
    return json.dumps(asdict(recipe), sort_keys=True)


def differences(text: str, recipe: Recipe) -> list[str]:
    """Where the recipe that was kept as `text` differs: "batch: 16 there, 8 here"."""
    there, here = json.loads(text), json.loads(as_text(recipe))
    return [
        f"{name}: {there.get(name)} there, {here.get(name)} here"
        for name in sorted({*there, *here})
        if there.get(name) != here.get(name)
    ]


def schedule(step: int, recipe: Recipe) -> float:
    """Share of the learning rate at a step: linear warm-up, then a cosine down to a fiftieth."""
    rising = min(1.0, (step + 1) / max(recipe.warm_up, 1))
    return rising * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * step / recipe.steps)))
