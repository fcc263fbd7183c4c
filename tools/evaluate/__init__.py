"""Engines side by side on seeded pairs with truth: the suite, its figures, and the report.

suite -> groups, textures, sightings -> scene    what is simulated
contenders                                       who estimates it: engines, settings and controls
pairs | sequences                                the figures of one case for one contender
records -> summary -> bars | report              kept, pooled, judged and shown
"""
