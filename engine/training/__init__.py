"""Training of the network: `data` (scenes, samples, batches), `losses`, `validation`, and the loop
(`trainer`).

Unsupervised terms, as in the paper: `similarity` of pre and warped post, `smoothness` of displacement and
`consistency` of consecutive strain maps. With ground truth: `supervised`. Every term is a tensor with its
gradient, and smaller for a better estimate.
"""
