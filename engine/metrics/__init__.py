"""Figures of merit of strain maps: what was estimated against what was true. NumPy and SciPy, no torch.

One file per question: `accuracy`, `resolution`, `calibration` (of the standard deviation), `detection`
(lesions found and invented), `correlation` (of the frames), and without ground truth `closure` (consistency
of three pairs of three frames) and `stability` (of the image over time).

Strain is dimensionless with compression negative, displacement is in samples; maps are (rows, cols). NaN in a
truth map means that there is none, and such pixels never count.

Figures that are pooled over pairs are sums that can be added; a mean of ratios is never taken.
"""
