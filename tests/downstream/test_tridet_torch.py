"""A checkpoint as the original TriDet writes it is read: its moving average, without code."""

import numpy as np
import pytest

from albar_jax.downstream.tridet import weight_names
from albar_jax.weights.state_dicts import to_state_dict

from .tridet_golden import CLASSES, INPUT, TINY, weights


def test_the_moving_average_of_a_checkpoint_of_the_original_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    averages = {
        f"module.{name}": torch.from_numpy(np.array(value))
        for name, value in weights("model/w/").items()
    }
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimizer.step()
    path = tmp_path / "epoch_039.pth.tar"
    content = {
        "epoch": 39,
        "state_dict": {name: value + 1 for name, value in averages.items()},
        "state_dict_ema": averages,
        "optimizer": optimizer.state_dict(),
        "scheduler": {"last_epoch": 4000},
    }
    torch.save(content, path)

    state = weight_names.read(path)
    params = weight_names.params_of(state, TINY, INPUT, CLASSES, path)
    for name, value in to_state_dict(params, weight_names.TRIDET).items():
        assert np.array_equal(value, weights("model/w/")[name]), name
