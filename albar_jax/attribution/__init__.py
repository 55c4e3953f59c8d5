"""Explains single predictions: integrated gradients, appearance and motion, class-activation map.

Everything is a pure function of a score or of tokens. `explain.Explainer` compiles them once for a
network.
"""
