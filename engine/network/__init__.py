"""USSE-Net and MUSSE-Net: from a pair of images to displacement and strain.

The method is that of Joarder, Showrav and Hasan, "Multi-Stage Residual-Aware Unsupervised Deep Learning
Framework for Consistent Ultrasound Strain Elastography" (arXiv 2511.15640). Neither code nor weights of it
are public; `configuration` names every point that had to be chosen. The files follow the figure:
`encoder` (blocks, CACFF), `attention` (TCA), `decoder` (CAF, ConvLSTM, heads), `usse` (one stage), `musse`
(two of them, with `upsample` and `resample` for the warping between and `lsse` for the strain).

Networks are torch; `cells`, `interface`, `configuration` and `manifest` are not, so that an exported program
runs without it. Live, `live` puts the parts together: `tracked` and `evidence` are what its trunk sees,
`residual` is what becomes of its answer, `program` the whole as one graph.
"""
