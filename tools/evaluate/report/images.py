"""The report's images: truth, every engine, its error and predicted standard deviation, on one scale."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tools.evaluate.methods import CONTROLS
from tools.evaluate.report.plots import data_uri
from tools.evaluate.run import MAPS


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseImage:
    """One case as an image."""

    group: str
    case: str
    uri: str


def case_images(folder: Path) -> list[CaseImage]:
    """Every case with stored maps, in the order of the file names."""
    return [_image(path) for path in sorted((folder / MAPS).glob("*.npz"))]


def _image(path: Path) -> CaseImage:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    group, case = str(arrays["group"]), str(arrays["case"])
    truth, region = arrays["truth"], arrays["region"]
    relative = group == "cycles"
    unit, scale = ("relative", 1.0) if relative else ("%", 100.0)
    names = [n.removeprefix("map ") for n in arrays if n.startswith("map ") and not n.endswith(" std")]
    names = [n for n in names if n not in CONTROLS or n == "truth, fitted"]
    inside = truth[region & np.isfinite(truth)] * scale
    middle = float(np.median(inside))
    low, high = sorted((0.0, 2.0 * middle))
    reach = max(float(np.percentile(np.abs(inside - middle), 99)), 0.15 * abs(middle), 1e-3)
    depth, width = arrays["depth_mm"], arrays["width_mm"]
    extent = (float(width[0]), float(width[-1]), float(depth[-1]), float(depth[0]))
    # placed by hand: matplotlib's own layout takes seconds for this many axes
    figure = Figure(figsize=(2.6 * (len(names) + 1), 7.4))
    figure.suptitle(f"{group}: {case}", fontsize=10, y=0.95)
    places = {"wspace": 0.45, "hspace": 0.25}
    axes = figure.subplots(3, len(names) + 1, squeeze=False, gridspec_kw=places)
    columns = [("truth", truth, None)] + [(n, arrays[f"map {n}"], arrays.get(f"map {n} std")) for n in names]
    for column, (name, strain, std) in enumerate(columns):
        layers = (
            (f"{name}", strain * scale, low, high, "viridis" if low >= 0 else "viridis_r"),
            ("error", (strain - truth) * scale, -reach, reach, "RdBu"),
            ("predicted std", None if std is None else std * scale, 0.0, reach, "magma"),
        )
        for row, (title, values, least, most, colors) in enumerate(layers):
            axis = axes[row, column]
            if values is None or (row == 1 and column == 0):
                axis.axis("off")
                continue
            seen = np.where(region, values, np.nan)
            shown = axis.imshow(seen, extent=extent, vmin=least, vmax=most, cmap=colors, aspect="equal")
            axis.set_title(title, fontsize=8)
            axis.tick_params(labelsize=6)
            if column == 0:
                axis.set_ylabel("depth, mm", fontsize=7)
            if column in (0, len(names)) or row == 2:
                bar = figure.colorbar(shown, ax=axis, fraction=0.05)
                bar.ax.tick_params(labelsize=6)
                bar.set_label(unit, fontsize=6)
    return CaseImage(group=group, case=case, uri=data_uri(figure, "webp"))
