"""The classical strain engine, step by step.

1. Canonical IQ (`engine.iq`): the carrier is measured on the frame, the band around it is shifted to zero
   and sampled twice per cycle; bins that hold noise alone are turned down.
2. Level (`engine.frontend`): each frame is divided by its own local amplitude over 5 mm: gain and its slope
   drop out.
3. Coarse motion (`engine.coarse`): envelopes are correlated over all shifts within 4 lines and 2 mm, or 5.5 %
   of the depth where that is more, on cells that are a share of the depth, and the best path along depth is
   kept; cells of one cycle then tell what that left.
4. Phase (`track`): post is warped by the motion so far; the phase of the windowed product with pre is what
   is left of the axial motion, the correlation with neighbouring lines what is left of the lateral. Twice.
5. Strain (`measure`): a line is fitted to the motion over the strain window. Every pixel of the last product
   has its own weight, its real part, so that coherent and bright pixels count: this reaches the Cramér-Rao
   bound where noise rules.
6. Uncertainty (`uncertainty`): the bound at the measured correlation, scaled by how the noise at hand hangs
   together, plus the bias that curvature of strain leaves in a line fit.
"""

from engine.reference.estimator import ReferenceEstimator

__all__ = ["ReferenceEstimator"]
