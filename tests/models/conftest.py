import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from albar_jax.models import VideoSwinConfig, create
from albar_jax.weights import torch_files, torch_params
from albar_jax.weights.name_tables import TORCHVISION
from albar_jax.weights.trees import flatten

REFERENCE = Path(__file__).parents[1] / "reference"
TOLERANCE = 1e-4
# A small classifier with every kind of parameter. It fits no preset.
CONFIG = VideoSwinConfig(
    embed_dim=8,
    depths=(2, 1),
    num_heads=(2, 4),
    patch_size=(2, 2, 3),
    window_size=(2, 2, 2),
    num_classes=5,
)


def distance(ours, theirs) -> float:
    """Returns the largest error, relative to the largest entry."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def same(first, second) -> bool:
    """Returns whether two trees of arrays are equal bit for bit."""
    return jax.tree.all(jax.tree.map(np.array_equal, first, second))


def state_dict(params, config=CONFIG, table=TORCHVISION) -> dict:
    """Inverts `params_of` with transpositions written out here, to check those of the tables."""
    state = {}
    for path, value in flatten(params).items():
        value = np.asarray(value)
        if path == "patch_embed/proj/kernel":
            value = value.reshape(*config.patch_size, 3, config.embed_dim).transpose(4, 3, 0, 1, 2)
        elif path.endswith("/kernel"):
            value = value.T
        state[table.torch_name(path)] = np.ascontiguousarray(value)

    return state


def compiled(function, *arguments):
    """Compiles a function for given arguments."""
    return jax.jit(function).lower(*arguments).compile()


def run(function, *arguments):
    """Compiles and runs a function."""
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
    source = REFERENCE / f"{name}.safetensors"
    params = torch_params.params_of(
        torch_files.read_state_dict(source), TORCHVISION, config, source
    )
    apply, _ = create(config, jax.random.key(0))
    return Reference(config, params, apply, values, meta["static_frame"], meta["weights"])


@pytest.fixture(scope="session")
def tiny_a() -> Reference:
    return load_reference("tiny_a")


@pytest.fixture(scope="session")
def tiny_b() -> Reference:
    return load_reference("tiny_b")


@pytest.fixture(scope="session")
def params() -> dict:
    """Returns random parameters of CONFIG."""
    return jax.tree.map(np.asarray, create(CONFIG, jax.random.key(0))[1])


@pytest.fixture(params=["tiny_a", "tiny_b"])
def reference(request) -> Reference:
    return request.getfixturevalue(request.param)
