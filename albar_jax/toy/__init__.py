"""Generates small data sets with known biases."""
