#!/usr/bin/env bash
# Ten minutes on a GPU: is it right there, does it train from files, what does it cost? See docs/performance.md.
#
#     python -m benchmarks.gpu.films --out films    # once, on any machine
#     benchmarks/gpu.sh --films films --out gpu.jsonl
#
# PYTHON picks the interpreter, ALBAR_WHEELS is a folder of wheels that it lacks.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
# Products by cuBLAS and no search for the fastest kernels: with it ALBAR's step compiles for more than seven minutes.
export XLA_FLAGS="${XLA_FLAGS:---xla_gpu_enable_triton_gemm=false --xla_gpu_autotune_level=0}"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python3}" -m benchmarks.gpu "$@"
