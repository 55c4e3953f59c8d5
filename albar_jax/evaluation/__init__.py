"""Evaluates predictions: metrics, suites of test sets, summaries over seeds and analyses.

This package needs numpy and scipy, but not JAX.
"""
