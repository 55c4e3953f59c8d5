"""Ten minutes on a GPU, as JSON lines: `benchmarks/gpu.sh`, described in docs/performance.md."""
