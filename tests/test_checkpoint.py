"""Claims about saving, finding and restoring checkpoints."""

import dataclasses
import inspect
import json
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from albar_jax.errors import UserError
from albar_jax.schema.changes import config_difference
from albar_jax.storage import array_index
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.optim import adamw
from albar_jax.train.step import init_state
from albar_jax.wiring import trained_models
from configs import quickstart

WHOLE = json.loads(quickstart.get_config("ce").to_json_best_effort())


def make_state(step, width=4):
    optimizer = adamw(lambda step: 0.1, weight_decay=0.0, b1=0.9, b2=0.999, clip_norm=None)
    state = init_state(
        {"layer": {"kernel": jnp.full((3, width), float(step)), "bias": jnp.zeros(width)}},
        optimizer,
    )
    return dataclasses.replace(state, step=jnp.int32(step))


def saved(tmp_path, scores):
    checkpoints = Checkpoints(tmp_path)
    for step, score in scores.items():
        checkpoints.save(make_state(step), {"classes": ["a"]}, score)

    checkpoints.wait()
    return checkpoints


def test_the_last_two_and_the_best_are_kept(tmp_path):
    checkpoints = saved(tmp_path, {1: 0.2, 2: 0.9, 3: 0.1, 4: 0.5, 5: 0.6})
    assert (checkpoints.find("last"), checkpoints.find("best")) == (5, 2)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["2", "4", "5"]
    assert checkpoints.validation_top1(2) == 0.9


def test_of_equally_good_ones_the_later_is_the_best(tmp_path):
    assert saved(tmp_path, {1: 0.9, 2: 0.9, 3: 0.5}).find("best") == 2


def test_one_saved_without_validation_is_the_last_and_not_the_best(tmp_path):
    checkpoints = saved(tmp_path, {1: 0.2, 2: None})
    assert (checkpoints.find("last"), checkpoints.find("best")) == (2, 1)


def test_without_a_checkpoint_there_is_none_to_find(tmp_path):
    assert Checkpoints(tmp_path).find("last") is None


def test_what_is_restored_is_what_was_saved(tmp_path):
    checkpoints = saved(tmp_path, {7: 0.5})
    restored = checkpoints.restore(7, make_state(0))
    jax.tree.map(np.testing.assert_array_equal, restored, make_state(7))
    jax.tree.map(
        np.testing.assert_array_equal,
        checkpoints.restore_params(7, make_state(0).params),
        make_state(7).params,
    )
    assert checkpoints.meta(7) == {"classes": ["a"]}


def test_one_file_imports_orbax():
    """So the move to another API of orbax changes one file."""
    package = Path(inspect.getfile(Checkpoints)).parents[1]
    users = []
    for path in package.rglob("*.py"):
        if re.search(r"^\s*(import|from) orbax", path.read_text(), re.MULTILINE):
            users.append(path.name)

    assert users == ["orbax_files.py"]


def test_a_half_written_checkpoint_is_not_seen(tmp_path):
    saved(tmp_path, {1: 0.5}).close()
    (tmp_path / "checkpoints" / "2.orbax-checkpoint-tmp").mkdir()
    assert Checkpoints(tmp_path).find("last") == 1


def test_a_model_of_another_shape_is_refused_with_the_array(tmp_path):
    checkpoints = saved(tmp_path, {1: 0.5})
    with pytest.raises(UserError, match=r"layer\.kernel is \(3, 4\) there, not \(3, 5\)"):
        checkpoints.restore(1, make_state(0, width=5))


def test_an_unknown_step_is_refused_with_the_kept_ones(tmp_path):
    with pytest.raises(UserError, match=r"no checkpoint '9'; it has best, last and \[1\]"):
        saved(tmp_path, {1: 0.5}).find("9")


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="has no folder checkpoints"):
        Checkpoints(tmp_path / "nowhere", read_only=True)


def test_the_difference_of_two_configs_names_each_field():
    saved_config = {"seed": 0, "optim": {"lr": 0.1, "b1": 0.9}, "gone": 1}
    current = {"seed": 0, "optim": {"lr": 0.2, "b1": 0.9}, "new": None}
    assert config_difference(saved_config, current) == [
        "gone: 1 -> (absent)",
        "new: (absent) -> null",
        "optim.lr: 0.1 -> 0.2",
    ]


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"config": [], "classes": ["a"]},
        {"config": {"a.b": 1}, "classes": ["a"]},
        {"config": {"__class__": "a"}, "classes": ["a"]},
        {"config": {"name": {"format": "{0.__class__}"}}, "classes": ["a"]},
        {"config": WHOLE, "classes": "abc"},
        {"config": WHOLE, "classes": [1]},
    ],
    ids=["empty", "list", "dots", "attribute", "braces", "text for classes", "numbers for classes"],
)
def test_invalid_metadata_of_a_run_is_refused_in_one_sentence(tmp_path, meta):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(make_state(1), meta, 0.5)
    checkpoints.close()

    with pytest.raises(UserError) as refusal:
        trained_models.from_workdir(str(tmp_path), "last")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("use_zarr3", [False, True])
def test_an_array_that_the_index_lacks_is_named(tmp_path, use_zarr3):
    handler = ocp.PyTreeCheckpointHandler(use_zarr3=use_zarr3)
    with ocp.Checkpointer(handler) as checkpointer:
        tree = {"head": {"bias": np.ones(3)}, "norm": jnp.ones(2), "step": 3, "empty": {}}
        checkpointer.save(tmp_path / "saved", tree)

    assert array_index.missing_arrays(tmp_path / "saved") == []

    metadata = tmp_path / "saved" / "_METADATA"
    renamed = metadata.read_text()
    for name in ("bias", "norm", "step"):
        renamed = renamed.replace(f'"key": "{name}"', f'"key": "other_{name}"')

    metadata.write_text(renamed)
    missing = ["head.other_bias", "other_norm", "other_step"]
    assert array_index.missing_arrays(tmp_path / "saved") == missing
