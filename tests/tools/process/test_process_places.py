"""Values of `process` lie where the tissue lies."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.factory import open_estimator
from engine.simulation import Inclusion
from engine.simulation.scenario import SimulationSettings
from tests.echo_frames import STRAIN
from tests.tools.process.processed import contents, empty, process
from tests.tools.programs import STEPS
from tools.formats import open_recording
from tools.simulate import simulate_recording


def test_the_deviation_of_lateral_displacement_is_that_of_the_pairs_own_frames(phantom: Path) -> None:
    output = phantom.with_name("lateral.h5")
    process(phantom, output, "--engine", "reference")
    found = contents(output)
    with open_recording(phantom) as recording:
        frames = [recording.frame(k) for k in (1, 2)]
        spec = recording.header(0, source_id="a", session_id="0").acquisition
        estimator = open_estimator(
            "reference",
            shape=spec.shape,
            sampling_frequency=spec.sampling_frequency,
            center_frequency=spec.center_frequency,
            line_pitch=spec.line_pitch,
        )
        result = estimator.step(*frames)
    assert result.lateral_std is not None
    valid = np.isfinite(found["lateral_displacement"][2])
    np.testing.assert_array_equal(np.isfinite(found["lateral_std"][2]), valid)
    wanted = result.lateral_std() * spec.line_pitch
    np.testing.assert_allclose(found["lateral_std"][2][valid], wanted[valid], rtol=1e-4)
    assert not np.allclose(found["lateral_std"][3][valid], wanted[valid], rtol=1e-2)  # another pair's


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hard inclusion at 6 mm, 1.5 mm to the left."""
    hard = Inclusion(depth=6e-3, lateral=-1.5e-3, radius=2.2e-3, stiffness=5.0)
    settings = SimulationSettings(
        frames=5, shape=(800, 40), inclusions=(hard,), frame_rate=20.0, period=0.8, compression=0.02
    )
    path = tmp_path_factory.mktemp("phantom") / "phantom.h5"
    simulate_recording(path, settings)
    return path


def hardest(maps: NDArray[Any], rows: NDArray[Any], cols: NDArray[Any]) -> tuple[float, float]:
    """Centre of the hardest tenth, (depth, lateral) in metres."""
    hard = maps < np.nanquantile(maps, 0.1)
    weight = hard.sum()
    return float(hard.sum(axis=1) @ rows / weight), float(hard.sum(axis=0) @ cols / weight)


@pytest.mark.parametrize(("delay", "shift"), [(0.0, 0.0), (4e-6, 4e-6 * 1540 / 2)])
def test_an_inclusion_lies_where_it_is(phantom: Path, tmp_path: Path, delay: float, shift: float) -> None:
    process(phantom, tmp_path / "a.h5", "--engine", "reference", "--initial-time", str(delay))
    found = contents(tmp_path / "a.h5")
    best = np.nanargmax(np.where(found["rejection"] == b"", found["predicted_snre"], -1.0))
    single = found["axial_strain"][best] / found["mean_strain"][best]
    last = found["relative_strain"][~empty(found["relative_strain"])][-1]
    places = [
        hardest(single, found["axial_position"], found["lateral_position"]),
        hardest(last, found["fused_axial_position"], found["fused_lateral_position"]),
    ]
    for depth, lateral in places:
        assert depth == pytest.approx(6e-3 + shift, abs=0.6e-3)
        assert lateral == pytest.approx(-1.5e-3, abs=0.6e-3)
    # the control: it is nowhere near there in an image upside down
    depth, _ = hardest(single[::-1], found["axial_position"], found["lateral_position"])
    assert depth != pytest.approx(6e-3 + shift, abs=0.6e-3)


def test_the_fused_image_is_kept_beside_the_pairs(phantom: Path, tmp_path: Path) -> None:
    process(phantom, tmp_path / "a.h5", "--engine", "reference")
    found = contents(tmp_path / "a.h5")
    accepted = found["rejection"] == b""
    assert accepted.sum() >= 3
    n_pairs, n_rows, n_cols = found["relative_strain"].shape
    assert (n_pairs, n_rows, n_cols) == found["relative_std"].shape
    assert (n_rows, n_cols) == (found["fused_axial_position"].size, found["fused_lateral_position"].size)
    np.testing.assert_array_equal(empty(found["relative_strain"]), ~accepted)
    np.testing.assert_array_equal(np.isnan(found["effective_pairs"]), ~accepted)
    pairs = found["effective_pairs"][accepted]
    assert pairs[0] == 1.0
    assert (np.diff(pairs) > 0).all()
    middle = np.nanmedian(found["relative_strain"][accepted], axis=(1, 2))
    np.testing.assert_allclose(middle, 1.0, atol=0.15)  # 1 is the average, in press and release


def test_a_region_limits_what_holds_values(press: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[region]\naxial_from = 3.0\naxial_to = 7.0\n")
    process(press, tmp_path / "a.h5", "--engine", "trivial", "--config", str(tmp_path / "a.toml"))
    found = contents(tmp_path / "a.h5")
    holds = np.isfinite(found["axial_strain"]).any(axis=(0, 2))
    places = found["axial_position"][holds]
    assert 3e-3 <= places.min() < 3.3e-3
    assert 6.7e-3 < places.max() <= 7e-3
    limits = [float(number) for number in found["attributes"]["region"].split()]
    assert limits[:2] == pytest.approx([3e-3, 7e-3])


def test_cumulative_displacement_follows_the_hand(trivial: dict[str, Any]) -> None:
    reached = trivial["cumulative_axial_displacement"][1:]
    depth = trivial["axial_position"]
    for step, row in zip(STEPS[1:], reached, strict=True):
        pressed = -STRAIN * (step - STEPS[0]) * depth  # what was at depth z is at z (1 - strain)
        inside = slice(5, -8)
        np.testing.assert_allclose(row[inside, 3], pressed[inside], atol=3e-5)
    assert np.abs(reached).max() > 1e-4  # more than the tolerance: a row of zeros would fail
    assert empty(trivial["cumulative_axial_displacement"])[0]


def test_the_networks_grid_follows_the_region_not_the_frames(arm_dir: Path, tmp_path: Path) -> None:
    """In vivo the measured carrier lies near a rounding edge: maps of 128 and 144 rows took turns."""
    config = tmp_path / "region.toml"
    config.write_text('[region]\naxial_from = 3.0\naxial_to = 25.0\n[pairing]\nmode = "stride"\nstride = 3\n')
    output = tmp_path / "strain.h5"
    process(
        arm_dir / "rf0304_86.mhd", output, "--engine", "musse", "--loop", "bounce", "--config", str(config)
    )
    assert len(contents(output)["post_index"]) == 11
