#!/usr/bin/env bash
# For whoever has a GPU: is it right there, does it train, what does it cost? Half an hour, most of it compilation.
#
#     pip install -e '.[cuda,torch,dev]' && benchmarks/gpu_smoke.sh
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
# Products by cuBLAS and no search for the fastest kernels: with it ALBAR's step compiles for more than seven minutes.
export XLA_FLAGS="${XLA_FLAGS:---xla_gpu_enable_triton_gemm=false --xla_gpu_autotune_level=0}"

if ! "$python" -c 'import sys, jax; sys.exit(jax.default_backend() != "gpu")' 2>/dev/null; then
  echo "gpu_smoke: jax sees no GPU here; pip install -e '.[cuda]' on a machine that has one" >&2
  exit 2
fi
"$python" -c 'import jax; print("\n".join(f"{d.id}: {d.device_kind}" for d in jax.devices()))'

echo "--- the numbers are torchvision's (tests/reference)"
# Float32 as on a CPU, where the golden numbers are from: by default a GPU multiplies in TensorFloat-32.
JAX_DEFAULT_MATMUL_PRECISION=highest "$python" -m pytest -q tests/models/test_parity.py tests/methods/test_input_gradient.py

echo "--- a training step of the paper's configs, on made videos"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$python" -m albar_jax.synthesis.quickstart --out "$out/world"
for method in ce albar; do
  for dtype in float32 bfloat16; do
    "$python" train.py --config "configs/hmdb51.py:$method" --workdir "$out/$method.$dtype" --config.init= \
      --config.data.manifest="$out/world/manifest.csv" --config.model.num_classes=8 --config.model.dtype="$dtype" \
      --config.batch_size=2 --config.eval.batch_size=2 --config.train.steps=1
  done
done

echo "--- against PyTorch"
for dtype in float32 bfloat16; do
  "$python" -m benchmarks.step --frames 32 --size 224 --batch 2 --dtype "$dtype"
done
