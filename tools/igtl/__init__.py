"""OpenIGTLink both ways: a node's results for 3D Slicer, MITK and Holoscan, and RF from a PlusServer."""
