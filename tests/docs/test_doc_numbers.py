"""Numbers, commands and links in the documents are those of the code."""

import re
from pathlib import Path

import pytest

from engine.sequence.quality import Thresholds
from streamer import (
    admission,
    frame,
    frame_counters,
    health,
    http,
    link,
    ring,
    sockets,
    status,
    wire,
)
from streamer.config import Config
from tests.docs.commands_named import command_lines, mistakes
from tests.docs.docs_reading import DOCS
from tests.root import ROOT

DOCUMENTS = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]
CONFIG, LIMITS = Config(), Thresholds()
RING_FRAMES = ring.SPARE_SLOTS + 1  # of the default pairing: history 1, one more for a key frame

PROTOCOL_SAYS = [
    f"at most {wire.MAX_HEADER_BYTES // 1024} KiB",
    f"only after {admission.FORGET_SOURCE_AFTER:.0f} s of silence",
    f"cannot hold stride + {ring.SPARE_SLOTS} such frames",
    f"frames above {CONFIG.input.ring_bytes / RING_FRAMES / 1e6:.2f} million bytes",
    f"`input.max_frame_bytes` + {sockets.OVERHEAD_BYTES // 1024} KiB",
    f"({CONFIG.input.max_frame_bytes // 2**20} MiB by default)",
    f"more than {frame.SATURATED_SHARE * 100:g} % of the samples",
    f"span fewer than {frame.MIN_LEVELS} levels",
    f"with {sockets.KEEPALIVE_PROBES} probes {sockets.KEEPALIVE_INTERVAL} s apart",
    f"after {sockets.KEEPALIVE_IDLE} s of silence",
    f"after every disconnect, {link.RESET_PAUSE} s later",
    f"at most {sockets.MAX_REQUEST_BYTES} bytes long",
    f"no frame for {health.STALE_PERIODS} frame periods",
    f"at most {health.STALE_AT_MOST} s |",
    f"a number beyond {frame.LARGEST:g}".replace("+", ""),
    f"in the last {health.JUDGED_OVER:.0f} s more than {health.TOO_MANY * 100:g} %",
    f"failed on {health.FAULT_AFTER} pairs in a row",
    f"over the last {health.RATE_FRAMES} |",
    f"median of the last {frame_counters.RECENT} |",
    f"| {CONFIG.input.high_water_mark} frames; set the same",
    f"| {CONFIG.output.high_water_mark} messages per display, both sides |",
    f"median correlation below {LIMITS.min_ncc:.2f}",
    f"abs(mean strain) below {LIMITS.min_strain * 100:g} %",
    f"abs(mean strain) above {LIMITS.max_strain * 100:g} %",
    f"lateral motion above {LIMITS.max_lateral:g} lines",
    f"fewer than {LIMITS.min_one_sign * 100:g} % of the blocks of pixels",
    f"`{CONFIG.input.connect}`",
    f"`{CONFIG.output.bind}`",
    f"`{CONFIG.http.bind}`",
]
METRICS_SAY = [
    f"`{CONFIG.http.bind}` by default",
    f"{http.TIMEOUT:g} s without a byte or {http.LONGEST:g} s in all end one",
    f"503 after {status.PROGRESS_WITHIN:g} s without a turn",
]


@pytest.mark.parametrize(
    ("document", "sentence"),
    [("protocol.md", s) for s in PROTOCOL_SAYS] + [("metrics.md", s) for s in METRICS_SAY],
)
def test_the_documents_have_the_numbers_of_the_code(document: str, sentence: str) -> None:
    text = (DOCS / document).read_text(encoding="utf-8")
    assert " ".join(sentence.split()) in " ".join(text.split())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_that_are_named_exist(document: Path) -> None:
    for arguments in command_lines(document.read_text(encoding="utf-8")):
        assert mistakes(arguments) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`musse-stream fly`", ["no command 'fly'"]),
        ("```\nmusse-stream run --wings 2\n```\n", ["run has no option --wings"]),
        ("`musse-stream run --connect tcp://10.0.0.1:5560`", []),
    ],
)
def test_the_check_notices_commands_that_do_not_exist(text: str, expected: list[str]) -> None:
    (arguments,) = command_lines(text)
    assert mistakes(arguments) == expected


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8")):
        assert "://" in target or (document.parent / target).exists(), target
