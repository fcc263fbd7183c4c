"""A recording to strain, offline: every pair, with the same code as live."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from engine.device import check_device
from engine.factory import load
from engine.spec import EngineSpec
from streamer.bmode_message import bmode_message
from streamer.config import Config, result_settings
from streamer.engine_choice import choice, for_file, weights_of
from streamer.errors import MessageRefused
from streamer.frame import RfFrame
from streamer.geometry import FrameRegion, configured_region, engine_spec
from streamer.headers import RfHeader
from streamer.offline import strain_messages
from streamer.pairing import FramePair
from streamer.step import StrainMessage, StrainStep
from streamer.stopwatch import Stopwatch
from tools.errors import RecordingError
from tools.formats import Recording
from tools.playback import Cue, Loop, frames_of, playback
from tools.processes import ctrl_c
from tools.results.maps import MAPS, OfflineMaps
from tools.results.pairs import Limits, RecordedPair, as_made, read_pairs, same_settings
from tools.results.provenance import provenance
from tools.results.writer import ResultWriter


def process(
    recording: Recording,
    config: Config,
    *,
    frames: int,
    loop: Loop = "off",
    step: StrainStep | None = None,
    on_refused: Callable[[int, MessageRefused], None] = lambda index, refused: None,
) -> Iterator[StrainMessage]:
    """Strain of every pair of the first `frames` frames of the playback, as config.pairing makes them.

    `step` replaces the one that `open_step` makes of the configuration. Frames that the live node would
    refuse are reported to `on_refused` and make no pair. Raises RecordingError, also where there is a single
    frame, ConfigError, EngineError.
    """
    _need_two(recording)
    cues = islice(playback(recording.t_acq, recording.frame_index, loop), frames)
    return strain_messages(
        (_frame(recording, cue) for cue in cues),
        config,
        step or open_step(recording, config),
        lambda header, refused: on_refused(header.frame_index, refused),
    )


def process_pairs(
    recording: Recording,
    config: Config,
    pairs: Iterable[RecordedPair],
    loop: Loop = "off",
    step: StrainStep | None = None,
) -> Iterator[StrainMessage]:
    """Strain of exactly these pairs, in this order, as a live run made them of the same playback.

    `step` as in `process`. Raises RecordingError for a frame that the playback does not have.
    """
    step = step or open_step(recording, config)
    frames = _FramesByIndex(recording, loop)
    for pair in pairs:
        post = frames.frame(pair.post_index)
        pre = None if pair.pre_index is None else frames.frame(pair.pre_index)
        yield step.run(FramePair(pre, post, pair.rejection if pre is None else None), Stopwatch())


def frame_region(recording: Recording, config: Config) -> tuple[RfHeader, FrameRegion]:
    """The header of the first frame, and the configured region of interest on it. ConfigError."""
    header = _header(recording, Cue(0, 0, 0, 0))
    return header, configured_region(header, config)


def spec_and_limits(recording: Recording, config: Config) -> tuple[EngineSpec, Limits]:
    """What the estimator is built for, and where the configured region lies; None: the whole frame.

    Raises ConfigError, InvalidAcquisition.
    """
    header, region = frame_region(recording, config)
    return engine_spec(header, region, config), region.limits


def open_step(recording: Recording, config: Config) -> StrainStep:
    """The step that a node with this configuration would run on these frames."""
    header, region = frame_region(recording, config)
    settings = config.engine
    check_device(settings.name, settings.device)
    opener = load(settings.name, settings.threads, weights_of(settings), settings.precision)
    estimator = opener(engine_spec(header, region, config), settings.where)
    return StrainStep(estimator, region, config)


def _need_two(recording: Recording) -> None:
    if recording.n_frames < 2:
        raise RecordingError(
            f"{recording.path} holds a single frame: strain needs two, so record two or more in one file"
        )


class _FramesByIndex:
    """The frames of a playback by their numbers."""

    def __init__(self, recording: Recording, loop: Loop) -> None:
        self._recording = recording
        how: Loop = "bounce" if loop == "bounce" else "off"
        self._cues = playback(recording.t_acq, recording.frame_index, how)
        self._by_index: dict[int, Cue] = {}

    def frame(self, index: int) -> RfFrame:
        """The frame of this number. Raises RecordingError for one that the playback does not have."""
        while index not in self._by_index:
            cue = next(self._cues, None)
            if cue is None:
                raise RecordingError(
                    f"{self._recording.path} has no frame {index}: "
                    "were the results made of it, and replayed with --loop bounce?"
                )
            self._by_index[cue.frame_index] = cue
        return _frame(self._recording, self._by_index[index])


def _header(recording: Recording, cue: Cue) -> RfHeader:
    header = recording.header(
        cue.position, source_id="replay", session_id=str(cue.session), frame_index=cue.frame_index
    )
    return header.model_copy(update={"t_acq": int(recording.t_acq[0]) + cue.offset_ns})


def _frame(recording: Recording, cue: Cue) -> RfFrame:
    return RfFrame(_header(recording, cue), recording.frame(cue.position), received=0.0)


@dataclass(slots=True)
class Processed:
    """Counts of one run."""

    pairs: int = 0
    valid: int = 0
    """Pairs with values."""
    refused: int = 0
    """Frames that made no pair."""
    differing: int = 0
    """Of given pairs: those with another rejection than was recorded."""


def process_to_file(
    recording: Recording,
    config: Config,
    output: Path,
    *,
    frames: int,
    loop: Loop = "off",
    pairs: Sequence[RecordedPair] | None = None,
    bmode: bool = False,
    overwrite: bool = False,
    on_pair: Callable[[], object] = lambda: None,
    on_refused: Callable[[int, MessageRefused], object] = lambda index, refused: None,
) -> Processed:
    """Write the maps of every pair, or of exactly `pairs`, to a result file; `on_pair` is called for each.

    `bmode` adds the B-mode image of every post frame.

    Raises RecordingError, ConfigError, EngineError, and whatever `on_pair` raises; no file stays then.
    """
    done = Processed()

    def refuse(index: int, refused: MessageRefused) -> None:
        done.refused += 1
        on_refused(index, refused)

    _need_two(recording)
    step = open_step(recording, config)
    if pairs is not None:
        messages = process_pairs(recording, config, pairs, loop, step)
    else:
        messages = process(recording, config, frames=frames, loop=loop, step=step, on_refused=refuse)
    header = recording.header(0, source_id="replay", session_id="0")
    maps = OfflineMaps(header)
    images = _FramesByIndex(recording, loop)
    about = provenance(recording.path, result_settings(config), header)
    with ResultWriter(output, MAPS, fused=True, provenance=about, overwrite=overwrite) as writer:
        for message in messages:
            on_pair()
            if pairs is not None:
                done.differing += message.header.rejection != pairs[done.pairs].rejection
            image = bmode_message(images.frame(message.header.post_index), config) if bmode else None
            writer.append(message.header, maps.of(message), message.fused, image)
            done.pairs += 1
            done.valid += message.header.rejection is None
        writer.add(engine_note=for_file(choice(config.engine, step.estimator)[1]))
    return done


def run_process(
    recording: Recording,
    config: Config,
    output: Path,
    console: Console,
    *,
    frames: int | None,
    loop: Loop,
    pairs_from: Path | None,
    bmode: bool,
    overwrite: bool,
) -> None:
    """`process_to_file` with a progress bar and a last line; `pairs_from` is a file whose pairs to compute.

    Raises as `process_to_file`, RecordingError where `pairs_from` was made with other settings, and
    KeyboardInterrupt between two pairs.
    """
    pairs: list[RecordedPair] | None = None
    if pairs_from is not None:
        pairs, attributes = read_pairs(pairs_from)
        config = as_made(attributes, config)
        same_settings(attributes, config, *spec_and_limits(recording, config), pairs_from)
    total = len(pairs) if pairs is not None else frames or frames_of(recording.n_frames, loop)
    with ctrl_c(at_once=False) as check, Progress(console=console) as progress:
        task = progress.add_task("pairs", total=total)

        def on_pair() -> None:
            check()
            progress.advance(task)

        done = process_to_file(
            recording,
            config,
            output,
            frames=total,
            loop=loop,
            pairs=pairs,
            bmode=bmode,
            overwrite=overwrite,
            on_pair=on_pair,
            on_refused=lambda index, error: console.print(f"frame {index} refused: {error}"),
        )
    if done.differing:
        console.print(
            f"{done.differing} of {total} pairs have another reason for rejection than in {pairs_from}: "
            "the node had another [quality], or got other frames"
        )
    typer.echo(f"{output}: {done.pairs} pairs, {done.valid} with values, {done.refused} frames refused")
