"""The coupling of a prior strain with measured displacement: identities, and a dense solve as the truth."""

from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.musse import coupling, measurement
from engine.musse.coupling import Coupled, couple, integrated, posterior_share, reduce
from engine.musse.tracking_features import TrackingFeatures
from tests.engine.musse.measured_cells import counted, measured_cells

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS, COLS = 120, 12
PRIOR, TRUTH = 0.010, 0.012
STD = 0.002
SCALE = torch.full((1, 1, 1), 0.01)
ARANGE = torch.arange


def measured(motion: Tensor, coherence: float = 0.99) -> TrackingFeatures:
    """Cells whose phase is exactly what a warp by 99 % of `motion` (1, rows, cols) leaves."""
    return measured_cells(motion, 0.99 * motion, coherence)


def uniform(strain: float) -> Tensor:
    return torch.full((1, ROWS, COLS), strain)


def wavy() -> Tensor:
    """Displacement of `TRUTH` with a ripple of 40 rows and a tilt across the lines."""
    row = torch.arange(ROWS, dtype=torch.float32)[:, None]
    col = torch.arange(COLS, dtype=torch.float32)
    return (TRUTH * row + 0.03 * torch.sin(2 * np.pi * row / 40) + 0.01 * col)[None] + 3.0


def coupled(cells: TrackingFeatures, std: float = STD, scale: Tensor = SCALE) -> Coupled:
    return couple(counted(cells, uniform(PRIOR)), uniform(PRIOR), uniform(std), scale)


def rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def inner(values: Tensor) -> Tensor:
    return values[:, 4:-4]


# --- limits


def test_without_any_measurement_the_prior_stays() -> None:
    """v to infinity."""
    cells = measured(wavy())
    nothing = coupled(replace(cells, coverage=torch.zeros_like(cells.coverage)))
    assert torch.equal(nothing.strain, uniform(PRIOR))
    assert rms(nothing.axial - integrated(uniform(PRIOR))) < 1e-6
    assert rms(nothing.std_share - 1.0) < 1e-3
    assert rms(coupled(cells).strain - uniform(PRIOR)) > 1e-3  # the control: a measurement counts


def test_a_certain_measurement_is_taken_as_it_is() -> None:
    """v to 0 against a prior that allows everything."""
    motion = wavy()
    certain = coupled(measured(motion, 0.9999), std=1.0, scale=100 * SCALE)
    assert rms(inner(certain.axial - motion)) < 5e-4
    row = torch.arange(ROWS)[:, None]
    strain = TRUTH + 0.03 * 2 * np.pi / 40 * torch.cos(2 * np.pi * row / 40)
    assert rms(inner(certain.strain - strain)) < 1e-4
    uncertain = coupled(measured(motion, 0.55), std=1e-4)  # the control
    assert rms(inner(uncertain.axial - motion)) > 5e-3


def test_the_posterior_is_never_less_certain_than_the_prior() -> None:
    for coherence in (0.55, 0.9, 0.9999):
        for std in (1e-6, 1e-3, 0.1, 10.0):
            found = coupled(measured(wavy(), coherence), std).std_share
            assert float(found.max()) <= 1.0
            assert float(found.min()) > 0.0
    # the control: it is more certain where the measurement is
    assert float(coupled(measured(wavy(), 0.9999), 0.1, 100 * SCALE).std_share.max()) < 0.5


def test_displacement_differs_between_rows_by_the_mean_of_their_strain() -> None:
    found = coupled(measured(wavy()))
    steps, strain = found.axial.diff(dim=1), 0.5 * (found.strain[:, 1:] + found.strain[:, :-1])
    assert float((steps - strain).abs().max()) < 5e-6
    assert float((steps - found.strain[:, 1:]).abs().max()) > 5e-5  # the control: of one row alone


def test_the_mean_strain_is_the_measured_one() -> None:
    motion = wavy()
    true = float((inner(motion)[:, -1] - inner(motion)[:, 0]).mean()) / (ROWS - 9)
    mean = float(inner(coupled(measured(motion, 0.999)).strain).mean())
    assert mean == pytest.approx(true, rel=0.02)
    assert mean != pytest.approx(PRIOR, rel=0.02)  # the control: the prior's


# --- lines and cells without a measurement


