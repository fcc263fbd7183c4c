"""The network engine: tracking as stage 1, a three-stream residual network as stage 2, on any runtime.

`estimator` is the engine, `runtimes` run its program, `cells` and `program_io` describe the program's grid,
inputs and outputs. These and `manifest` are free of torch; `tracking_features`, `window_features`,
`residual`, `coupling`, `net`, `program` and `checkpoint` need it. The folder `weights` holds the shipped
weights.
"""
