"""Reads and writes weights of PyTorch and of this library."""
