"""`process --pairs-from`: the pairs of a file, computed again."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.root import ROOT
from tests.tools.process.processed import MAPS, contents, process
from tests.tools.programs import write_press
from tools.errors import RecordingError
from tools.results.description import describe_results


@pytest.fixture
def results(press: Path, trivial: dict[str, Any]) -> Path:
    return press.with_name("strain.h5")


def test_pairs_of_a_file_are_computed_again(press: Path, results: Path, tmp_path: Path) -> None:
    process(press, tmp_path / "a.h5", "--engine", "trivial", "--pairs-from", str(results))
    first, again = contents(results), contents(tmp_path / "a.h5")
    for name in (*MAPS, "relative_strain", "effective_pairs", "rejection", "interval"):
        np.testing.assert_array_equal(first[name], again[name])


def test_pairs_that_do_not_fit_are_refused_or_reported(press: Path, results: Path, tmp_path: Path) -> None:
    again = ("--pairs-from", str(results), "--engine")
    with pytest.raises(RecordingError, match="engine trivial there, reference here"):
        process(press, tmp_path / "a.h5", *again, "reference")
    (tmp_path / "region.toml").write_text("[region]\naxial_from = 2.0\naxial_to = 8.0\n")
    with pytest.raises(RecordingError, match=r"region whole frame there, 0\.00"):
        process(press, tmp_path / "a.h5", *again, "trivial", "--config", str(tmp_path / "region.toml"))
    with pytest.raises(RecordingError, match=r"has no frame 5.*--loop bounce"):
        process(write_press(tmp_path / "short.h5", 5), tmp_path / "a.h5", *again, "trivial")
    with pytest.raises(RecordingError, match="holds no strain results"):
        process(press, tmp_path / "a.h5", "--pairs-from", str(press), "--engine", "trivial")
    fine = (ROOT / "streamer" / "presets" / "fine.toml").read_text(encoding="utf-8")
    (tmp_path / "strict.toml").write_text(f"{fine}[quality]\nmax_strain = 0.001\n")
    output = process(press, tmp_path / "a.h5", *again, "trivial", "--config", str(tmp_path / "strict.toml"))
    assert "7 of 8 pairs have another reason for rejection" in " ".join(output.split())
    with pytest.raises(SystemExit) as caught:
        process(press, tmp_path / "b.h5", *again, "trivial", "--stride", "2")
    assert caught.value.code == 2


def test_a_rejection_of_a_newer_release_is_refused_by_name(
    press: Path, results: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "newer.h5"
    newer.write_bytes(results.read_bytes())
    with h5py.File(newer, "r+") as file:
        reasons = file["rejection"].asstr()[:]
        assert reasons[0] == "first"
        reasons[0] = "out_of_tune"
        file["rejection"][:] = reasons
    output = tmp_path / "a.h5"
    with pytest.raises(RecordingError, match=r"'out_of_tune'.*lacks; its reasons: first,"):
        process(press, output, "--pairs-from", str(newer), "--engine", "trivial")
    assert not output.exists()
    assert describe_results(newer)["rejections"]["out_of_tune"] == 1  # info shows it all the same