@pytest.mark.parametrize("dead", [slice(5, 6), slice(4, 8)])
def test_a_line_without_any_measurement_is_carried_by_its_neighbours(dead: slice) -> None:
    motion, cells = wavy(), measured(wavy())
    coverage = cells.coverage.clone()
    coverage[..., dead] = 0.0
    moved = torch.where(coverage > 0, cells.moment, torch.full_like(cells.moment, 0.2))
    found = coupled(replace(cells, coverage=coverage, moment=moved))
    assert rms(inner(found.axial - motion)[..., dead]) < 0.03
    assert torch.isfinite(found.strain).all()
    # the control: shared with no other line, it has no place
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coupling, "share_across", lambda weight, moment, along: (weight, moment))
        lost = coupled(replace(cells, coverage=coverage, moment=moved))
    assert rms(inner(lost.axial - motion)[..., dead]) > 0.05


def test_a_cycle_skip_does_not_count() -> None:
    cells = measured(wavy())
    skipped = cells.axial.clone()
    skipped[:, 50:60, 4:6] += 1.0
    found = coupled(replace(cells, axial=skipped))
    assert rms(found.axial - coupled(cells).axial) < 0.01
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurement, "MAX_DEVIATION", 2.0)  # the control
        assert rms(coupled(replace(cells, axial=skipped)).axial - coupled(cells).axial) > 0.01


# --- how far a prior may be free


def free(std: Tensor) -> Tensor:
    """Displacement where the measurement ripples and the prior does not."""
    return couple(counted(measured(wavy(), 0.99), uniform(PRIOR)), uniform(PRIOR), std, SCALE).axial


def test_a_pair_that_is_uncertain_everywhere_follows_its_measurement() -> None:
    """As in vivo, where the prior's sigma is several times the strain: it is no sign of missing echoes."""
    error = rms(inner(free(uniform(3 * float(SCALE))) - wavy()))
    assert error < 2e-3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coupling, "typical", lambda std, coverage: 0.0 * SCALE)  # the control
        assert rms(inner(free(uniform(3 * float(SCALE))) - wavy())) > 1.5 * error


def test_lines_without_echoes_are_not_freer_than_the_limit() -> None:
    """A shadow: what a few cells there seem to measure is noise."""
    few, limit = uniform(0.2 * STD), uniform(0.2 * STD)
    few[..., 4] = 2 * float(SCALE)
    limit[..., 4] = coupling.MAX_PRIOR_STD * float(SCALE)
    assert rms(free(few) - free(limit)) < 1e-6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coupling, "MAX_PRIOR_STD", 2.0)  # the control: without the limit it is another
        assert rms(free(few) - free(limit)) > 1e-4


def test_no_rows_are_much_stiffer_than_the_pair() -> None:
    """As in vivo, where sigma is small in rows whose tissue the network misjudges."""
    certain = uniform(3 * float(SCALE))
    certain[:, 40:60] *= 1e-2

    def error() -> float:
        return rms((free(certain) - wavy())[:, 40:60])

    bounded = error()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coupling, "MIN_OVER_TYPICAL", 0.0)  # the control
        assert error() > 2 * bounded


# --- the solver against a dense solve in double precision


def system(weight: NDArray[np.float64], stiffness: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rows, rows) of one line."""
    matrix = np.diag(weight)
    for row, value in enumerate(stiffness):
        matrix[row : row + 2, row : row + 2] += value * np.array([[1, -1], [-1, 1]])
    return matrix


def dense(
    weight: NDArray[np.float64], residual: NDArray[np.float64], stiffness: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Solution, and posterior over prior variance of every interval, of one line."""
    covariance = np.linalg.inv(system(weight, stiffness))
    own, beside = np.diag(covariance), np.diag(covariance, 1)
    return covariance @ (weight * residual), (own[1:] + own[:-1] - 2 * beside) * stiffness


def tensors(*arrays: NDArray[np.float64]) -> list[Tensor]:
    return [torch.from_numpy(values.astype(np.float32))[None, :, None] for values in arrays]


