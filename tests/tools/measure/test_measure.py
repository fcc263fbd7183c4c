"""Ratio, presses, best images and files: measured on images of known truth."""

import csv
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from streamer.config_file import load_config
from streamer.headers import FusedHeader, Grid
from tests.echo_frames import STRAIN, echoes, rf_header
from tests.tools.display.display_messages import fused_message
from tests.tools.programs import write_press
from tools.cli import app
from tools.errors import ToolError
from tools.formats import Acquisition, open_recording, write_recording
from tools.measure.best import best_frames, worth
from tools.measure.frames import ImageFrame
from tools.measure.offline import image_frames, of_messages
from tools.measure.quality import image_quality, region_mask
from tools.measure.ratio import as_row, measure, presses
from tools.measure.regions import Region, Regions, parse_regions

GRID = Grid(
    axial_start=1e-3, axial_step=0.2e-3, lateral_start=-15e-3, lateral_step=0.3e-3, probe_type="linear"
)
SHAPE = (180, 101)
A = Region(x=0, z=18, width=8, height=8)
B = Region(x=10, z=18, width=8, height=8)
REGIONS = Regions(a=A, b=B)


def image(
    strain: float | None = -0.006, *, lesion: float = 0.5, noise: float = 0.1, **fields: Any
) -> ImageFrame:
    """A lesion of 10 mm at 18 mm; errors correlated over 2 x 1 mm."""
    depth = (GRID.axial_start + GRID.axial_step * np.arange(SHAPE[0]))[:, None]
    across = (GRID.lateral_start + GRID.lateral_step * np.arange(SHAPE[1]))[None, :]
    relative = np.where((depth - 18e-3) ** 2 + across**2 < 5e-3**2, lesion, 1.0)
    sigmas = 1e-3 / GRID.axial_step, 0.5e-3 / GRID.lateral_step
    rng = np.random.default_rng(fields.pop("seed", 0))
    errors = gaussian_filter(rng.standard_normal(SHAPE), sigmas) * np.sqrt(4 * np.pi * sigmas[0] * sigmas[1])
    given: dict[str, Any] = {
        "session_id": "s", "frame_index": 1, "time": 0.0, "grid": GRID, "region": None,
        "relative_strain": (relative + noise * errors).astype(np.float32),
        "relative_std": np.full(SHAPE, noise, np.float32), "mean_strain": strain, "median_ncc": 0.95,
        "quality": 0.9, "pairs": 8.0, "time_constant": 0.5, "engine": "reference",
    }  # fmt: skip
    return ImageFrame(**{**given, **fields})


def test_the_ratio_is_that_of_mean_true_strain_and_its_deviation_is_honest() -> None:
    found = [measure(image(seed=seed), REGIONS).ratio for seed in range(60)]
    errors = np.array([np.log(r.value) - np.log(2.0) for r in found])
    sigmas = np.array([(np.log(r.high) - np.log(r.low)) / 2 / 1.96 for r in found])
    assert 0.8 <= np.sqrt(np.mean((errors / sigmas) ** 2)) <= 1.25
    assert abs(np.median(errors)) < 0.05
    assert np.median(sigmas * 1.96) < 0.2
    assert abs(np.log(measure(image(lesion=1.0), REGIONS).ratio.value)) < 0.1  # the control: no lesion


def test_what_makes_a_ratio_doubtful_is_said() -> None:
    deep = Regions(a=A, b=Region(x=10, z=30, width=6, height=6))
    assert any("12 mm apart in depth" in line for line in measure(image(), deep).warnings)
    holes = image()
    holes.relative_strain[60:90, 35:65] = np.nan
    assert any(line.startswith("A holds ") for line in measure(holes, REGIONS).warnings)
    outside = measure(image(), Regions(a=Region(x=100, z=18, width=8, height=8), b=B))
    assert outside.ratio.text == "unknown"
    assert as_row(outside, REGIONS)["ratio"] is None
    stated = measure(replace(image(), correlation_stated=True), REGIONS)
    assert stated.warnings == ()


@pytest.mark.parametrize(("shape", "left"), [("rectangle", 0.25), ("ellipse", 0.1955)])
def test_what_lies_beside_the_image_is_no_valid_pixel(shape: Any, left: float) -> None:
    edge = -15.15  # mm, of the map
    beside = Region(shape=shape, x=edge - 2, z=18, width=8, height=8)  # a quarter of its width is on the map
    found = measure(image(), Regions(a=beside, b=B))
    assert found.a.valid_share == pytest.approx(left, abs=0.03)
    assert any(line.startswith("A holds ") for line in found.warnings)
    inside = replace(image(), correlation_stated=True)
    touching = Regions(a=beside.model_copy(update={"x": edge + 4}), b=B)
    assert measure(inside, touching).a.valid_share == 1
    assert measure(inside, touching).warnings == ()


