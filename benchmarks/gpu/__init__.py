"""Measures a GPU in ten minutes: `benchmarks/gpu.sh`, described in docs/performance.md."""
