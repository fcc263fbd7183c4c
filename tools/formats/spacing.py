"""Spacings of an image in mm, as far as they can be those of RF."""

from typing import Final

# c / (2 dz) of these is 4 to 770 MHz; 1 mm, which PLUS writes for 'unknown', lies outside.
_AXIAL_MM: Final = (0.001, 0.19)
_LATERAL_MM: Final = (0.01, 5.0)


def plausible_spacing(axial: float, lateral: float) -> tuple[float | None, float | None]:
    """(axial, lateral) in metres from mm, None where the number cannot be the one of RF.

    SUPRA writes one number, the axial one, for both axes; PLUS writes 1 for an unknown one.
    """
    axial_known = _AXIAL_MM[0] <= axial <= _AXIAL_MM[1]
    lateral_known = _LATERAL_MM[0] <= lateral <= _LATERAL_MM[1] and lateral != axial
    # Without an axial spacing the lateral one is as likely a pixel of an image.
    return axial * 1e-3 if axial_known else None, lateral * 1e-3 if lateral_known and axial_known else None
