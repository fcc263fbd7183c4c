"""From two frames to tracked motion, shared by every engine.

1. Canonical IQ (`iq`): the carrier is measured on the frame, the band around it is shifted to zero and
   sampled twice per cycle; bins that hold noise alone are attenuated.
2. Gain normalisation (`normalisation`): each frame is divided by its own local amplitude over 5 mm, so gain
   and its slope cancel.
3. Coarse motion (`coarse`): envelope search over all shifts within 4 lines and 2 mm, or 5.5 % of the depth
   where that is more, and the best path along depth; a second level works on cells of one cycle.
4. Phase (`phase`): iterative phase-zero tracking. Post is warped by the motion so far; the phase of the
   windowed product with pre is the remaining axial motion, the correlation with neighbouring lines the
   remaining lateral motion. Twice.

`preparation` runs steps 1 to 3 for a pair. Only `phase` needs torch, so the other modules do not import it.
"""
