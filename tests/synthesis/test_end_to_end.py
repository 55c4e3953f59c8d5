"""Claim: from published layouts comes the table of results.

It is the same whether a model runs here or its predictions come as files.
"""

import json
import shutil
from pathlib import Path

import jax
import layouts
import numpy as np
import pytest
import scipy.io
import stand_ins

from albar_jax import cli, wiring
from albar_jax.config import parse
from albar_jax.data.manifest import read_manifest
from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.evaluation.suites import SUITES
from albar_jax.weights.converted import save_converted
from albar_jax.wiring import run_audit, run_evaluation, trained_models
from configs import hmdb51

# Of the six videos in the test split.
WITH_MASKS = 4
FIGURES = (
    "name",
    "seeds",
    "rows",
    "sd",
    "interval",
    "figures",
    "figures_sd",
    "classes",
    "cost_plain_steps",
)


def write_jhmdb(root: Path, manifest: Path) -> None:
    """Writes frames and masks of the test videos of two of three classes."""
    for seed, video in enumerate(read_manifest(manifest, split="test").ids):
        if not video.startswith("clap"):
            stand_ins.write_images(
                root / "Rename_Images" / video, layouts.film(seed, seed, stand_ins.FRAMES)
            )
            folder = root / "puppet_mask" / video
            folder.mkdir(parents=True)
            scipy.io.savemat(
                folder / "puppet_mask.mat",
                {"part_mask": np.moveaxis(stand_ins.person(seed), 0, -1) * 1},
            )


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Makes the data set and all of its bias sets. Returns its folder."""
    root = tmp_path_factory.mktemp("hmdb51")
    out = root / "data"
    assert cli.call("prepare", [*layouts.make_hmdb51(root), "--out", str(out)]) == 0
    write_jhmdb(root / "JHMDB", out / "manifest.csv")
    folders = [f"{name}={stand_ins.pictures(root / name)}" for name in ("places365", "vqgan")]
    words = (
        "--manifest",
        out / "manifest.csv",
        "--videos",
        root / "JHMDB/Rename_Images",
        "--masks",
        f"jhmdb:{root}/JHMDB",
    )
    assert (
        stand_ins.run(
            "preset", "hmdb51", *words, "--backgrounds", *folders, "--out", out, "--jobs", 1
        )
        == 0
    )
    return out


@pytest.fixture
def config(world):
    """Returns configs/hmdb51.py with a small network for small clips."""
    changed = hmdb51.get_config("ce")
    changed.update_from_flattened_dict(
        {
            "init": "",
            "model.preset": "micro",
            "model.num_classes": 3,
            "data.manifest": str(world / "manifest.csv"),
            "data.num_frames": 4,
            "data.size": 32,
            "data.short_side": 32,
            "eval.temporal_tests": True,
            "loader.workers": 0,
        }
    )
    return changed


@pytest.fixture(scope="module")
def evaluated(world, tmp_path_factory):
    return tmp_path_factory.mktemp("evaluated")


def results(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text())


@pytest.fixture
def answered(config, evaluated):
    """Evaluates random weights. Returns the folder of the evaluation."""
    if not (evaluated / "results.json").exists():
        parsed = parse(config)
        _, params = wiring.model(parsed, 3)
        # The weights are larger than at the start of training: equal predictions would hide much.
        noisy = jax.tree.map(
            lambda leaf: leaf + 0.3 * jax.random.normal(jax.random.key(leaf.size), leaf.shape),
            params,
        )
        save_converted(evaluated / "weights", wiring.model_config(parsed, 3), noisy)
        assert (
            run_evaluation.run(
                [trained_models.from_weights(str(evaluated / "weights"), config)], str(evaluated)
            )
            == 0
        )
    return evaluated


def test_every_figure_of_the_suite_is_reported(answered):
    (model,) = results(answered)["models"]
    assert None not in model["rows"].values()
    assert None not in model["figures"].values()
    (parts,) = results(answered)["by_background"]["models"]
    assert None not in parts["rows"].values()
    clips = {
        path.stem: len(read_predictions(path))
        for path in (answered / "predictions").glob("*/*.csv")
    }
    of_test_split = dict.fromkeys(["hmdb51", *SUITES["hmdb51"].temporal_tasks.values()], 6)
    assert clips == dict.fromkeys(SUITES["hmdb51"].tasks, 10 * WITH_MASKS) | of_test_split


def test_the_exported_predictions_give_the_same_table_and_page(answered, config, tmp_path):
    config.eval.temporal_tests = (
        # The predictions exist, whatever a model would be asked.
        False
    )
    assert run_audit.run([str(answered / "predictions")], str(tmp_path), config) == 0
    (ours,), (theirs,) = results(answered)["models"], results(tmp_path)["models"]
    for name in FIGURES:
        assert ours[name] == theirs[name], name
    assert (
        results(answered)["by_background"]["models"][0]["rows"]
        == results(tmp_path)["by_background"]["models"][0]["rows"]
    )
    pages = [(folder / "report.html").read_text().count("<img") for folder in (answered, tmp_path)]
    assert pages[0] == pages[1] > 0


def test_without_the_videos_only_the_foregrounds_are_unknown(answered, tmp_path):
    assert run_audit.run([str(answered / "predictions")], str(tmp_path)) == 0
    (ours,), (theirs,) = results(answered)["models"], results(tmp_path)["models"]
    assert ours["rows"] == theirs["rows"]
    unknown = {
        name for name, figure in theirs["figures"].items() if figure != ours["figures"][name]
    }
    assert unknown == {"mistakes/of_the_foreground"}
    assert "<img" not in (tmp_path / "report.html").read_text()


def test_predictions_that_contradict_the_videos_are_refused(answered, config, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(answered / "predictions" / "weights_seed0", folder)
    names = (folder / "classes.txt").read_text().split()
    (folder / "classes.txt").write_text("\n".join(names[::-1]))
    with pytest.raises(
        UserError,
        match=f"class 0 is '{names[2]}' in the classes.txt of the predictions and '{names[0]}'",
    ):
        run_audit.run([str(folder)], str(tmp_path / "out"), config)
    (folder / "classes.txt").unlink()
    file = folder / "hmdb51_scufo_vqgan.csv"
    file.write_text(file.read_text().replace(",0,", ",1,", 1))
    with pytest.raises(UserError, match=f"has the label 1, but its manifest says 0, {names[0]}"):
        run_audit.run([str(folder)], str(tmp_path / "out"), config)


def test_missing_clips_are_reported_without_pictures(answered, config, world, tmp_path):
    config.eval.directory = str(tmp_path / "nowhere")
    assert run_audit.run([str(answered / "predictions")], str(tmp_path), config) == 0
    page = (tmp_path / "report.html").read_text()
    assert "Example clips" in page
    assert "<img" not in page