def test_a_region_under_a_curved_probe_ends_at_the_sector() -> None:
    curved = Grid(axial_start=1e-3, axial_step=0.2e-3, lateral_start=-0.4, lateral_step=0.008,
                  probe_type="curved", probe_radius=0.03)  # fmt: skip
    for x, expected in ((0.0, 1.0), (14.0, 1.0), (20.5, 0.5), (40.0, 0.0)):
        share = Region(x=x, z=18, width=6, height=6).share_on(curved, SHAPE)
        assert share == pytest.approx(expected, abs=0.1 if expected == 0.5 else 1e-9), x


def test_one_value_per_press_and_too_few_are_called_not_repeated() -> None:
    frames = []
    for number in range(100):
        strain = -0.006 * np.sin(2 * np.pi * number / 25)
        lesion = 0.25 if abs(strain) < 0.0055 else 0.5  # only the strongest frame of a press counts
        frames.append(image(strain, lesion=lesion, noise=0.01, frame_index=number, time=number / 25))
    result = presses(frames, REGIONS)
    assert len(result.values) == 4
    assert result.values == pytest.approx([2.0] * 4, rel=0.05)
    assert "in 4 presses" in result.text
    assert presses(frames[:45], REGIONS).text.startswith("not repeated (2 of 3")


@pytest.mark.parametrize(
    ("engine", "lesion", "noise", "green"),
    [
        ("musse", 0.4, 0.05, True),
        ("musse", 1.0, 0.05, False),  # flat
        ("musse", 0.4, 0.25, False),
        ("reference", 0.4, 0.05, False),  # with what its strain window erases
        ("reference", 0.4, 0.03, True),
    ],
)
def test_quality_is_green_where_contrast_stands_out_of_the_noise(
    engine: str, lesion: float, noise: float, green: bool
) -> None:
    made = image(lesion=lesion, noise=noise, engine=engine)
    quality = image_quality(made.relative_strain, made.relative_std, np.ones(SHAPE, bool), engine)
    assert (quality >= 0.6) is green


