"""Which pairs a file of results holds, so that they can be computed again."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from engine.device import device_of
from engine.factory import ENGINES, MUSSE, ON_CARD, model_hash, resolve
from engine.spec import POLICIES, EngineSpec
from streamer.config import Config
from streamer.headers import StrainHeader
from streamer.reasons import Rejection, rejection_named
from tools.damage import naming_damage
from tools.errors import RecordingError
from tools.results.layout import FORMAT, NO_PRE, described, region_text
from tools.tape.layout import SUFFIX
from tools.tape.reader import Tape

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordedPair:
    """One row of a result file, as far as it is needed to compute it again."""

    pre_index: int | None
    post_index: int
    rejection: Rejection | None


def read_pairs(path: Path) -> tuple[list[RecordedPair], dict[str, Any]]:
    """The pairs of a result file or a tape in their order, and the file's attributes.

    Raises RecordingError for a file without results of this project, or with a rejection of a newer release.
    """
    if path.suffix == SUFFIX:
        return _taped_pairs(path)
    with naming_damage(path, "file of strain results"), h5py.File(path, "r") as file:
        attributes = dict(file.attrs)
        if attributes.get("format") != FORMAT:
            raise RecordingError(f"{path} holds no strain results; give a file made by `record` or `process`")
        columns = file["pre_index"][:], file["post_index"][:], file["rejection"].asstr()[:]
        if len({len(column) for column in columns}) != 1:
            raise RecordingError(f"{path} has columns of different lengths: it was changed")
    pairs = [
        _pair(path, None if pre == NO_PRE else int(pre), int(post), reason or None)
        for pre, post, reason in zip(*columns, strict=True)
    ]
    return pairs, attributes


def _pair(path: Path, pre_index: int | None, post_index: int, reason: str | None) -> RecordedPair:
    try:
        return RecordedPair(pre_index, post_index, rejection_named(reason))
    except ValueError as error:
        raise RecordingError(
            f"{path}, pair of frame {post_index}: {error}. Process it with the release that made the results"
        ) from error


def _taped_pairs(path: Path) -> tuple[list[RecordedPair], dict[str, Any]]:
    """The same of a tape; a change of engine, window or region within it is refused."""
    pairs: list[RecordedPair] = []
    attributes: dict[str, Any] = {}
    valued = False
    with Tape(path) as tape:
        for message in tape.messages(["strain"]):
            header = message.header
            if isinstance(header, StrainHeader):
                pairs.append(_pair(path, header.pre_index, header.post_index, header.rejection))
                here = described(header)
                if header.grid is None:
                    attributes = attributes or here
                else:
                    changed = [name for name in here if valued and attributes[name] != here[name]]
                    attributes, valued = here, True
                    if changed:
                        raise RecordingError(
                            f"{path}: {', '.join(changed)} changed at pair {header.pre_index}-"
                            f"{header.post_index}; write files of one setting each with: "
                            f"musse-stream convert {path} --output NAME.h5"
                        )
        note = tape.condition.note()
    if not pairs:
        raise RecordingError(f"{path} holds no strain results; record them with: musse-stream record")
    if note is not None:
        log.warning("%s: %s", path, note)
    return pairs, attributes


Limits = tuple[float, float, float, float] | None


def as_made(attributes: Mapping[str, Any], config: Config) -> Config:
    """The configuration that computes results again: an engine and a device left open are those of the file.

    Which runtime of the network `auto` and `musse` take depends on the computer and on what was compiled
    there; results are equal bit for bit only on the same one.
    """
    engine, changes = config.engine, {}
    made = attributes.get("engine")
    left_open = engine.name == "auto" or (engine.name == "musse" and made in (*MUSSE, *ON_CARD))
    if left_open and made in ENGINES:
        changes["name"] = made
    if engine.device == "auto" and attributes.get("device"):
        changes["device"] = attributes["device"]
    return config.model_copy(update={"engine": engine.model_copy(update=changes)})


def same_settings(
    attributes: Mapping[str, Any], config: Config, spec: EngineSpec, limits: Limits, path: Path
) -> None:
    """Raise RecordingError where results were made with other weights, or another engine, window or region.

    `spec` is what the estimator is built for here, `limits` are those of the region of interest on these
    frames, as `streamer.geometry.FrameRegion` has them.
    """
    engine = config.engine
    weights = Path(engine.weights) if engine.weights else None
    name = resolve(engine.name, weights, spec, engine.where)[0]
    taken = model_hash(name, weights)
    wanted: dict[str, Any] = {
        "engine": name,
        **({"device": device_of(name, engine.where)} if attributes.get("device") else {}),
        "model_hash": taken or "",
        "precision": POLICIES[engine.precision],
        "region": region_text(limits),
    }
    if taken is None:  # a network chooses its windows itself
        wanted["axial_window"] = spec.axial_window
        wanted["lateral_window"] = spec.lateral_window
    different = [
        f"{name} {attributes.get(name)} there, {value} here"
        for name, value in wanted.items()
        if attributes.get(name) != value
    ]
    if different:
        raise RecordingError(
            f"{path} was made with other settings: {'; '.join(different)}; "
            "give the same --engine, --weights and --config as the node had"
        )
