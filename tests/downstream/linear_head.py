"""A small head that satisfies the protocol, and a program that trains it and can be killed.

    python -m tests.downstream.linear_head WORKDIR

It separates random vectors with dropout, batch statistics and Adam, so all parts of the state and
the random numbers of each step matter.
"""

import contextlib
import dataclasses
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from albar_jax.downstream import loop
from albar_jax.downstream.base import Evaluation, HeadState
from albar_jax.train.checkpoint import Checkpoints

WIDTH = 6
NUM_EPOCHS = 8
STEPS_PER_EPOCH = 5


class LinearHead:
    """Logistic regression with dropout on vectors that depend on (seed, step) only."""

    name = "linear"
    num_steps = NUM_EPOCHS * STEPS_PER_EPOCH
    steps_per_epoch = STEPS_PER_EPOCH

    def __init__(self, seed: int = 0):
        self._seed = seed
        self._update = optax.adam(0.05)
        self.num_traced = 0

    def init(self):
        key = jax.random.key(self._seed)
        params = {"linear": {"kernel": jax.random.normal(key, (WIDTH,))}}
        # The same array twice: the loop has to copy before it donates.
        extra = {"ema": params, "mean": jnp.zeros(WIDTH)}
        return HeadState(jnp.int32(0), params, self._update.init(params), extra)

    def batch(self, step):
        rng = np.random.default_rng((self._seed, step))
        label = rng.integers(0, 2, 8)
        x = rng.normal(size=(8, WIDTH)) + 0.3 * label[:, None]
        return {"x": x.astype(np.float32), "label": label.astype(np.float32)}

    def train_step(self, state, batch):
        self.num_traced += 1
        key = jax.random.fold_in(jax.random.key(self._seed), state.step)
        mean = 0.9 * state.extra["mean"] + 0.1 * batch["x"].mean(0)
        x = (batch["x"] - mean) * jax.random.bernoulli(key, 0.5, batch["x"].shape)

        def loss_of(params):
            logits = x @ params["linear"]["kernel"]
            return optax.sigmoid_binary_cross_entropy(logits, batch["label"]).mean()

        loss, gradient = jax.value_and_grad(loss_of)(state.params)
        update, opt_state = self._update.update(gradient, state.opt_state)
        params = optax.apply_updates(state.params, update)
        ema = jax.tree.map(lambda a, p: 0.9 * a + 0.1 * p, state.extra["ema"], params)
        extra = {"ema": ema, "mean": mean}
        return HeadState(state.step + 1, params, opt_state, extra), {"loss/total": loss}

    def evaluate(self, state):
        batch = self.batch(10**6)
        kernel = np.asarray(state.extra["ema"]["linear"]["kernel"])
        scores = (batch["x"] - np.asarray(state.extra["mean"])) @ kernel
        accuracy = 100 * np.mean((scores > 0) == (batch["label"] > 0))
        return Evaluation({"accuracy": float(accuracy)}, {"v": {"scores": scores}})

    def to_torch(self, state):
        return {"linear.weight": np.asarray(state.params["linear"]["kernel"])}

    def from_torch(self, weights):
        kernel = jnp.asarray(weights["linear.weight"])
        return dataclasses.replace(self.init(), params={"linear": {"kernel": kernel}})


def train(workdir, head=None, **options):
    """Trains in this process; returns the result of the loop."""
    options = {"tests_each_epoch": True} | options
    with contextlib.closing(Checkpoints(Path(workdir))) as checkpoints:
        return loop.train(head or LinearHead(), checkpoints, Path(workdir), {}, **options)


def outcome(result):
    """All bytes that a training leaves: weights, statistics, figures."""
    leaves = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(result.state)]
    progress = dataclasses.asdict(result.progress)
    progress.pop("stopped_by")
    return leaves, progress


if __name__ == "__main__":
    ended = train(sys.argv[1])
    print(json.dumps({"stopped_by": ended.progress.stopped_by, "step": ended.progress.step}))
