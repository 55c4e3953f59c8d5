"""The weights of a run, for PyTorch and for this program."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict

from albar_jax.data.manifest import read_manifest
from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.wiring import run_evaluation, run_export, trained_models

ROOT = Path(__file__).parents[1]
# Runs `albar`, and kills its process at the second rename, instead of renaming.
DYING = """
import os, signal, sys
from albar_jax import cli
calls = 0

def dying(rename):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(*arguments, **options)
    return call

os.replace, os.rename = dying(os.replace), dying(os.rename)
sys.exit(cli.run(sys.argv[1:]))
"""
TASK = "predictions/*_seed0/quickstart.csv"


@pytest.fixture(scope="module")
def answers(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("answers")
    run_evaluation.run([trained_models.from_workdir(str(trained), "best")], str(out))
    return read_predictions(next(out.glob(TASK)))


def weights(name, tiny_config):
    return trained_models.from_weights(str(name), ConfigDict(tiny_config("ce").to_dict()))


@pytest.mark.parametrize("name", ["model.safetensors", "folder/"])
def test_exported_weights_answer_as_the_run_does(
    name, trained, tiny_config, answers, tmp_path, capsys
):
    out = f"{tmp_path}/new/{name}"
    assert run_export.run(str(trained), "best", out) == 0
    fits = "It fits torchvision.models.video.SwinTransformer3d(patch_size=[2, 8, 8], "
    assert (fits in capsys.readouterr().out) == (name == "model.safetensors")
    listing, written = sorted(
        (tmp_path / "new").iterdir(), key=lambda path: path.stat().st_mtime_ns
    )
    assert (listing.name, written.name) == (
        f"{Path(name).name}.classes.txt",
        Path(name).name,
    )  # never without classes
    assert len(listing.read_text().splitlines()) == 8
    run_evaluation.run([weights(out, tiny_config)], str(tmp_path / "out"))
    np.testing.assert_array_equal(
        read_predictions(next((tmp_path / "out").glob(TASK))).probs, answers.probs
    )


def test_weights_number_their_classes_as_the_list_beside_them_does(
    tiny_config, world_dir, tmp_path
):
    names = read_manifest(world_dir / "manifest.csv").classes[::-1]
    (tmp_path / "model.safetensors.classes.txt").write_text("\n".join(names))
    assert weights(tmp_path / "model.safetensors", tiny_config).classes == names


@pytest.mark.parametrize("alone", ["list", "manifest"])
def test_a_manifest_of_other_classes_than_the_weights_is_refused(
    alone, tiny_config, world_dir, tmp_path
):
    names = list(read_manifest(world_dir / "manifest.csv").classes)
    listing = tmp_path / "model.safetensors.classes.txt"
    listing.write_text("\n".join(["aaa", *names[1:]] if alone == "list" else names[1:]))
    name, where = ("aaa", listing) if alone == "list" else (names[0], world_dir / "manifest.csv")
    with pytest.raises(
        UserError, match=rf"has other classes than .*: only {where} has '{name}'; fine-tune it"
    ):
        weights(tmp_path / "model.safetensors", tiny_config)


@pytest.mark.parametrize("name", ["model.safetensors", "model.safetensors.classes.txt"])
def test_nothing_is_overwritten(name, trained, tmp_path):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=rf"{name} already exists"):
        run_export.run(str(trained), "best", str(tmp_path / "model.safetensors"))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "mine"}


@pytest.mark.parametrize("name", ["albar.onnx", "albar.PTH", "v1.2"])
def test_another_ending_is_refused_and_leaves_nothing(name, trained, tmp_path):
    with pytest.raises(UserError, match=rf"{name} does not end in \.pth, \.pt, \.safetensors"):
        run_export.run(str(trained), "best", str(tmp_path / name))
    assert not list(tmp_path.iterdir())


def test_an_export_that_fails_leaves_nothing(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match="needs PyTorch"):
        run_export.run(str(trained), "best", str(tmp_path / "model.pth"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["model.safetensors", "folder"])
def test_repeating_a_killed_or_a_finished_export_succeeds(name, trained, tmp_path):
    out = tmp_path / "new" / name
    words = ["export", "--workdir", trained, "--out", out]
    # The class list exists, but the weights have not been renamed yet.
    command = [sys.executable, "-c", DYING, *map(str, words)]
    assert subprocess.run(command, cwd=ROOT).returncode == -signal.SIGKILL
    assert not out.exists()
    assert len(list((tmp_path / "new").iterdir())) > 1
    for _ in range(2):
        assert run_export.run(str(trained), "best", str(out)) == 0
        assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(
            [name, f"{name}.classes.txt"]
        )
