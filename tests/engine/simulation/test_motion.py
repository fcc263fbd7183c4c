"""Motion fields and the truth that follows from them."""

import numpy as np
import pytest
import torch

from engine.errors import InvalidAcquisition
from engine.simulation.deformation import (
    Mode,
    Motion,
    deformation_gradient,
    motion,
    pair_motion,
    positions,
    rest_positions,
)
from engine.simulation.field import Inclusion, InclusionCompression, MotionField, UniformCompression
from engine.simulation.gridfield import grid_field

INCLUSION = Inclusion(depth=20e-3, lateral=1e-3, radius=5e-3, stiffness=3.0)


def points(n: int = 4000, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(1e-3, 38e-3, n)), torch.from_numpy(rng.uniform(-18e-3, 18e-3, n))


def strains(field: MotionField, z: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Displacement gradient of a unit of the field."""
    zz, zx, xz, xx = deformation_gradient(motion([Mode(field=field, amplitude=np.ones(1))]), 0, z, x)
    return zz - 1.0, zx, xz, xx - 1.0


@pytest.mark.parametrize("stiffness", [0.25, 2.0, 3.0, 5.0])
def test_strain_inside_a_round_inclusion_is_two_over_one_plus_k(stiffness: float) -> None:
    inclusion = Inclusion(depth=20e-3, radius=5e-3, stiffness=stiffness)
    z, x = points()
    inside = inclusion.holds(z, x)
    zz, zx, xz, xx = strains(InclusionCompression((inclusion,)), z[inside], x[inside])
    assert torch.allclose(zz, torch.full_like(zz, -2.0 / (1.0 + stiffness)))
    assert torch.allclose(xx, -zz)
    assert float(zx.abs().max()) < 1e-12
    assert float(xz.abs().max()) < 1e-12


def test_the_field_is_incompressible_and_balances_its_stresses() -> None:
    z, x = points()
    field = InclusionCompression((INCLUSION,))
    zz, _, _, xx = strains(field, z, x)
    assert float((zz + xx).abs().max()) < 1e-12

    # Outside, Stokes: the curl of the Laplacian of u vanishes (no body force); by central differences.
    step = 2e-4

    def curl_of_laplacian(at_z: torch.Tensor, at_x: torch.Tensor) -> torch.Tensor:
        def laplacian(dz: float, dx: float) -> tuple[torch.Tensor, torch.Tensor]:
            total_z, total_x = torch.zeros_like(at_z), torch.zeros_like(at_x)
            for mz, mx, weight in ((1, 0, 1), (-1, 0, 1), (0, 1, 1), (0, -1, 1), (0, 0, -4)):
                u_z, u_x = field.displacement(at_z + dz + mz * step, at_x + dx + mx * step)
                total_z, total_x = total_z + weight * u_z, total_x + weight * u_x
            return total_z / step**2, total_x / step**2

        across = (laplacian(0, step)[0] - laplacian(0, -step)[0]) / (2 * step)
        along = (laplacian(step, 0)[1] - laplacian(-step, 0)[1]) / (2 * step)
        return across - along

    ring = INCLUSION.radius * 1.6
    angle = torch.linspace(0, 6.2, 50, dtype=torch.float64)
    away_z, away_x = INCLUSION.depth + ring * angle.sin(), INCLUSION.lateral + ring * angle.cos()
    scale = 1.0 / INCLUSION.radius**2  # size of one second derivative of strain
    assert float(curl_of_laplacian(away_z, away_x).abs().max()) < 0.02 * scale


@pytest.mark.parametrize("angle", np.linspace(0.1, 6.1, 7))
def test_displacement_and_traction_are_continuous_at_the_border(angle: float) -> None:
    n_z, n_x = np.sin(angle), np.cos(angle)
    radius = INCLUSION.radius * torch.tensor([1 - 1e-9, 1 + 1e-9], dtype=torch.float64)
    z, x = INCLUSION.depth + n_z * radius, INCLUSION.lateral + n_x * radius
    field = InclusionCompression((INCLUSION,))
    u_z, u_x = field.displacement(z, x)
    assert abs(float(u_z[1] - u_z[0])) < 1e-9 * INCLUSION.radius * 10
    assert abs(float(u_x[1] - u_x[0])) < 1e-9 * INCLUSION.radius * 10
    zz, zx, xz, xx = strains(field, z, x)
    # shear traction along the border: mu t . (grad u + grad u^T) . n with t = (n_x, -n_z)
    shear = n_x * n_z * 2 * (zz - xx) + (zx + xz) * (n_x**2 - n_z**2)
    modulus = torch.tensor([INCLUSION.stiffness, 1.0], dtype=torch.float64)
    traction = modulus * shear
    assert float(traction[1]) == pytest.approx(float(traction[0]), abs=1e-6)


def test_grid_field_follows_the_function_it_was_sampled_from() -> None:
    z, x = np.linspace(-2e-3, 42e-3, 89), np.linspace(-22e-3, 22e-3, 89)
    grid_z, grid_x = np.meshgrid(z, x, indexing="ij")
    bend = 1e-3 * np.sin(grid_z / 4e-3) * np.cos(grid_x / 5e-3)
    field = grid_field(bend, -bend, z, x)
    at_z, at_x = points()
    u_z, u_x = field.displacement(at_z, at_x)
    truth = 1e-3 * torch.sin(at_z / 4e-3) * torch.cos(at_x / 5e-3)
    assert float((u_z - truth).abs().max()) < 1e-7
    assert torch.equal(u_z, -u_x)
    zz, *_ = strains(field, at_z, at_x)
    assert float((zz - 0.25 * torch.cos(at_z / 4e-3) * torch.cos(at_x / 5e-3)).abs().max()) < 2e-4


def test_grid_field_continues_straight_beyond_its_border() -> None:
    z, x = np.linspace(0, 10e-3, 21), np.linspace(-5e-3, 5e-3, 21)
    grid_z, grid_x = np.meshgrid(z, x, indexing="ij")
    field = grid_field(-grid_z, grid_x, z, x)
    far_z, far_x = torch.tensor([5e-3, 13e-3]).double(), torch.tensor([7e-3, 0.0]).double()
    u_z, u_x = field.displacement(far_z, far_x)
    assert torch.allclose(u_z, -far_z, rtol=1e-4, atol=1e-8)
    assert torch.allclose(u_x, far_x, rtol=1e-4, atol=1e-8)


def moving() -> Motion:
    press = np.array([0.0, 0.02, 0.035])
    return motion(
        [Mode(field=InclusionCompression((INCLUSION,)), amplitude=press)],
        axial_shift=np.array([0.0, 2e-4, -1e-4]),
        lateral_shift=np.array([0.0, -1e-4, 3e-4]),
        rotation=np.array([0.0, 0.01, -0.02]),
    )


def test_rest_positions_undo_positions() -> None:
    moves = moving()
    z, x = points()
    seen = positions(moves, 2, z, x)
    back_z, back_x = rest_positions(moves, 2, *seen)
    assert float((back_z - z).abs().max()) < 1e-9
    assert float((back_x - x).abs().max()) < 1e-9


def test_pair_truth_is_what_moved_scatterers_do_and_rest_truth_is_not() -> None:
    moves = moving()
    rest = points()
    before_z, before_x = positions(moves, 1, *rest)
    after_z, after_x = positions(moves, 2, *rest)
    truth = pair_motion(moves, 1, 2, before_z, before_x)
    assert float((truth.axial - (after_z - before_z)).abs().max()) < 1e-9
    assert float((truth.lateral - (after_x - before_x)).abs().max()) < 1e-9
    # negative control: the same difference of fields taken at rest coordinates is wrong by u du/dz
    naive_z, _ = positions(moves, 2, before_z, before_x)
    first_z, _ = positions(moves, 1, before_z, before_x)
    assert float((naive_z - first_z - truth.axial).abs().max()) > 5e-6


def test_strain_is_the_slope_of_displacement_on_the_pre_frames_coordinates() -> None:
    moves = moving()
    z, x = points()
    step = 1e-6
    clear = (torch.hypot(z - INCLUSION.depth, x - INCLUSION.lateral) - INCLUSION.radius).abs() > 2e-3
    z, x = z[clear], x[clear]
    slope = (pair_motion(moves, 1, 2, z + step, x).axial - pair_motion(moves, 1, 2, z - step, x).axial) / (
        2 * step
    )
    assert torch.allclose(pair_motion(moves, 1, 2, z, x).axial_strain, slope, atol=2e-4, rtol=0)


def test_swapping_pre_and_post_undoes_the_motion() -> None:
    moves = motion([Mode(field=UniformCompression(), amplitude=np.array([0.0, 0.02]))])
    z, x = points(10)
    there, back = pair_motion(moves, 0, 1, z, x), pair_motion(moves, 1, 0, z, x)
    assert torch.allclose(there.axial_strain, torch.full_like(z, -0.02))
    assert torch.allclose(back.axial_strain, torch.full_like(z, 1 / 0.98 - 1))


def test_impossible_motion_is_refused_by_name() -> None:
    with pytest.raises(InvalidAcquisition, match="at least one mode"):
        motion([])
    with pytest.raises(InvalidAcquisition, match="one value per frame"):
        motion([Mode(field=UniformCompression(), amplitude=np.zeros(3))], elevation=np.zeros(2))
    with pytest.raises(InvalidAcquisition, match="radius"):
        Inclusion(depth=1e-2, radius=0.0)
    with pytest.raises(InvalidAcquisition, match="equal steps"):
        grid_field(np.zeros((9, 9)), np.zeros((9, 9)), np.arange(9.0) ** 2, np.arange(9.0))
