"""How tissue of any stiffness moves when pressed: plane-strain elasticity by finite elements.

Quadratic quadrilaterals on a regular mesh (linear ones lock near incompressibility); stiffness enters at the
quadrature points, so an inclusion may have any shape. One solve per geometry: the result is a motion field
per unit of compression that every frame scales. Needs scikit-fem (`pip install musse-stream[simulation]`).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineUnavailable, InvalidAcquisition
from engine.simulation.gridfield import GridField, grid_field

DoubleArray = NDArray[np.float64]
StiffnessMap = Callable[[DoubleArray, DoubleArray], DoubleArray]
"""(z, x) in metres -> shear modulus over that of the background, of the same shape."""


@dataclass(frozen=True, kw_only=True)
class TissueBlock:
    """A block of tissue, and what presses it. The probe face is at depth 0, lateral 0 is its middle."""

    height: float
    """m between the probe face and the bottom plate."""
    width: float
    """m; the sides are free."""
    probe_width: float | None = None
    """m of the top that the probe holds down, the rest is free; None: a plate as wide as the block."""
    element: float = 0.8e-3
    """m, edge of an element; displacement nodes lie half as far apart."""
    poisson: float = 0.495
    """Poisson's ratio: 0.5 is incompressible, 0.495 as near as quadratic elements stay accurate."""

    def __post_init__(self) -> None:
        if not (self.height > 5 * self.element and self.width > 5 * self.element):
            msg = (
                f"block of {self.height:g} x {self.width:g} m: needs 5 elements of {self.element:g} m a side"
            )
            raise InvalidAcquisition(msg)
        if not 0 <= self.poisson < 0.4995:
            raise InvalidAcquisition(f"poisson {self.poisson:g}: give 0 to 0.499 (0.495 for tissue)")
        if self.probe_width is not None and not 2 * self.element < self.probe_width <= self.width:
            raise InvalidAcquisition(
                f"probe_width {self.probe_width:g} m: wider than an element, within the block"
            )


def solve_compression(stiffness: StiffnessMap, block: TissueBlock, *, cache: Path | None = None) -> GridField:
    """The motion field of `block` pressed by 100 % of its height: bottom moves up, probe face stays.

    Plate and probe are frictionless. The outer medium beyond the block moves on straight from its border.
    `cache` is a folder: a geometry solved before is read from it. About 0.7 s for 1600 elements and 4 s for
    6400 on one core. Raises EngineUnavailable without scikit-fem, InvalidAcquisition where a stiffness is
    not positive.
    """
    try:
        import skfem
        from skfem.helpers import ddot, div, sym_grad
    except ImportError as error:
        msg = "solved phantoms need scikit-fem: pip install 'musse-stream[simulation]'"
        raise EngineUnavailable(msg) from error

    n_z, n_x = round(block.height / block.element), round(block.width / block.element)
    z = np.linspace(0.0, block.height, 2 * n_z + 1)
    x = np.linspace(-block.width / 2.0, block.width / 2.0, 2 * n_x + 1)
    mesh = skfem.MeshQuad.init_tensor(z[::2], x[::2])
    basis = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementQuad2()), intorder=4)
    at = basis.global_coordinates()
    shear = np.asarray(stiffness(np.asarray(at[0]), np.asarray(at[1])), dtype=np.float64)
    if not (np.isfinite(shear).all() and shear.min() > 0):
        raise InvalidAcquisition(
            f"stiffness from {shear.min():g} to {shear.max():g}: must be positive and finite"
        )
    stored = None if cache is None else cache / f"{_key(shear, block)}.npz"
    if stored is not None and stored.exists():
        with np.load(stored, allow_pickle=False) as arrays:
            return grid_field(arrays["u_z"], arrays["u_x"], z, x)

    @skfem.BilinearForm  # type: ignore[untyped-decorator]  # scikit-fem is untyped here
    def energy(u: Any, v: Any, w: Any) -> Any:
        return w.first_lame * div(u) * div(v) + 2.0 * w.shear * ddot(sym_grad(u), sym_grad(v))

    first_lame = shear * (2.0 * block.poisson / (1.0 - 2.0 * block.poisson))
    matrix = energy.assemble(basis, first_lame=first_lame, shear=shear)
    axial, lateral = (basis.get_dofs(elements=np.arange(mesh.nelements)).all(f"u^{c}") for c in (1, 2))
    place = basis.doflocs
    top = axial[np.isclose(place[0, axial], 0.0)]
    if block.probe_width is not None:
        top = top[np.abs(place[1, top]) <= block.probe_width / 2.0]
    bottom = axial[np.isclose(place[0, axial], block.height)]
    # One lateral value holds the block against sliding as a whole.
    below = lateral[np.isclose(place[0, lateral], block.height)]
    middle = below[np.argmin(np.abs(place[1, below]))]
    given = np.zeros(basis.N)
    given[bottom] = -block.height
    fixed = np.concatenate([top, bottom, [middle]])
    solution = skfem.solve(*skfem.condense(matrix, x=given, D=fixed))
    u_z, u_x = (_on_grid(solution, place, dofs, z, x) for dofs in (axial, lateral))
    if stored is not None:
        stored.parent.mkdir(parents=True, exist_ok=True)
        part = stored.with_suffix(f".{uuid4().hex[:8]}.part.npz")  # others may solve the same meanwhile
        np.savez(part, u_z=u_z, u_x=u_x)
        part.replace(stored)
    return grid_field(u_z, u_x, z, x)


def _on_grid(
    solution: DoubleArray, place: DoubleArray, dofs: NDArray[np.int64], z: DoubleArray, x: DoubleArray
) -> DoubleArray:
    """Nodal values of one component as (len(z), len(x)): nodes of quadratic squares form a regular grid."""
    grid = np.full((len(z), len(x)), np.nan)
    rows = np.rint((place[0, dofs] - z[0]) / (z[1] - z[0])).astype(np.intp)
    columns = np.rint((place[1, dofs] - x[0]) / (x[1] - x[0])).astype(np.intp)
    grid[rows, columns] = solution[dofs]
    return grid


def _key(shear: DoubleArray, block: TissueBlock) -> str:
    """Names a solve by everything its result depends on."""
    digest = hashlib.sha256(repr(block).encode())
    digest.update(np.ascontiguousarray(shear).tobytes())
    return digest.hexdigest()[:32]
