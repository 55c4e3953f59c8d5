"""Counts the FLOPs of cheaper forms of ALBAR: `python -m benchmarks.fast_candidates`.

The step is the step of configs/hmdb51.py at full size, Video Swin-T on 32 x 224 x 224, with its
rematerialization. It is traced, not run. `--compile` also compiles it, which takes a minute or two
for each row. Prints a Markdown table with plain steps as the unit.
"""

import argparse
import functools
from collections.abc import Mapping
from typing import Any

import jax
from ml_collections import ConfigDict

from albar_jax.config import parse
from albar_jax.parallel.mesh import data_mesh
from albar_jax.profiling.flops import flops, matrix_flops
from albar_jax.terminal import flags
from albar_jax.wiring import program
from albar_jax.wiring.abstract_step import AbstractStep
from configs import hmdb51, recipe

# Clips of the batch; a share of a half needs two.
CLIPS = 2
NUM_CLASSES = 51
# Most plain steps that a step of `albar_fast` may cost.
LIMIT = 1.25

_FOLDED = {"static_bias": "folded"}
_TWO = {"static_frames": 2, **_FOLDED}
_FOUR = {"static_frames": 4, **_FOLDED}
_EIGHT = {"static_frames": 8, **_FOLDED}
_NO_PENALTY = {"penalty_weight": 0.0}
_NOISE = {**_NO_PENALTY, "static_noise": 0.1}
_PENALTY = {"penalty_scale": "length_free"}
_HALF = {**_PENALTY, "penalty_share": 0.5}
# Row of the table -> options of ALBAR that differ from the paper's.
CANDIDATES: dict[str, Mapping[str, Any]] = {
    "the paper: 32 static frames, penalty": {},
    "32 static frames": _NO_PENALTY,
    "8 static frames": {**_EIGHT, **_NO_PENALTY},
    "4 static frames, penalty": {**_FOUR, **_PENALTY},
    "4 static frames, penalty on half of the clips": {**_FOUR, **_HALF},
    "4 static frames": {**_FOUR, **_NO_PENALTY},
    "4 static frames, noise": {**_FOUR, **_NOISE},
    "2 static frames, penalty": {**_TWO, **_PENALTY},
    "2 static frames, penalty on half of the clips": {**_TWO, **_HALF},
    "2 static frames": {**_TWO, **_NO_PENALTY},
    "2 static frames, exact bias": {"static_frames": 2, **_NO_PENALTY},
    "2 static frames, noise": {**_TWO, **_NOISE},
    "2 static frames, noise, cap": {**_TWO, **_NOISE, "adversarial_cap": 4.0},
    "2 static frames, noise, -log(1 - p)": {**_TWO, **_NOISE, "adversarial": "one_minus_p"},
    "`albar_fast`": recipe.ALBAR_FAST,
}


def traced_step(config: ConfigDict) -> jax.stages.Traced:
    """Traces the training step of a config of HMDB51 on one device."""
    config.batch_size = CLIPS
    mesh = data_mesh(jax.devices()[:1])
    return AbstractStep(parse(config), NUM_CLASSES, mesh).trace()


def count(traced: jax.stages.Traced, *, compiles: bool) -> float:
    """Returns the FLOPs of a traced step; compiled, or of its matrix products."""
    if compiles:
        return flops(traced, traced.lower().compile())
    return matrix_flops(traced)


def main(options: argparse.Namespace) -> int:
    """Prints the table."""
    cost = functools.partial(count, compiles=options.compile)
    plain = cost(traced_step(hmdb51.get_config("ce")))
    print("| ALBAR with | FLOPs of a clip | a step, in plain steps | at most 1.25 |")
    print("|---|--:|--:|---|")
    print(f"| `ce` | {plain / CLIPS / 1e12:.3f} T | 1 | |")

    for name, changes in CANDIDATES.items():
        if options.rows and name not in options.rows:
            continue

        config = hmdb51.get_config("albar")
        config.methods.albar.update(changes)
        step = cost(traced_step(config))
        verdict = "yes" if step <= LIMIT * plain else "no"
        ratio = f"{step / plain:.3f}"
        print(f"| {name} | {step / CLIPS / 1e12:.3f} T | {ratio} | {verdict} |", flush=True)

    return 0


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.fast_candidates", description=__doc__)
    parser.add_argument("--compile", action="store_true", help="compile the steps")
    parser.add_argument("--rows", nargs="*", choices=list(CANDIDATES), help="only these rows")
    return parser.parse_args()


if __name__ == "__main__":
    program.leave_with(lambda: main(_options()))
