"""`musse-stream process`: a recording to strain, offline."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands import options
from tools.commands.recordings import Opening, opens_recording


@opens_recording
def process(
    file: Annotated[Path, typer.Argument(help="Recording in any format of docs/formats.md.")],
    output: Annotated[Path, typer.Option(help="Result file: .h5 or .npz.")],
    config: options.ConfigFile = None,
    engine: options.Engine = None,
    weights: options.Weights = None,
    pairing: options.Pairing = None,
    stride: options.Stride = None,
    loop: Annotated[
        Literal["off", "bounce"], typer.Option(help="The order in which the frames were replayed.")
    ] = "off",
    frames: Annotated[
        int | None, typer.Option(help="How many frames to play [default: all once].", min=1)
    ] = None,
    pairs_from: Annotated[
        Path | None, typer.Option(help="Tape or result file: compute exactly its pairs again.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the result file.")] = False,
    *,
    opening: Opening,
) -> None:
    """Compute strain of every pair of a recording, through exactly the live node's step.

    Examples:

        musse-stream process arm.mhd --output strain.h5

        musse-stream process arm.mhd --output strain.npz --pairing stride --stride 3

        musse-stream process arm.mhd --loop bounce --pairs-from live.mcap --output again.h5
    """
    from rich.console import Console
    from rich.progress import track

    from streamer.config import load_config, result_settings
    from tools.log import log_to_stderr
    from tools.part import check_output
    from tools.playback import frames_of
    from tools.process import MAPS, PairMaps, process_pairs, spec_and_limits
    from tools.process import process as process_all
    from tools.processes import ctrl_c
    from tools.results.pairs import RecordedPair, read_pairs, same_settings
    from tools.results.provenance import provenance
    from tools.results.writer import ResultWriter

    log_to_stderr()
    if pairs_from is not None and any(given is not None for given in (frames, pairing, stride)):
        raise typer.BadParameter(
            "the result file says which pairs: leave out --frames, --pairing and --stride"
        )
    settings = load_config(
        config,
        options.given(
            engine={"name": engine, "weights": options.absolute(weights)},
            pairing={"mode": pairing, "stride": stride},
        ),
    )
    inputs = (file, pairs_from, config, weights)
    check_output(output, overwrite=overwrite, inputs=[path for path in inputs if path is not None])
    console = Console(stderr=True)
    refused = valid = otherwise = 0
    pairs: list[RecordedPair] = []

    def count_refused(index: int, error: Exception) -> None:
        nonlocal refused
        refused += 1
        console.print(f"frame {index} refused: {error}")

    with opening.open(file) as recording:
        if pairs_from is not None:
            pairs, attributes = read_pairs(pairs_from)
            same_settings(attributes, settings, *spec_and_limits(recording, settings), pairs_from)
            total = len(pairs)
            messages = process_pairs(recording, settings, pairs, loop)
        else:
            total = frames or frames_of(recording.n_frames, loop)
            messages = process_all(recording, settings, frames=total, loop=loop, on_refused=count_refused)
        header = recording.header(0, source_id="replay", session_id="0")
        maps = PairMaps(header)
        about = provenance(file, result_settings(settings), header)
        results = ResultWriter(output, MAPS, fused=True, provenance=about, overwrite=overwrite)
        with ctrl_c() as check, results as writer:
            for message in track(messages, "pairs", total=total, console=console):
                check()
                if pairs:
                    otherwise += message.header.rejection != pairs[writer.n_pairs].rejection
                writer.append(message.header, maps.of(message), message.fused)
                valid += message.header.rejection is None
        if otherwise:
            console.print(
                f"{otherwise} of {total} pairs are judged otherwise than in {pairs_from}: "
                "the node had another [quality], or got other frames"
            )
        typer.echo(f"{output}: {writer.n_pairs} pairs, {valid} with values, {refused} frames refused")
