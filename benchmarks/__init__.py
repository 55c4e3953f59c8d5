"""Benchmarks. Each reports ratios to something that is measured in the same run."""
