"""Compiled engines on disk: one folder each, loaded only where everything in it fits.

`store`    the folder: manifest, SHA-256 of every file, written aside and renamed (no torch)
`key`      what an engine was compiled of and for, as one hash
`frames`   the sequence that parity is measured on (no torch)
`parity`   an engine's results against the network's, and the tolerances (no torch)
`build`    compile, verify on a card, load
"""
