"""Recipes as TOML files: those of the package by name, anybody's own by path."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.network.configuration import PAPER
from engine.training.losses.live_unsupervised import UnsupervisedWeights
from engine.training.losses.paper import Objective
from engine.training.recipe import Recipe
from streamer.config import explain
from streamer.errors import ConfigError
from streamer.ranges import NonNegative as Weight
from streamer.ranges import PositiveCount as Count


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class UnsupervisedTable(_Table):
    """Weights of the live network's terms without truth, beside similarity."""

    axial_smoothness: Weight = Field(UnsupervisedWeights().axial_smoothness, description="along the beam")
    lateral_smoothness: Weight = Field(UnsupervisedWeights().lateral_smoothness, description="across lines")
    consistency: Weight = Field(UnsupervisedWeights().consistency, description="of consecutive strain maps")


class PaperTable(_Table):
    """Weights and window of the paper's objective, on RF."""

    window: tuple[Count, Count] = Field(Objective().window, description="correlation, samples and lines")
    axial_smoothness: Weight = Field(Objective().axial_smoothness, description="along the beam")
    lateral_smoothness: Weight = Field(Objective().lateral_smoothness, description="across lines")
    lateral_component: Weight = Field(Objective().lateral_component, description="a line, in samples")
    consistency: Weight = Field(Objective().consistency, description="of consecutive strain maps")


class RecipeFile(_Table):
    """Every key of a recipe; all may be left out."""

    kind: Literal["live", "paper"] = Field("live", description="network: live on cells, paper on raw RF")
    truth: bool = Field(True, description="learn from simulated truth; the paper's network never does")
    seed: int = Field(0, ge=0, description="of weights and of what every step sees")
    steps: Count = Field(6000, description="of the optimiser")
    batch: Count = Field(16, description="examples per step")
    length: int = Field(1, ge=1, le=5, description="consecutive pairs per example")
    learning_rate: float = Field(6e-4, gt=0, allow_inf_nan=False, description="highest, of Adam")
    warm_start: int = Field(0, ge=0, description="steps with truth before the paper's objective")
    warm_up: int = Field(200, ge=0, description="steps over which the learning rate rises")
    scenes: Count = Field(2000, description="simulated scenes to learn from")
    scenes_at_start: Count = Field(48, description="scenes that must be there before the first step")
    half_precision: bool = Field(False, description="bfloat16 in the trunk, but for the last tenth")
    validate_every: Count = Field(1000, description="steps between looks at held-out scenes")
    held_out: Count = Field(32, description="scenes that are only looked at")
    unsupervised: UnsupervisedTable = UnsupervisedTable()
    paper: PaperTable = PaperTable()

    def ignored(self) -> list[str]:
        """Keys given that networks of this kind do not know."""
        foreign = {"paper": {"scenes_at_start", "unsupervised"}, "live": {"paper", "warm_start"}}
        given = sorted(foreign[self.kind] & self.model_fields_set)
        if self.kind == "paper" and self.truth and "truth" in self.model_fields_set:
            given.append("truth = true")
        return given

    def recipe(self) -> Recipe:
        """What the engine trains by."""
        chosen = self.model_dump(exclude={"unsupervised", "paper"})
        if self.kind == "paper":
            chosen |= {"trunk": PAPER, "truth": False}
        return Recipe(
            **chosen,
            unsupervised=UnsupervisedWeights(**self.unsupervised.model_dump()),
            objective=Objective(**self.paper.model_dump()),
        )


def shipped() -> dict[str, Path]:
    """Recipes of the package by name."""
    folder = Path(str(files("tools.train"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_recipe(name: str) -> Recipe:
    """The recipe of this name, or of the TOML file at this path.

    Raises ConfigError: there is none, or it has mistakes, all reported at once with the nearest valid name.
    """
    names = shipped()
    path = names.get(name, Path(name))
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"no recipe {name!r}: neither one of {', '.join(names)} nor a file ({error.strerror})"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    try:
        file = RecipeFile.model_validate(_tuples(fields))
    except ValidationError as error:
        mistakes = "\n".join(f"  {explain(mistake, RecipeFile)}" for mistake in error.errors())
        raise ConfigError(f"{path} has mistakes:\n{mistakes}") from error
    if ignored := file.ignored():
        raise ConfigError(f'{path}: kind = "{file.kind}" does not know {", ".join(ignored)}: take it out')
    return file.recipe()


def _tuples(value: Any) -> Any:
    """TOML arrays as tuples: the models are strict."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value
