import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from albar_jax.models import VideoSwinConfig, convert, create

REFERENCE = Path(__file__).parents[1] / "reference"
TOLERANCE = 1e-4
FAST_TO_COMPILE = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}


def distance(ours, theirs) -> float:
    """Largest error relative to the largest entry."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def compiled(function, *arguments):
    """Compiles for few runs: in a fifth of the time, to slower code."""
    return jax.jit(function).lower(*arguments).compile(compiler_options=FAST_TO_COMPILE)


def run(function, *arguments):
    """Compiles and runs."""
    return compiled(function, *arguments)(*arguments)


@dataclasses.dataclass(frozen=True)
class Reference:
    config: VideoSwinConfig
    params: dict
    apply: object
    values: dict
    static_frame: int
    weights: dict

    @property
    def static(self):
        video = self.values["video_bthwc"]
        return np.repeat(video[:, self.static_frame][:, None], video.shape[1], axis=1)


def load_reference(name: str) -> Reference:
    values = dict(np.load(REFERENCE / f"{name}.npz"))
    meta = json.loads(str(values["meta"]))
    arguments = meta["model"]
    arguments["drop_path_rate"] = arguments.pop("stochastic_depth_prob")
    config = VideoSwinConfig(**arguments)
    params = convert.load_torch(REFERENCE / f"{name}.safetensors", config)
    apply, _ = create(config, jax.random.key(0))
    return Reference(config, params, apply, values, meta["static_frame"], meta["weights"])


@pytest.fixture(scope="session")
def tiny_a() -> Reference:
    return load_reference("tiny_a")


@pytest.fixture(scope="session")
def tiny_b() -> Reference:
    return load_reference("tiny_b")


@pytest.fixture(params=["tiny_a", "tiny_b"])
def reference(request) -> Reference:
    return request.getfixturevalue(request.param)
