"""Engines side by side on seeded pairs with truth: the suite, its figures, and the report.

suite       what is simulated: every case, with truth
methods     what estimates it: engines, settings and controls
figures     the figures of one case for one method
records -> summary -> criteria -> report    stored, pooled, compared with the acceptance criteria, shown
studies     programs that answer one question each
"""
