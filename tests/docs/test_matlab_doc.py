"""The MATLAB page's code runs in Octave, on a result file, and finds what h5py finds."""

import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from typer.testing import CliRunner

from tests.docs.docs_reading import DOCS
from tests.tools.programs import write_press
from tools.cli import app

OCTAVE = shutil.which("octave-cli") or ""
# Octave has no h5read. This one takes the arrays from a .mat, where they lie as MATLAB's h5read gives them.
H5READ = """function value = h5read(file, name)
  value = load("strain.mat").(name(2:end));
end
"""


@pytest.mark.long
@pytest.mark.skipif(not OCTAVE, reason="needs octave")
def test_the_page_reads_a_result_file(tmp_path: Path) -> None:
    recording = write_press(tmp_path / "press.h5")
    arguments = ["process", str(recording), "--output", str(tmp_path / "strain.h5"), "--engine", "trivial"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    blocks = re.findall(r"^```matlab\n(.*?)^```$", (DOCS / "matlab.md").read_text("utf-8"), re.M | re.S)
    (tmp_path / "h5read.m").write_text(H5READ)
    with h5py.File(tmp_path / "strain.h5") as file:
        arrays = {name: file[name][:].T for name in file if name in "".join(blocks)}
    savemat(tmp_path / "strain.mat", arrays, oned_as="column")
    # the image itself needs a screen
    script = re.sub(r"^imagesc.*$", "disp([numel(across), numel(depth)]);", "".join(blocks), flags=re.M)
    (tmp_path / "page.m").write_text(script)
    done = subprocess.run(
        [OCTAVE, "--no-gui", "-q", "page.m"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    found = re.search(r"pair (\d+) at ([\d.]+) s: mean strain (\S+) %\n\s*(\d+)\s+(\d+)", done.stdout)
    assert found, done.stderr
    with h5py.File(tmp_path / "strain.h5") as file:
        strain = file["axial_strain"][:]
        last = int(np.flatnonzero(np.isfinite(strain).any(axis=(1, 2)))[-1])
        assert int(found[1]) == last + 1  # from 1
        assert float(found[2]) == pytest.approx(file["t_acq"][last] * 1e-9, abs=0.01)
        assert float(found[3]) == pytest.approx(100 * np.nanmean(strain[last]), abs=0.002)
        assert (int(found[4]), int(found[5])) == (strain.shape[2], strain.shape[1])
