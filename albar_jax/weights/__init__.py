"""Reads and writes the weights of PyTorch and of this library."""
