"""Figures of merit of strain maps: what was estimated against what was true. NumPy and SciPy, no torch.

One file per question: `agreement` (how far off), `resolution` (how fine), `confidence` (does it know),
`detection` (is a lesion seen, is one invented), `correlation` (do the frames match), and without any truth
`closure` (do three pairs of three frames agree) and `steadiness` (does an image hold still).

Strain is dimensionless with compression negative, displacement is in samples; maps are (rows, cols). NaN in a
truth map means that there is none, and such pixels never count.

Figures that are pooled over pairs are sums that can be added; a mean of ratios is never taken.
"""
