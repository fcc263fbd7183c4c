"""Figures and movies of a recording, without names in them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.tools.programs import write_press
from tools.cli import app
from tools.errors import ToolError

REGIONS = '{"a": {"x": -2, "z": 8, "width": 4, "height": 4}, "b": {"x": 2, "z": 8, "width": 4, "height": 4}}'


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording under a patient's name."""
    folder = tmp_path_factory.mktemp("Ada_Lovelace")
    return write_press(folder / "Lovelace_Ada.h5", 10)


def run(command: str, recording: Path, output: Path, *more: str) -> str:
    arguments = [command, str(recording), "--output", str(output), "--engine", "trivial", *more]
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None:
        raise result.exception
    return result.output


def stated(file: Path) -> dict[str, Any]:
    """What `info` reads out of an exported file."""
    result = CliRunner().invoke(app, ["info", str(file), "--json"])
    assert result.exit_code == 0, result.output
    facts: dict[str, Any] = json.loads(result.output)
    return facts


@pytest.mark.parametrize("ending", ["pdf", "svg", "png"])
def test_a_figure_shows_its_words_and_no_name(press: Path, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"figure.{ending}"
    printed = run("figure", press, output, "--regions", REGIONS)
    assert "figure" in printed
    data = output.read_bytes()
    assert len(data) > 5000
    assert b"ovelace" not in data
    if ending == "svg":
        text = data.decode()
        for words in ("HARD", "SOFT", "mm deep", " mm<", "1 average", "clinical: blue hard, red soft",
                      "B-mode", "Strain ratio B/A", "not stiffness"):  # fmt: skip
            assert words in text, words
    if ending == "png":
        drawn = cv2.imread(str(output))
        assert drawn is not None
        image = drawn.astype(int)
        assert ((image.max(axis=2) - image.min(axis=2)) > 60).mean() > 0.05  # colours
    assert stated(output)["source_sha256"] == hashlib.sha256(press.read_bytes()).hexdigest()
    again = tmp_path / f"again.{ending}"
    run("figure", press, again, "--regions", REGIONS)
    assert again.read_bytes() == data


@pytest.mark.parametrize("ending", ["webm", "mp4", "gif"])
def test_a_movie_holds_every_image_at_the_recordings_pace(
    press: Path, tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / f"talk.{ending}"
    printed = run("movie", press, output)
    assert "50.0 per second" in printed
    assert "not supported" not in capfd.readouterr().err  # OpenCV's own, about nothing
    assert b"ovelace" not in output.read_bytes()
    if ending == "gif":
        found, animation = cv2.imreadanimation(str(output))
        images = list(animation.frames)
        assert found
    else:
        reader = cv2.VideoCapture(str(output))
        images = []
        while (read := reader.read())[0]:
            images.append(read[1])
        assert reader.get(cv2.CAP_PROP_FPS) == pytest.approx(50, rel=0.05)
    assert len(images) == int(printed.split(": ")[1].split(" ")[0])
    facts = stated(output)
    assert facts["source_sha256"] == hashlib.sha256(press.read_bytes()).hexdigest()
    assert (facts["engine"], facts["last_frame"]) == ("trivial", 9)
    first, last = (np.asarray(image)[..., :3].astype(int) for image in (images[0], images[-1]))
    assert np.abs(first - last).mean() > 0.5  # it moves
    assert ((first.max(axis=2) - first.min(axis=2)) > 60).mean() > 0.05


def test_other_endings_and_missing_frames_are_named(press: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"ends in \.webm, \.mp4, \.gif"):
        run("movie", press, tmp_path / "a.avi")
    with pytest.raises(ToolError, match=r"ends in \.pdf, \.svg, \.png"):
        run("figure", press, tmp_path / "a.jpg")
    with pytest.raises(ToolError, match="no strain image of frame 99"):
        run("figure", press, tmp_path / "a.png", "--frame", "99")
    (tmp_path / "other.gif").write_bytes(b"GIF89a;")
    other = CliRunner().invoke(app, ["info", str(tmp_path / "other.gif")])
    assert "no figure or movie of this program" in str(other.exception)
