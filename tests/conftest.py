"""Tiny data and configs that several tests share."""

from pathlib import Path

import pytest

from albar_jax.synthesis import quickstart as world
from configs import quickstart


@pytest.fixture(scope="session")
def world_dir(tmp_path_factory) -> Path:
    """A quickstart world of 40 training and 16 test clips: real files on disk."""
    out = tmp_path_factory.mktemp("world") / "quickstart"
    world.make(out, seed=0, num_train=40, num_test=16, bias=0.85, num_processes=1)
    return out


@pytest.fixture
def tiny_config(world_dir):
    """A function: the quickstart config of these methods, shrunk to a few steps of a narrow model."""

    def make(tokens: str = "ce", **changes):
        config = quickstart.get_config(tokens)
        config.data.manifest = str(world_dir / "manifest.csv")
        config.eval.directory = str(world_dir)
        config.eval.batch_size = 8
        config.batch_size = 4
        config.train.steps = 6
        config.train.save_every_epochs = 0.25  # of 8 steps: every second step
        config.train.log_every_steps = 2
        config.loader.threads = 0
        config.update_from_flattened_dict(changes)
        return config

    return make