def test_best_images_are_one_per_press_and_never_flat_weak_or_too_strong() -> None:
    frames = []
    for press, (strain, noise, lesion) in enumerate(
        [
            (-0.006, 0.05, 0.5),
            (-0.006, 0.25, 0.5),
            (-0.0008, 0.05, 0.5),
            (-0.02, 0.05, 0.5),
            (-0.006, 0.02, 0.5),
        ]
    ):
        for step in range(5):
            made = image(
                strain, noise=noise, lesion=lesion, seed=10 * press + step, time=1.5 * press + 0.1 * step,
                frame_index=10 * press + step,
            )  # fmt: skip
            quality = image_quality(made.relative_strain, made.relative_std, np.ones(SHAPE, bool), "musse")
            frames.append(replace(made, quality=quality))
        frames.append(
            image(0.004, noise=0.25, time=1.5 * press + 0.6, frame_index=10 * press + 9, quality=0.1)
        )
    best = best_frames(frames)
    assert len(best) == 3
    assert {frame.frame_index // 10 for frame in best[:2]} == {0, 4}
    assert all(abs(a.time - b.time) >= 1 for a in best for b in best if a is not b)
    flat = replace(best[0], relative_strain=np.ones(SHAPE, np.float32))
    assert worth(flat) == 0
    assert worth(replace(best[0], mean_strain=0.016)) == 0


def test_images_are_not_ranked_by_their_contrast_but_by_noise_and_echo_match() -> None:
    hard, faint = (worth(image(lesion=lesion, noise=0.1, median_ncc=0.98)) for lesion in (0.2, 0.9))
    assert hard == pytest.approx(faint, rel=0.02)
    assert worth(image(noise=0.2, median_ncc=0.98)) < 0.9 * hard
    assert worth(image(noise=0.1, median_ncc=0.80)) < 0.9 * hard


def test_regions_are_read_with_every_mistake_at_once() -> None:
    with pytest.raises(ToolError) as caught:
        parse_regions('{"a": {"x": 1, "z": "deep", "width": -2, "height": 3}}')
    for words in ("a.z", "a.width", "b: Field required", '"shape"'):
        assert words in str(caught.value)


def test_an_ellipse_and_a_rectangle_cover_their_area() -> None:
    cell = 0.2 * 0.3
    assert A.mask(GRID, SHAPE).sum() * cell == pytest.approx(np.pi * 16, rel=0.03)
    rectangle = Region(shape="rectangle", x=0, z=18, width=8, height=8)
    assert rectangle.mask(GRID, SHAPE).sum() * cell == pytest.approx(64, rel=0.05)


def test_the_command_writes_the_table(tmp_path: Path) -> None:
    recording = write_press(tmp_path / "press.h5", 24)
    regions = (
        '{"a": {"x": -2, "z": 8, "width": 4, "height": 4}, "b": {"x": 2, "z": 8, "width": 4, "height": 4}}'
    )
    (tmp_path / "regions.json").write_text(regions)
    common = ["measure", str(recording), "--regions", str(tmp_path / "regions.json"), "--engine", "trivial"]
    one = CliRunner().invoke(
        app, [*common, "--csv", str(tmp_path / "a.csv"), "--json", str(tmp_path / "a.json")]
    )
    assert one.exit_code == 0, one.output
    assert "ratio B/A" in one.output
    assert "1 rows" not in one.output
    row = next(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert float(row["ratio"]) > 0
    assert "press" not in (tmp_path / "a.csv").read_text().splitlines()[1].split(",")[0]
    assert json.loads((tmp_path / "a.json").read_text())["rows"][0]["ratio"] == pytest.approx(
        float(row["ratio"])
    )
    settings = json.loads((tmp_path / "a.json").read_text())["settings"]
    assert settings["source_sha256"] == hashlib.sha256(recording.read_bytes()).hexdigest()
    again = CliRunner().invoke(app, [*common, "--csv", str(tmp_path / "a.csv")])
    assert isinstance(again.exception, Exception)  # exists
    every = CliRunner().invoke(app, [*common, "--every", "--csv", str(tmp_path / "b.csv")])
    assert every.exit_code == 0, every.output
    rows = list(csv.DictReader(io.StringIO((tmp_path / "b.csv").read_text())))
    assert len(rows) > 10
    chosen = CliRunner().invoke(app, [*common, "--frame", rows[3]["frame"]])
    assert f"frame {rows[3]['frame']}:" in chosen.output


def test_a_recording_whose_numbers_do_not_start_at_0_is_measured_as_a_replay_numbers_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "late.h5"
    with write_recording(path, Acquisition.from_header(rf_header(0))) as recording:
        for index in range(10):
            recording.append(
                echoes(STRAIN * (index % 3)), t_acq=10**12 + index * 20_000_000, frame_index=700 + index
            )
    settings = load_config(Path("fine"), {"engine": {"name": "trivial"}})
    with open_recording(path) as opened:
        frames = list(image_frames(opened, settings, with_bmode=True))
    assert [frame.frame_index for frame in frames] == list(range(1, 10))
    assert [frame.time for frame in frames] == pytest.approx([0.02 * index for index in range(1, 10)])
    assert all(frame.bmode is not None for frame in frames)


def test_presses_and_ranking_never_cross_a_change_of_engine_or_session() -> None:
    old = [image(-0.006, time=t, frame_index=int(10 * t), engine="musse") for t in (0.0, 1.5)]
    turn = [image(0.004, time=t, frame_index=int(10 * t)) for t in (2.0, 3.5)]
    new = [image(-0.006, time=3.0, frame_index=30)]
    frames = [old[0], old[1], turn[0], new[0], turn[1]]
    assert {frame.engine for frame in best_frames(frames)} == {"reference"}
    assert len(presses(frames, REGIONS).values) == 1
    same = [replace(frame, engine="reference") for frame in frames]  # the control
    assert len(presses(same, REGIONS).values) == 2


def test_outside_the_region_of_interest_there_is_no_value() -> None:
    """Window and page hatch it: nothing there may be measured either."""
    message = fused_message(region=(10e-3, 30e-3, -10e-3, 12e-3))
    assert isinstance(message.header, FusedHeader)
    maps = message.arrays["relative_strain"], message.arrays["relative_std"]
    found = of_messages(message.header, *maps, None, 0.0)
    inside = region_mask(found.grid, found.relative_strain.shape, found.region)
    np.testing.assert_array_equal(np.isfinite(found.relative_strain), inside)
    assert found.valid_share == 1.0


def test_under_a_curved_probe_windows_across_widen_with_the_beams() -> None:
    curved = Grid(axial_start=1e-3, axial_step=0.2e-3, lateral_start=-0.4, lateral_step=0.008,
                  probe_type="curved", probe_radius=0.03)  # fmt: skip
    shallow, deep = (Region(x=0, z=z, width=8, height=8) for z in (8, 30))
    found = measure(image(grid=curved), Regions(a=shallow, b=deep))
    assert (found.beams_a, found.beams_b) == pytest.approx((0.008 * 38, 0.008 * 60))  # mm
    row = as_row(found, Regions(a=shallow, b=deep))
    assert row["b_beam_spacing_mm"] == pytest.approx(0.48)
    # regions of one size in mm: fewer independent values lie in the deeper one, by the widening of the beams
    assert found.b.std / found.a.std == pytest.approx((60 / 38) ** 0.5, rel=0.15)
    linear = measure(image(), REGIONS)
    assert (linear.beams_a, linear.beams_b) == (None, None)
    assert as_row(linear, REGIONS)["a_beam_spacing_mm"] is None


def test_the_interval_uses_the_correlation_lengths_that_the_image_states() -> None:
    def measured(**fields: Any) -> tuple[float, bool]:
        message = fused_message(grid=GRID, relative=image().relative_strain, std=0.1, **fields)
        assert isinstance(message.header, FusedHeader)
        maps = message.arrays["relative_strain"], message.arrays["relative_std"]
        found = measure(of_messages(message.header, *maps, None, 0.0), REGIONS)
        return found.ratio.high - found.ratio.low, found.correlation_assumed

    width, assumed = measured()
    stated, still_assumed = measured(correlation_axial=4e-3, correlation_lateral=2e-3)
    assert (assumed, still_assumed) == (True, False)
    assert stated == pytest.approx(2 * width, rel=0.25)  # twice as long in both directions
    assert measured(correlation_axial=4e-3)[1]  # one of the two is none
