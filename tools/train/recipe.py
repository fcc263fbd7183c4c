"""Recipes as TOML files: those of the package by name, anybody's own by path."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.network.configuration import PAPER
from engine.training.losses.live_unsupervised import UnsupervisedWeights
from engine.training.losses.paper import Objective
from engine.training.recipe import FIRST_HELD_OUT, Kind, Recipe
from streamer.config_file import explain
from streamer.errors import ConfigError
from streamer.ranges import NonNegative as Weight
from streamer.ranges import PositiveCount as Count

_RECIPE: Final = Recipe()  # a key that is left out has the value that the engine would take


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class UnsupervisedTable(_Table):
    """Weights of the live network's terms without truth, beside similarity."""

    axial_smoothness: Weight = Field(_RECIPE.unsupervised.axial_smoothness, description="along the beam")
    lateral_smoothness: Weight = Field(_RECIPE.unsupervised.lateral_smoothness, description="across lines")
    consistency: Weight = Field(_RECIPE.unsupervised.consistency, description="of consecutive strain maps")


class PaperTable(_Table):
    """Weights and window of the paper's objective, on RF."""

    window: tuple[Count, Count] = Field(
        _RECIPE.objective.window, description="correlation, samples and lines"
    )
    axial_smoothness: Weight = Field(_RECIPE.objective.axial_smoothness, description="along the beam")
    lateral_smoothness: Weight = Field(_RECIPE.objective.lateral_smoothness, description="across lines")
    lateral_component: Weight = Field(_RECIPE.objective.lateral_component, description="a line, in samples")
    consistency: Weight = Field(_RECIPE.objective.consistency, description="of consecutive strain maps")


class RecipeFile(_Table):
    """Every key of a recipe; all may be left out."""

    kind: Kind = Field(_RECIPE.kind, description="network: live on cells, paper on raw RF")
    truth: bool = Field(
        _RECIPE.truth, description="learn from simulated truth; the paper's network never does"
    )
    coupled: bool = Field(
        _RECIPE.coupled, description="learn through the coupling; from trained weights only (--from)"
    )
    seed: int = Field(_RECIPE.seed, ge=0, description="of weights and of what every step sees")
    steps: Count = Field(_RECIPE.steps, description="of the optimiser")
    batch: Count = Field(_RECIPE.batch, description="examples per step")
    length: int = Field(_RECIPE.length, ge=1, le=5, description="consecutive pairs per example")
    learning_rate: float = Field(
        _RECIPE.learning_rate, gt=0, allow_inf_nan=False, description="highest, of Adam"
    )
    warm_start: int = Field(
        _RECIPE.warm_start, ge=0, description="steps with truth before the paper's objective"
    )
    first_stage: int = Field(
        _RECIPE.first_stage, ge=0, description="steps that train the paper's first stage alone"
    )
    fixed_statistics: float = Field(
        _RECIPE.fixed_statistics, ge=0, le=1, description="share of the warm start without batch statistics"
    )
    shifted: float = Field(_RECIPE.shifted, ge=0, le=1, description="share of frames moved by a row")
    strain_weight: Weight = Field(_RECIPE.strain_weight, description="of the error of strain, with truth")
    warm_up: int = Field(_RECIPE.warm_up, ge=0, description="steps over which the learning rate rises")
    first_scene: int = Field(
        _RECIPE.first_scene, ge=0, lt=FIRST_HELD_OUT // 2, description="number of the first simulated scene"
    )
    scenes: int = Field(
        _RECIPE.scenes, ge=1, le=FIRST_HELD_OUT // 2, description="simulated scenes to learn from"
    )
    clean: float = Field(
        _RECIPE.clean,
        ge=0,
        le=1,
        description="share of the paper's scenes without noise and disturbances, in twentieths",
    )
    simple: float = Field(
        _RECIPE.simple,
        ge=0,
        le=1,
        description="share of the live network's scenes of uniform tissue or inclusions, in twentieths",
    )
    scenes_at_start: Count = Field(
        _RECIPE.scenes_at_start, description="scenes that must be there before the first step"
    )
    contrast: Weight = Field(_RECIPE.contrast, description="weight of missing contrast")
    half_precision: bool = Field(
        _RECIPE.half_precision, description="bfloat16 in the trunk, but for the last tenth"
    )
    validate_every: Count = Field(
        _RECIPE.validate_every, description="steps between looks at held-out scenes"
    )
    held_out: Count = Field(_RECIPE.held_out, description="scenes that are only looked at")
    unsupervised: UnsupervisedTable = UnsupervisedTable()
    paper: PaperTable = PaperTable()

    def ignored(self) -> list[str]:
        """Keys given that networks of this kind do not use."""
        foreign = {
            "paper": {"scenes_at_start", "unsupervised", "coupled", "contrast", "simple"},
            "live": {
                *("paper", "warm_start", "first_stage", "fixed_statistics", "shifted", "strain_weight"),
                "clean",
            },
        }
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
        raise ConfigError(f'{path}: kind = "{file.kind}" does not use {", ".join(ignored)}: take it out')
    return file.recipe()


def _tuples(value: Any) -> Any:
    """TOML arrays as tuples: the models are strict."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value
