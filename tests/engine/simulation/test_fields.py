"""Spheres, slip boundaries and vessels."""

import numpy as np
import pytest
import torch

from engine.simulation.deformation import Mode, deformation_gradient, motion, pair_motion, positions
from engine.simulation.field import (
    Inclusion,
    SlipBoundary,
    SphereCompression,
    UniformCompression,
    VesselPulsation,
)
from engine.simulation.gridfield import grid_field


def points(n: int = 3000) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.uniform(1e-3, 38e-3, n)), torch.from_numpy(rng.uniform(-18e-3, 18e-3, n))


@pytest.mark.parametrize("stiffness", [0.5, 3.0, 10.0])
def test_a_sphere_strains_by_five_over_three_plus_two_k(stiffness: float) -> None:
    sphere = Inclusion(depth=20e-3, radius=5e-3, stiffness=stiffness)
    z, x = points()
    field = SphereCompression(sphere=sphere)
    zz, _, _, xx = deformation_gradient(motion([Mode(field=field, amplitude=np.ones(1))]), 0, z, x)
    inside = sphere.holds(z, x)
    expected = torch.full_like(z, -5.0 / (3.0 + 2.0 * stiffness))
    assert torch.allclose(zz[inside] - 1.0, expected[inside])
    # incompressible in three dimensions: by symmetry the third strain is u_x / x in this plane
    third = field.displacement(z, x)[1] / x
    assert float((zz + xx - 2.0 + third).abs().max()) < 1e-9
    # far away nothing is left of the sphere: -1 between plates
    far = deformation_gradient(
        motion([Mode(field=field, amplitude=np.ones(1))]), 0, torch.ones(1).double(), torch.ones(1).double()
    )
    assert float(far[0]) - 1.0 == pytest.approx(-1.0, abs=1e-5)


@pytest.mark.parametrize("angle", [0.2, 1.1, 2.5])
def test_a_sphere_sticks_to_its_surroundings(angle: float) -> None:
    sphere = Inclusion(depth=20e-3, radius=5e-3, stiffness=3.0)
    radius = sphere.radius * torch.tensor([1 - 1e-9, 1 + 1e-9], dtype=torch.float64)
    u_z, u_x = SphereCompression(sphere=sphere).displacement(
        sphere.depth + radius * np.sin(angle), radius * np.cos(angle)
    )
    assert float((u_z[1] - u_z[0]).abs()) < 1e-10
    assert float((u_x[1] - u_x[0]).abs()) < 1e-10


def test_slip_moves_one_side_along_the_boundary_and_truth_follows_it() -> None:
    boundary = SlipBoundary(depth=15e-3, angle=0.3)
    moves = motion(
        [
            Mode(field=UniformCompression(), amplitude=np.array([0.0, 0.01])),
            Mode(field=boundary, amplitude=np.array([0.0, 0.5e-3])),
        ]
    )
    z, x = points()
    below = z > 15e-3 + x * np.tan(0.3)
    truth = pair_motion(moves, 0, 1, z, x)
    assert torch.allclose(truth.axial, -0.01 * z + below * 0.5e-3 * np.sin(0.3))
    assert torch.allclose(truth.lateral, 0.01 * x + below * 0.5e-3 * np.cos(0.3))
    # the way back, from a frame in which the sides have slid: scatterers give their earlier positions
    seen = positions(moves, 1, z, x)
    back = pair_motion(moves, 1, 0, *seen)
    valid = ~torch.isnan(back.axial)
    assert float(valid.double().mean()) > 0.995
    # where the sides overlap two points share one place, and either answer is true
    same = (back.axial - (z - seen[0])).abs() < 1e-8
    assert float(same[valid].double().mean()) > 0.995
    # where tissue has opened nothing is: no displacement, and no strain either
    edge_z, edge_x = (seen[:50] for seen in positions(moves, 1, 15e-3 + x * np.tan(0.3), x))
    opened = pair_motion(moves, 1, 0, edge_z[:, None] + torch.linspace(-2e-5, 2e-5, 81), edge_x[:, None])
    assert 0 < int(opened.axial.isnan().sum()) < opened.axial.numel() / 2
    assert bool(opened.axial_strain.isnan().eq(opened.axial.isnan()).all())


def test_a_vessel_pushes_incompressible_tissue_aside() -> None:
    vessel = VesselPulsation(depth=20e-3, lateral=2e-3, radius=3e-3)
    z, x = points()
    zz, _, _, xx = deformation_gradient(motion([Mode(field=vessel, amplitude=np.ones(1))]), 0, z, x)
    outside = torch.hypot(z - 20e-3, x - 2e-3) > 3e-3
    assert float((zz + xx - 2.0)[outside].abs().max()) < 1e-9
    wall_z, wall_x = torch.tensor([23e-3]).double(), torch.tensor([2e-3]).double()
    assert float(vessel.displacement(wall_z, wall_x)[0]) == pytest.approx(3e-3)


def test_a_point_that_is_nowhere_has_no_displacement_on_a_grid_either() -> None:
    z, x = np.linspace(0.0, 30e-3, 31), np.linspace(-10e-3, 10e-3, 21)
    field = grid_field(-np.broadcast_to(z[:, None], (31, 21)), np.broadcast_to(x[None, :], (31, 21)), z, x)
    there = torch.tensor([5e-3, torch.nan, 7e-3]).double(), torch.tensor([0.0, 1e-3, torch.nan]).double()
    u_z, u_x = field.displacement(*there)
    assert u_z.isnan().tolist() == u_x.isnan().tolist() == [False, True, True]
    assert float(u_z[0]) == pytest.approx(-5e-3)
