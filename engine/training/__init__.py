"""Training: what the network sees (`scenes`, `samples`, `pool`, `batches`), what it is for, and the loop.

Without truth, as in the paper: `similarity` (pre and warped post look alike), `smoothness` (displacement
bends little) and `consistency` (consecutive strain maps agree); `objective` is their sum. With truth:
`supervised`. All terms are smaller where the estimate is better, and every one is a tensor that carries its
gradient.
"""
