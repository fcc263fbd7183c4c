"""Solved phantoms against theory; shapes and random fields; drawn geometries."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import EngineUnavailable, InvalidAcquisition
from engine.simulation.deformation import Mode, deformation_gradient, motion
from engine.simulation.fem import DoubleArray, TissueBlock, solve_compression
from engine.simulation.field import Inclusion, InclusionCompression, MotionField
from engine.simulation.geometry import draw_geometry
from engine.simulation.tissue import Ellipse, Layer, Lesion, RandomStiffness, elastic_phantom

needs_skfem = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("skfem"), reason="scikit-fem (extra: simulation)"
)
BLOCK = TissueBlock(height=40e-3, width=40e-3, element=0.65e-3)


def axial_strain(field: MotionField, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    zz, *_ = deformation_gradient(motion([Mode(field=field, amplitude=np.ones(1))]), 0, z, x)
    return zz - 1.0


def disc(radius: float) -> tuple[torch.Tensor, torch.Tensor]:
    around = torch.linspace(-radius, radius, 25, dtype=torch.float64)
    z, x = torch.meshgrid(around, around, indexing="ij")
    inside = z**2 + x**2 <= radius**2
    return z[inside] + 20e-3, x[inside]


@needs_skfem
@pytest.mark.parametrize("stiffness", [2.0, 3.0, 5.0])
def test_a_solved_inclusion_strains_as_theory_predicts(stiffness: float) -> None:
    inclusion = Inclusion(depth=20e-3, radius=4e-3, stiffness=stiffness)
    phantom = elastic_phantom(BLOCK, [inclusion])
    inner = axial_strain(phantom.compression, *disc(2e-3))
    assert float(-inner.mean()) == pytest.approx(2.0 / (1.0 + stiffness), rel=0.03)
    assert float(-inner.mean()) != pytest.approx(1.0 / stiffness, rel=0.1)  # negative control: no Eshelby
    # and around it the closed form holds, away from the border that the mesh smears and from the plates
    z, x = disc(8e-3)
    around = torch.hypot(z - 20e-3, x) > 5.2e-3
    theory = axial_strain(InclusionCompression((inclusion,)), z[around], x[around])
    found = axial_strain(phantom.compression, z[around], x[around])
    uniform = torch.full_like(theory, -1.0)
    assert float((found - theory).abs().mean()) < 0.3 * float((found - uniform).abs().mean())


@needs_skfem
def test_a_finite_probe_holds_the_tissue_under_it_and_strains_the_middle_most() -> None:
    block = TissueBlock(height=40e-3, width=80e-3, element=2e-3, probe_width=20e-3)
    field = solve_compression(lambda z, x: np.ones_like(z), block)
    depth = torch.tensor([15e-3, 25e-3, 38e-3], dtype=torch.float64)
    shallow, middle, deep = (-axial_strain(field, depth, torch.zeros_like(depth))).tolist()
    assert shallow > middle > deep > 0
    # the probe holds the tissue under it, and tissue beside it comes up
    face_z, face_x = torch.zeros(3).double(), torch.tensor([0.0, 8e-3, 20e-3]).double()
    u_z, _ = field.displacement(face_z, face_x)
    assert float(u_z[:2].abs().max()) < 1e-6
    assert float(u_z[2]) < -5e-3
    plates = solve_compression(
        lambda z, x: np.ones_like(z), TissueBlock(height=40e-3, width=80e-3, element=2e-3)
    )
    assert torch.allclose(
        axial_strain(plates, depth, torch.zeros_like(depth)), -torch.ones(3).double(), atol=1e-6
    )


@needs_skfem
def test_a_geometry_is_solved_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import skfem

    block = TissueBlock(height=20e-3, width=20e-3, element=2e-3)
    soft = Layer(top=5e-3, bottom=10e-3, stiffness=0.5)
    first = elastic_phantom(block, [soft], cache=tmp_path).compression

    def refuse(*_: object) -> None:
        raise AssertionError("solved again")

    monkeypatch.setattr(skfem, "solve", refuse)
    again = elastic_phantom(block, [soft], cache=tmp_path).compression
    z, x = torch.tensor([7e-3]).double(), torch.tensor([1e-3]).double()
    assert first.displacement(z, x) == again.displacement(z, x)
    with pytest.raises(
        AssertionError, match="solved again"
    ):  # negative control: another stiffness is another solve
        elastic_phantom(block, [Layer(top=5e-3, bottom=10e-3, stiffness=0.6)], cache=tmp_path)


@needs_skfem
def test_two_that_solve_the_same_at_once_keep_a_whole_solution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = TissueBlock(height=20e-3, width=20e-3, element=2e-3)
    soft = Layer(top=5e-3, bottom=10e-3, stiffness=0.5)
    write = np.savez

    def while_another_does(file: Path, **arrays: Any) -> None:
        write(file, **arrays)
        monkeypatch.setattr(np, "savez", write)
        elastic_phantom(block, [soft], cache=tmp_path)

    monkeypatch.setattr(np, "savez", while_another_does)
    elastic_phantom(block, [soft], cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    with np.load(kept) as arrays:
        assert set(arrays) == {"u_z", "u_x"}


def test_without_scikit_fem_the_error_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skfem", None)
    with pytest.raises(EngineUnavailable, match="scikit-fem"):
        elastic_phantom(BLOCK)


def test_shapes_hold_what_they_should() -> None:
    z = torch.tensor([20e-3, 20e-3, 24e-3]).double()
    x = torch.tensor([0.0, 4e-3, 0.0]).double()
    ellipse = Ellipse(depth=20e-3, lateral=0.0, semi_axes=(2e-3, 5e-3))
    assert ellipse.holds(z, x).tolist() == [True, True, False]
    turned = Ellipse(depth=20e-3, lateral=0.0, semi_axes=(2e-3, 5e-3), angle=np.pi / 2)
    assert turned.holds(z, x).tolist() == [True, False, True]
    lesion = Lesion(depth=20e-3, lateral=0.0, radius=3.5e-3, waves=((0.3, 0.0),))
    assert lesion.holds(z, x).tolist() == [True, True, False]
    sloping = Layer(top=19e-3, bottom=22e-3, slope=1.0)
    assert sloping.holds(z, x).tolist() == [True, False, False]


def test_random_stiffness_has_its_spread_and_correlation() -> None:
    field = RandomStiffness(correlation_length=4e-3, spread=0.4, seed=1)
    z, x = np.meshgrid(np.arange(0, 0.4, 1e-3), np.arange(0, 0.4, 1e-3), indexing="ij")
    log: DoubleArray = np.log(field.ratio(z, x))
    assert log.std() == pytest.approx(0.4, rel=0.05)
    assert abs(log.mean()) < 0.03
    apart = np.log(field.ratio(z + 4e-3, x))
    assert np.corrcoef(log.ravel(), apart.ravel())[0, 1] == pytest.approx(np.exp(-1), abs=0.05)
    other = RandomStiffness(correlation_length=4e-3, spread=0.4, seed=2)
    assert abs(np.corrcoef(log.ravel(), np.log(other.ratio(z, x)).ravel())[0, 1]) < 0.1


def test_geometries_come_in_the_wanted_shares() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_geometry(BLOCK, image=(38e-3, 38e-3), rng=rng) for _ in range(600)]
    share = {kind: count / 600 for kind, count in Counter(geometry.kind for geometry in drawn).items()}
    assert share["plain"] == pytest.approx(0.3, abs=0.05)
    assert share["random-field"] + share["lesion"] == pytest.approx(0.35, abs=0.05)
    assert share["ellipse"] < 0.4
    again = draw_geometry(BLOCK, image=(38e-3, 38e-3), rng=np.random.default_rng(0))
    assert again == drawn[0]


def test_impossible_tissue_is_refused_by_name() -> None:
    with pytest.raises(InvalidAcquisition, match="poisson"):
        TissueBlock(height=40e-3, width=40e-3, poisson=0.5)
    with pytest.raises(InvalidAcquisition, match="probe_width"):
        TissueBlock(height=40e-3, width=40e-3, probe_width=0.1)
    with pytest.raises(InvalidAcquisition, match="less than 1"):
        Lesion(depth=1e-2, lateral=0, radius=1e-3, waves=((0.6, 0), (0.6, 0)))
    with pytest.raises(InvalidAcquisition, match="correlation_length"):
        RandomStiffness(correlation_length=0.0)


@needs_skfem
def test_a_stiffness_of_zero_is_refused() -> None:
    with pytest.raises(InvalidAcquisition, match="must be positive"):
        solve_compression(lambda z, x: np.zeros_like(z), TissueBlock(height=20e-3, width=20e-3, element=2e-3))
