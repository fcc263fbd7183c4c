"""Engines side by side on seeded pairs with truth: the suite, its figures, and the report.

suite       the simulated cases, with truth
methods     engines, settings and controls that estimate them
figures     the figures of one case for one method
records -> summary -> criteria -> report    stored, pooled, compared with the acceptance criteria, shown
studies     programs that answer one question each
"""
