"""Compares a training step on eight devices with the step on one; prints JSON.

Used by tests/test_mesh.py.
"""

import dataclasses
import functools
import json
import sys

import jax
import numpy as np
import optax

from albar_jax.methods import METHODS, combine
from albar_jax.methods.heads import with_heads
from albar_jax.models import resnet, video_swin
from albar_jax.parallel.mesh import data_mesh, split_batch, state_sharding
from albar_jax.profiling.collectives import list_collectives
from albar_jax.train.penalty_step import make_penalty_step
from albar_jax.train.step import init_state, make_train_step
from albar_jax.types import Batch

CLIPS, CLASSES, SCENES = 16, 5, 6
OPTIONS = {
    "albar": {
        "frame": "random",
        "penalty_weight": 1.0,
        "penalty_of": "random",
        "static_of": "clean",
    },
    "albar with a cheap static clip": {
        "penalty_weight": 1.0,
        "penalty_share": 0.5,
        "static_frames": 2,
        "static_bias": "folded",
        "static_noise": 0.5,
        "adversarial": "one_minus_p",
    },
    "be": {"consistency_weight": 1.0, "prob": 0.7},
    "sdn": {"num_scenes": SCENES, "min_person_share": 0.3},
}
SWIN = video_swin.VideoSwinConfig(
    embed_dim=64,
    depths=(2,),
    num_heads=(2,),
    window_size=(2, 2, 2),
    num_classes=CLASSES,
    drop_path_rate=0.5,
    head_dropout=0.3,
)
# All networks use all kinds of randomness, also stochastic depth and dropout.
NETWORKS = {
    "swin": (video_swin, SWIN),
    "recomputed": (video_swin, dataclasses.replace(SWIN, remat="dots")),
    "resnet": (
        resnet,
        resnet.ResNetConfig(
            depths=(1,), stem_width=4, bottleneck=False, num_classes=CLASSES, head_dropout=0.3
        ),
    ),
}


def batch_of(needs: frozenset[str]) -> Batch:
    """Returns clips; the number of unreadable ones differs between devices."""
    rng = np.random.default_rng(0)
    size = (CLIPS, 4, 16, 16)
    valid = np.ones(CLIPS, np.float32)
    valid[[1, 5, 6, 7]] = 0
    aux_inputs = {
        "person_mask": rng.random(size) < 0.4,
        "still": rng.integers(256, size=(CLIPS, 16, 16, 3), dtype=np.uint8),
        "scene": rng.dirichlet(np.ones(SCENES), CLIPS).astype(np.float32),
    }

    return Batch(
        rng.integers(256, size=(*size, 3), dtype=np.uint8),
        np.eye(CLASSES, dtype=np.float32)[np.arange(CLIPS) % CLASSES],
        valid,
        np.arange(CLIPS, dtype=np.int32),
        **{name: aux_inputs[name] for name in needs},
    )


def options_of(name: str, methods: str) -> dict:
    """Returns the options of a method in a combination."""
    options = OPTIONS.get(name, {})
    # So that a case has the other direction that sees what softmax sees.
    if methods == "mixup+albar" and name == "albar":
        return options | {"penalty_of": "label"}

    return options


@functools.cache
def step(methods: str, network: str, devices: int, layout: str = "data", steps: int = 1) -> dict:
    """Runs a training step at learning rate 1.

    Args:
      methods: names of methods, separated by "+".
      network: key of NETWORKS.
      devices: number of devices.
      layout: sharding of the state.
      steps: number of microbatches.

    Returns:
      The change of the parameters, the metrics, the collectives, the bytes of all parameters and
      of the state on each device, and whether the layout is unchanged.
    """
    chosen = combine(
        *(METHODS[name.split()[0]](**options_of(name, methods)) for name in methods.split("+"))
    )
    module, config = NETWORKS[network]
    model = module.create(config, jax.random.key(0))
    apply, weights = with_heads(*model, chosen.heads, jax.random.key(1), config.feature_width)
    mesh = data_mesh(jax.devices()[:devices])
    optimizer = optax.sgd(1.0, momentum=0.9)

    state = init_state(weights, optimizer)
    state = jax.device_put(state, state_sharding(state, mesh, layout))
    before = jax.tree.map(np.asarray, state.params)
    held = [
        sum(array.addressable_shards[n].data.nbytes for array in jax.tree.leaves(state))
        for n in range(devices)
    ]

    train_step = make_train_step(apply, chosen, optimizer, 0, mesh, steps, layout)
    batch = jax.device_put(batch_of(chosen.needs), split_batch(mesh))
    compiled = train_step.lower(state, batch).compile()
    # The case with sharded parameters also measures what the penalty acts on.
    measured = {}
    if methods == "ce" and network == "recomputed":
        measured = make_penalty_step(apply, mesh)(state.weights, batch)._asdict()

    state, metrics = compiled(state, batch)
    change = jax.tree.map(lambda new, old: np.asarray(new) - old, state.params, before)

    actual = [array.sharding.spec for array in jax.tree.leaves(state.params)]
    shardings = jax.tree.leaves(state_sharding(state.params, mesh, layout))
    expected = [sharding.spec for sharding in shardings]

    return {
        "change": change | jax.tree.map(np.asarray, state.model_state),
        "metrics": {name: float(value) for name, value in (metrics | measured).items()},
        "collectives": list_collectives(compiled.as_text()),
        "parameters": sum(array.nbytes for array in jax.tree.leaves(before)),
        "held": held,
        "same_layout": actual == expected,
    }


def compare(methods: str, network: str, layout: str = "data", steps: int = 1) -> dict:
    """Returns the step on eight devices with its difference to the step on one device.

    The difference is the largest one, relative to the largest change of a parameter.
    """
    eight = dict(step(methods, network, 8, layout, steps))
    one = dict(step(methods, network, 1, steps=steps))
    pairs = zip(
        jax.tree.leaves(eight.pop("change")), jax.tree.leaves(one.pop("change")), strict=True
    )
    largest, difference = np.max([(np.abs(b).max(), np.abs(a - b).max()) for a, b in pairs], axis=0)

    return eight | {"on_one": one, "difference": float(difference / largest)}


if __name__ == "__main__":
    print(json.dumps([compare(**case) for case in json.loads(sys.argv[1])]))
