"""Simple estimators that every other engine is compared with."""
