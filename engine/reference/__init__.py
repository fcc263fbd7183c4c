from engine.reference.estimator import ReferenceEstimator

__all__ = ["ReferenceEstimator"]
