"""Measurements on strain images, the same offline, in the page and in files.

frames    one image with all that is needed to measure it, from messages or from a recording
regions   ellipses and rectangles in mm
ratio     the strain ratio of two regions, of one image and of every press
best      which images are worth measuring
table     rows of measurements as CSV and JSON
"""
