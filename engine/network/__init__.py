"""The published network: USSE-Net and MUSSE-Net, from a pair of images to displacement and strain.

The method is that of Joarder, Showrav and Hasan, "Multi-Stage Residual-Aware Unsupervised Deep Learning
Framework for Consistent Ultrasound Strain Elastography" (arXiv 2511.15640). Neither code nor weights of it
are public; `configuration` names every point that had to be chosen. The files follow the figure:
`encoder` (blocks, CACFF), `attention` (TCA), `decoder` (CAF, ConvLSTM, heads), `usse` (one stage), `musse`
(two of them, with `upsample` and `resample` for the warping between and `lsse` for the strain).
"""
