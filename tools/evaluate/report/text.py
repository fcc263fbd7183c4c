"""The prose of the report: method, glossary and captions of the curves."""

from typing import Final

ABOUT: Final = (
    "Frames are simulated with exact truth. Unless a group states otherwise: 1200 x 64 samples, 40 MHz, "
    "5 MHz, pitch 0.3 mm (23 x 19 mm), 1 % compression, SNR 30 dB in band, strain window 2 mm axial x 1 mm "
    "lateral. Figures are computed over the inner region (one window from every border, in pre and in post) "
    "on a grid of 0.15 mm x one line. Strain is negative in compression. NRMSE is pooled: the root of summed "
    "squared error over summed variance of truth. Grey rows are controls: truth must win, truth fitted in "
    "the same window is the best that the window allows, constant and zero are without information."
)

GLOSSARY: Final = (
    (
        "NRMSE",
        "RMSE over std of truth: 0 is perfect, 1 is that of a constant image; below 0.5 a lesion is visible",
    ),
    (
        "contrast recovery",
        "regression of strain on truth: 1 is all, 0 none; wide windows and smoothing lower it",
    ),
    (
        "edge width",
        "sharpness of a border, mm from 10 % to 90 %: read it with every error, because blur lowers errors",
    ),
    (
        "noise / bound",
        "noise over the theoretical minimum for this window: below 1 only with blur",
    ),
    (
        "error / std",
        "calibration: 1 is right; at 2 errors are twice as large as predicted, at 0.5 half as large",
    ),
    ("in 95 %", "fraction of pixels whose truth lies within the predicted 95 % interval: 0.95 is right"),
    ("cycle skips", "pixels whose displacement is off by a whole carrier cycle: strain there is far off"),
    ("rho", "correlation of the echoes of both frames after motion compensation: 1 identical, 0.85 poor"),
    ("single, fused", "the image of one pair of frames, and the one fused from all recent pairs"),
    (
        "AUC",
        "probability that an image with a lesion scores above one without: 0.5 is guessing, 0.95 is useful",
    ),
)

CAPTIONS: Final[dict[str, str]] = {
    "strain-filter": (
        "SNRe (mean over spread of strain, no unit) against applied strain. Dashed: the bound for "
        "this window and noise. Dotted: 5, below which an image is of little use."
    ),
    "gratings": (
        "Contrast recovery of a strain pattern against its period: 1 is all of it. Truth, fitted, is "
        "the best that the window allows."
    ),
    "frontier": (
        "Error against sharpness for windows of 8-40 wavelengths by 1-12 lines: lower left is better. "
        "An engine is better where its line lies below."
    ),
    "coherence": (
        "Left: coherence with truth at each spatial frequency, which blur does not change. Right: modulation "
        "transfer; 0.5 defines resolution. Solid along the beam, dashed across."
    ),
    "detectability": ("AUC of lesion against no lesion, by diameter; dotted: 0.95."),
    "closure": (
        "Far below 1 is expected, because the pairs share their frames' noise. Above 1.2 there are errors "
        "that the standard deviation does not include."
    ),
    "cycles": ("Error of relative strain frame by frame; dashed: the criterion for the fused image."),
    "cut": ("Fraction of the change from the old image to the new one; dashed: 90 %."),
}

UNCERTAINTY: Final = (
    "Top: actual error over predicted standard deviation, per group. Below: the error that remains when "
    "the pixels of the largest standard deviation are dropped; dotted, the best possible order."
)
