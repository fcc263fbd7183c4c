"""The whole frame on a device, in torch modules of static shape: samples in, strain maps out.

`canonical`      samples -> canonical IQ, and measurements of the carrier and of unusable frames
`coarse`         envelope search over all shifts, and its refinement
`front`          gain normalisation, and the start of a pair
`frame_program`  the parts joined, from one frame and the normalised pre frame to maps
`plan`           constants, frame slots and static tensors of one canonical grid
`step`           how a plan runs: directly, or as one captured CUDA graph
`chain`          `DeviceChain`: which frame lies in which slot of which plan

The modules take their constants from the NumPy front end (`engine.tracking`) and compute what it computes;
one test holds both equal. No module changes a buffer: slots are changed by `plan` alone.
"""
