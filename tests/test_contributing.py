"""The examples of CONTRIBUTING.md work as they are written."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.masks.base import NoMask
from albar_jax.types import Batch

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()
# The path of a file, and the block of code after it.
EXAMPLE = re.compile(r"`(albar_jax/[^`]+\.py)`:\n\n```python\n(.*?)```", re.DOTALL)


@pytest.fixture
def example(tmp_path):
    """A function: the example file with this name, imported."""
    sources = {Path(path).stem: source for path, source in EXAMPLE.findall(TEXT)}

    def load(name: str) -> ModuleType:
        path = tmp_path / f"{name}.py"
        path.write_text(sources[name])
        spec = importlib.util.spec_from_file_location(f"example_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_the_method_smooths_labels_and_checks_its_option(example):
    smooth = example("smooth")
    batch = Batch(jnp.zeros((1, 1, 2, 2, 3)), jnp.eye(4)[:1], jnp.ones(1), jnp.arange(1))

    (transform,) = smooth.make(amount=0.4).transforms
    smoothed = transform(batch, jax.random.key(0))

    assert jnp.allclose(smoothed.target, jnp.array([[0.7, 0.1, 0.1, 0.1]]))
    with pytest.raises(UserError, match="amount"):
        smooth.make(amount=1.5)


def test_the_data_set_lists_videos_and_numbers_classes(example, tmp_path):
    for number in (1, 2):
        (tmp_path / f"{number}.webm").touch()
    train = [{"id": "1", "template": "Pushing [something]"}]
    test = [
        {"id": "2", "template": "Pulling [something]"},
        {"id": "3", "template": "Pulling [something]"},
    ]
    (tmp_path / "train.json").write_text(json.dumps(train))
    (tmp_path / "validation.json").write_text(json.dumps(test))

    listing = example("ssv2").DATASET.read(tmp_path, splits=tmp_path)

    assert listing.classes == ["Pulling something", "Pushing something"]
    assert [(item.id, item.split) for item in listing.items] == [("1", "train"), ("2", "test")]
    assert [item.id for item in listing.missing] == ["3"]


def test_the_mask_source_reads_a_file_and_misses_others(example, tmp_path):
    masks = np.zeros((2, 3, 4), np.uint8)
    masks[1, 2, 3] = 255
    np.save(tmp_path / "wave.npy", masks)
    (tmp_path / "text.npy").write_text("not an array")

    source = example("npy").make(str(tmp_path), open_video=None)

    read = source.get("wave")
    assert read.masks.dtype == bool
    assert np.argwhere(read.masks).tolist() == [[1, 2, 3]]
    assert read.frame_ids.tolist() == [0, 1]
    with pytest.raises(NoMask, match=r"jump\.npy does not exist"):
        source.get("jump")
    with pytest.raises(UserError, match=r"text\.npy holds no masks"):
        source.get("text")


def test_the_suite_has_a_manifest_for_each_test_set(example):
    suite = example("mine").SUITE
    assert suite.tasks == {
        "mine": "manifest.csv",
        "mine_scuba_stripe": "mine_scuba_stripe.csv",
        "mine_scufo_stripe": "mine_scufo_stripe.csv",
        "mine_conflfg_stripe": "mine_conflfg_stripe.csv",
    }
