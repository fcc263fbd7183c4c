"""What the report says in words: how it was measured, how to read it, and what each curve shows."""

from typing import Final

ABOUT: Final = (
    "Frames are simulated with exact truth. Unless a group says otherwise: 1200 x 64 samples, 40 MHz, 5 MHz, "
    "pitch 0.3 mm (23 x 19 mm), 1 % compression, SNR 30 dB in band, strain window 2.0 mm axial x 1.0 mm "
    "lateral. Figures are taken over the inner region (one window from every border, in pre and in post) on "
    "a grid of 0.15 mm x one line. Strain is negative in compression. rel is pooled: summed squared error "
    "over summed variance of truth. Grey rows are controls: truth must win, truth seen through the same "
    "window is what the window allows, constant and zero must lose."
)

GLOSSARY: Final = (
    (
        "rel",
        "error over contrast: 0 is perfect, 1 is what an image of one colour has; below 0.5 a lesion shows",
    ),
    (
        "slope",
        "how much of the true contrast is left: 1 all, 0 none; a wide window or a smooth image loses it",
    ),
    (
        "edge width",
        "how sharp a border is, mm over which 10 % become 90 %: read beside every error, which blur buys",
    ),
    (
        "noise / bound",
        "noise over the least that theory allows with this window: 1 cannot be beaten without blur",
    ),
    ("error / std", "does the engine know how wrong it is: 1 is right, 2 is twice too sure, 0.5 too modest"),
    ("in 95 %", "share of pixels whose truth lies within the interval that the engine claims: 0.95 is right"),
    ("cycle skips", "pixels that locked on to the wrong wave: strain there is wrong by far"),
    ("rho", "how alike the echoes of both frames are after motion is taken out: 1 the same, 0.85 poor"),
    ("single, fused", "the image of one pair of frames, and the one built up from all recent pairs"),
    ("AUC", "chance that an image with a lesion scores above one without: 0.5 is guessing, 0.95 is useful"),
)

CAPTIONS: Final[dict[str, str]] = {
    "strain-filter": (
        "SNRe (mean over spread of strain, no unit) against applied strain. Dashed: the bound for "
        "this window and noise. Dotted: 5, below which an image is of little use."
    ),
    "gratings": (
        "How much of a fine strain pattern is kept, by its period: 1 is all of it. Truth, fitted, is "
        "what the window itself allows."
    ),
    "frontier": (
        "Error against sharpness for windows of 8-40 wavelengths by 1-12 lines: lower left is better. "
        "An engine is better where its line lies below."
    ),
    "coherence": (
        "Left: how much of each spatial frequency is known (no blur changes it). Right: how much of "
        "it is shown; 0.5 defines resolution. Solid along the beam, dashed across."
    ),
    "detectability": ("Chance to tell a lesion from none, by diameter; dotted: 0.95."),
    "closure": (
        "Far below 1 is expected, because the pairs share their frames' noise. Above 1.2 shows errors "
        "that the standard deviation does not know of."
    ),
    "cycles": ("Error of relative strain frame by frame; dashed: the criterion for the fused image."),
    "cut": ("Share of the way from the old image to the new one; dashed: 90 %."),
}

UNCERTAINTY: Final = (
    "Top: what an engine claims against what it achieves, per group. Below: the error of what is left when "
    "the pixels it trusts least are dropped; dotted, the best order there is."
)