@pytest.mark.parametrize("rows", [8, 37, 250, 512])
@pytest.mark.parametrize("measured_share", [1.0, 0.1, 0.0])
def test_the_reduction_equals_a_dense_solve(rows: int, measured_share: float) -> None:
    """Stiffness and weights over many orders of magnitude; a share of 0: one faint cell holds the line."""
    rng = np.random.default_rng(rows)
    stiffness = np.exp(rng.normal(13.0, 1.0, rows - 1))
    weight = np.exp(rng.normal(6.0, 3.0, rows)) * (rng.uniform(size=rows) < measured_share)
    weight[rows // 2] += 1e-2
    residual = rng.normal(0.0, 0.1, rows)
    truth, ratio = dense(weight, residual, stiffness)
    change, precision = reduce(*tensors(stiffness, weight, weight * residual))
    found = change[0, :, 0].numpy()
    assert np.abs(found - truth).max() < 3e-5 * np.abs(truth).max()
    share = posterior_share(tensors(stiffness)[0], precision)[0, :, 0].numpy()
    cells = 0.5 * (np.append(ratio[:1], ratio) + np.append(ratio, ratio[-1:]))
    assert np.abs(share - cells).max() < 2e-3
    other, _ = dense(weight, 1.001 * residual, stiffness)  # the control: a thousandth more
    assert np.abs(found - other).max() > 3e-5 * np.abs(truth).max()


def test_a_ridge_would_not_be_as_exact() -> None:
    """The control of the row sums: a diagonal needs a ridge, which loses a line's faint measurement."""
    rows = 250
    stiffness, weight, residual = np.full(rows - 1, 1e6), np.zeros(rows), np.full(rows, 0.1)
    weight[7] = 1e-2
    change, _ = reduce(*tensors(stiffness, weight, weight * residual))
    assert np.abs(change.numpy() - 0.1).max() < 1e-5
    matrix = system(weight, stiffness).astype(np.float32)
    lost = np.linalg.solve(
        matrix + np.diag(np.float32(1e-5) * np.diag(matrix)), (weight * residual).astype(np.float32)
    )
    assert np.abs(lost - 0.1).max() > 1e-2


def test_lines_longer_than_the_reduction_reach_are_solved_where_they_are_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = 600
    stiffness, weight = np.full(rows - 1, 1e5), np.full(rows, 1e3)
    residual = np.sin(np.arange(rows) / 50)
    truth, _ = dense(weight, residual, stiffness)

    def error() -> float:
        found = reduce(*tensors(stiffness, weight, weight * residual))[0][0, :, 0].numpy()
        return float(np.abs(found - truth).max())

    assert error() < 1e-5
    monkeypatch.setattr(coupling, "STEPS", 4)  # the control
    assert error() > 1e-3


# --- training


def test_withheld_measurements_do_not_count() -> None:
    use = uniform(1.0)
    use[:, 40:80, 2:6] = 0.0
    cells = measured(wavy())
    with_less = couple(counted(cells, uniform(PRIOR), use), uniform(PRIOR), uniform(STD), SCALE)
    assert float(with_less.precision[use == 0].max()) == 0.0
    none = couple(counted(cells, uniform(PRIOR), 0 * use), uniform(PRIOR), uniform(STD), SCALE)
    assert torch.equal(none.strain, uniform(PRIOR))
    assert rms(with_less.strain - coupled(cells).strain) > 1e-5  # the control


def test_gradients_in_single_precision_are_those_in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    def gradients(dtype: torch.dtype) -> list[Tensor]:
        monkeypatch.setattr(torch, "arange", partial(ARANGE, dtype=dtype))
        seen = measured(wavy(), 0.9)
        cells = TrackingFeatures(**{f.name: getattr(seen, f.name).to(dtype) for f in fields(seen)})
        strain, std = (uniform(value).to(dtype).requires_grad_() for value in (PRIOR, STD))
        found = couple(counted(cells, strain), strain, std, SCALE.to(dtype))
        (found.strain.square().mean() + found.axial.square().mean()).backward()
        return [leaf.grad for leaf in (strain, std) if leaf.grad is not None]

    single, double = gradients(torch.float32), gradients(torch.float64)
    assert len(single) == 2
    for a, b in zip(single, double, strict=True):
        assert rms(a - b) < 1e-3 * rms(b)


def test_gradients_flow_to_strain_and_its_deviation() -> None:
    strain = uniform(PRIOR).requires_grad_()
    std = uniform(STD).requires_grad_()
    cells = measured(wavy())
    coverage = cells.coverage.clone()
    coverage[..., 3:5] = 0.0
    found = couple(counted(replace(cells, coverage=coverage), strain), strain, std, SCALE)
    (found.strain.square().mean() + found.std_share.mean() + found.axial.square().mean()).backward()
    for leaf in (strain, std):
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all()
        assert float(leaf.grad.abs().max()) > 0.0
