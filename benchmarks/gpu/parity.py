"""Compares our numbers with torchvision's golden ones (tests/reference) in float32 and bfloat16.

An error is the largest difference, divided by the largest entry of the golden array.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from albar_jax.methods import albar
from albar_jax.models import VideoSwinConfig, create
from albar_jax.types import Batch
from albar_jax.weights import torch_files, torch_params
from albar_jax.weights.name_tables import TORCHVISION
from albar_jax.weights.trees import flatten
from benchmarks.gpu.journal import Journal
from benchmarks.gpu.settings import ROOT, Settings

REFERENCE = ROOT / "tests" / "reference"
# Penalty norms in each golden file.
NORMS = {"tiny_a": ("clip", "column"), "tiny_b": ("clip",)}
TERMS = {"ce": "cross_entropy", "adv": "adversarial", "ent": "entropy"}
# Maximum errors. The bfloat16 limits are three times the errors of a CPU.
LIMITS = {
    "float32": {"outputs": 1e-4, "gradients": 1e-4},
    "bfloat16": {"outputs": 0.045, "gradients": 0.2},
}

Errors = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Program:
    """A traced program with its arguments and a function for the errors of its result."""

    lowered: jax.stages.Lowered
    arguments: tuple
    errors: Callable[[Any], Errors]


@dataclasses.dataclass(frozen=True)
class Golden:
    """A network with golden numbers.

    Attributes:
      name: name of its files.
      config: model config for this platform.
      params: weights of the network.
      values: arrays by their names in tests/reference/README.md.
      meta: model arguments, static frame and loss weights.
    """

    name: str
    config: VideoSwinConfig
    params: Any
    values: Mapping[str, np.ndarray]
    meta: Mapping[str, Any]

    def apply(self, params: Any, video: jax.Array) -> jax.Array:
        """Returns the outputs in evaluation mode."""
        return create(self.config, jax.random.key(0))[0](params, video, None)


def run(settings: Settings, journal: Journal) -> None:
    """Compares the outputs of both dtypes, then losses and gradients.

    Programs are traced one after the other, and compiled, run and compared in threads.
    """
    del settings

    def compare(part: str, name: str, dtype: str, program: Program) -> None:
        errors = program.errors(program.lowered.compile()(*program.arguments))
        worst = max(errors, key=errors.get)
        limit = LIMITS[dtype][part]
        journal.write(
            part,
            net=name,
            dtype=dtype,
            ok=bool(errors[worst] < limit),
            limit=limit,
            largest_error=errors[worst],
            of=worst,
            errors={key: each for key, each in errors.items() if "/" not in key},
        )

    # Tracing holds the GIL, but compilation and the programs do not.
    with ThreadPoolExecutor() as pool:
        comparing = [pool.submit(compare, *each) for each in _programs()]
    for each in comparing:
        each.result()


def _programs() -> Iterator[tuple[str, str, str, Program]]:
    for part in ("outputs", "gradients"):
        for dtype in LIMITS:
            # By default a GPU multiplies float32 as TensorFloat-32.
            with jax.default_matmul_precision("highest" if dtype == "float32" else "default"):
                for name in NORMS:
                    yield part, name, dtype, PARTS[part](load(name, dtype))


def load(name: str, dtype: str) -> Golden:
    """Reads a golden network."""
    values = dict(np.load(REFERENCE / f"{name}.npz"))
    meta = json.loads(str(values.pop("meta")))
    arguments = {key: each for key, each in meta["model"].items() if key != "stochastic_depth_prob"}
    for_cpu = jax.default_backend() == "cpu"
    config = VideoSwinConfig(**arguments, dtype=dtype, for_cpu=for_cpu)

    source = REFERENCE / f"{name}.safetensors"
    state = torch_files.read_state_dict(source)
    params = torch_params.params_of(state, TORCHVISION, config, source)

    return Golden(name, config, params, values, meta)


def _outputs(golden: Golden) -> Program:
    """Returns the program for logits of both clips and the gradient of the static clip."""

    def outputs(params: Any, video: jax.Array) -> dict[str, jax.Array]:
        frame = golden.meta["static_frame"]
        static = jnp.broadcast_to(video[:, frame, None], video.shape)
        gradient = jax.grad(lambda clip: golden.apply(params, clip).logits.sum())(static)
        return {
            "logits": golden.apply(params, video).logits,
            "static_logits": golden.apply(params, static).logits,
            "input_grad": gradient,
        }

    def errors(result: Mapping[str, jax.Array]) -> Errors:
        compared = [key for key in result if key in golden.values]
        return {key: error(result[key], golden.values[key]) for key in compared}

    arguments = golden.params, golden.values["video_bthwc"]
    return Program(jax.jit(outputs).lower(*arguments), arguments, errors)


def _gradients(golden: Golden) -> Program:
    """Returns the programs for ALBAR's loss terms and the gradient of every parameter."""
    weights = golden.meta["weights"]
    labels = golden.values["labels"]
    count = np.arange(len(labels), dtype=np.int32)
    target = np.eye(golden.config.num_classes, dtype=np.float32)[labels]
    valid = np.ones(len(labels), np.float32)

    def gradients(params: Any, video: jax.Array) -> dict[str, Any]:
        batch = Batch(video, target, valid, count)

        def of_norm(norm: str) -> Any:
            loss = albar.make(
                weights["adv"],
                weights["ent"],
                weights["gp"],
                penalty_norm=norm,
                frame=golden.meta["static_frame"],
            ).loss

            def total(params: Any) -> Any:
                # Key None: the golden numbers are from evaluation mode.
                predict = lambda clip, _: golden.apply(params, clip)  # noqa: E731
                return loss(predict, batch, jax.random.key(0))

            return jax.grad(total, has_aux=True)(params)

        return {norm: of_norm(norm) for norm in NORMS[golden.name]}

    def errors(result: Mapping[str, Any]) -> Errors:
        return {key: each for norm in result for key, each in _of_norm(golden, norm, result[norm])}

    arguments = golden.params, golden.values["video_bthwc"]

    return Program(jax.jit(gradients).lower(*arguments), arguments, errors)


def _of_norm(golden: Golden, norm: str, result: tuple[Any, Any]) -> Iterator[tuple[str, float]]:
    gradient, metrics = result
    for theirs, ours in TERMS.items():
        yield theirs, error(metrics[f"loss/{ours}"], golden.values[theirs])
    yield f"gp_{norm}", error(metrics["loss/gradient_penalty"], golden.values[f"gp_{norm}"])
    yield f"total_{norm}", error(metrics["loss/total"], golden.values[f"total_{norm}"])

    for path, value in flatten(gradient).items():
        name = f"grad_{norm}/{TORCHVISION.torch_name(path)}"
        yield name, error(value, TORCHVISION.from_torch(path, golden.values[name]))


def error(ours: Any, theirs: Any) -> float:
    """Returns the largest error, relative to the largest entry."""
    ours = np.asarray(ours, np.float64)
    theirs = np.asarray(theirs, np.float64)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


PARTS = {"outputs": _outputs, "gradients": _gradients}
