#!/usr/bin/env bash
# Ten minutes on a GPU: is it right there, does it train from files, what does it cost? See docs/performance.md.
#
#     python -m benchmarks.gpu.films --out films    # once, on any machine
#     benchmarks/gpu.sh --films films --out gpu.jsonl
#
# PYTHON picks the interpreter, ALBAR_WHEELS is a folder of wheels that it lacks.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
# With XLA's defaults ALBAR's step compiles for more than seven minutes. The compiler searches tilings of layer norms
# and softmaxes fused with the eight axes of the window partition. Without this rewriter, 83 s (docs/performance.md).
search="--xla_disable_hlo_passes=triton-softmax-rewriter --xla_gpu_experimental_enable_fusion_autotuner=false"
export XLA_FLAGS="${XLA_FLAGS:---xla_gpu_enable_triton_gemm=false $search}"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python3}" -m benchmarks.gpu "$@"
