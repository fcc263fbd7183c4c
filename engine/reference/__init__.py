"""The classical strain engine: steps 1 to 4 of `engine.tracking`, then

5. Strain (`measure`): a line is fitted to the motion over the strain window. Every pixel of the last product
   is weighted by its real part, so that coherent and bright pixels count: this reaches the Cramér-Rao bound
   where noise rules.
6. Uncertainty (`uncertainty`): the bound at the measured correlation, scaled by the measured autocorrelation
   of the noise, plus the bias that curvature of strain leaves in a line fit.
"""

from engine.reference.estimator import ReferenceEstimator

__all__ = ["ReferenceEstimator"]
