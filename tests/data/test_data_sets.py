"""Claim: each data set can be prepared as downloaded, trained on and evaluated.

The videos are read from files and from records.
"""

import json
from collections.abc import Callable
from pathlib import Path

import jax
import layouts
import numpy as np
import pytest

from albar_jax import cli
from albar_jax.evaluation.predictions import Predictions, read_predictions
from albar_jax.wiring import run_evaluation, run_training, trained_models
from configs import custom, hmdb51, kinetics400, ucf101


def kinetics400_and_aras(root: Path) -> list[list[str]]:
    return [layouts.make_kinetics400(root / "k400"), layouts.make_aras(root / "aras")]


# Name -> (function that makes the stand-in and returns the arguments that prepare it, config).
DATA_SETS: dict[str, tuple[Callable[[Path], list[list[str]]], Callable]] = {
    "hmdb51": (lambda root: [layouts.make_hmdb51(root / "published")], hmdb51.get_config),
    "ucf101": (lambda root: [layouts.make_ucf101(root / "published")], ucf101.get_config),
    "kinetics400": (kinetics400_and_aras, kinetics400.get_config),
    "mmaction2": (
        lambda root: [layouts.make_mmaction2(root / "published", frames="zip")],
        custom.get_config,
    ),
    "albar": (lambda root: [layouts.make_albar(root / "published")], custom.get_config),
    "folder": (lambda root: [layouts.make_folder(root / "published")], custom.get_config),
}
FORMATS = ("manifest", "array_record")
MICRO = {
    "init": "",
    "batch_size": 4,
    "model.preset": "nano",
    "data.num_frames": 4,
    "data.size": 16,
    "data.short_side": 20,
    "loader.workers": 0,
    "train.epochs": 1.0,
    "eval.batch_size": 4,
}


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory):
    """Shares compiled programs among the runs, which differ only in their videos."""
    options = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled")),
        "jax_persistent_cache_min_compile_time_secs": 0,
    }
    before = {name: getattr(jax.config, name) for name in options}
    for name, value in options.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def run(get_config: Callable, out: Path) -> Path:
    """Trains for an epoch on `out`/manifest.csv and evaluates. Returns the folder of the run."""
    config = get_config("ce")
    num_classes = len((out / "classes.txt").read_text().splitlines())
    changes = MICRO | {"data.manifest": str(out / "manifest.csv"), "model.num_classes": num_classes}
    config.update_from_flattened_dict(changes)
    workdir = out / "run"
    assert run_training.run(config, str(workdir)) == 0
    assert (
        run_evaluation.run(
            [trained_models.from_workdir(str(workdir), "last")], str(workdir / "evaluation")
        )
        == 0
    )
    return workdir


@pytest.mark.parametrize("name", DATA_SETS)
def test_files_and_records_give_the_same_training_and_evaluation(name, tmp_path):
    make, get_config = DATA_SETS[name]
    stand_ins, runs = make(tmp_path), []
    for form in FORMATS:
        for arguments in stand_ins:
            assert (
                cli.call("prepare", [*arguments, "--out", str(tmp_path / form), "--format", form])
                == 0
            )
        runs.append(run(get_config, tmp_path / form))
    from_files, from_records = (answers(run) for run in runs)
    assert len(from_files[get_config().eval.suite].ids) >= 6
    assert from_files.keys() == from_records.keys()
    for task, predictions in from_files.items():
        assert predictions.ids == from_records[task].ids
        # Bit-identical, because both were trained on identical batches.
        np.testing.assert_array_equal(predictions.probs, from_records[task].probs)
    if name == "kinetics400":
        check_aras(from_records["aras"], runs[1])


def answers(workdir: Path) -> dict[str, Predictions]:
    files = (workdir / "evaluation" / "predictions").glob("*/*.csv")
    return {file.stem: read_predictions(file) for file in files}


def check_aras(predictions: Predictions, workdir: Path) -> None:
    """The published list repeats clips; both counts are reported."""
    (model,) = json.loads((workdir / "evaluation" / "results.json").read_text())["models"]
    hits = predictions.pred == predictions.labels
    once = np.array(["#" not in clip for clip in predictions.ids])
    assert (len(once), once.sum()) == (12, 6)
    assert model["rows"]["aras"] == pytest.approx(100 * hits.mean())
    assert model["rows"]["aras_unique"] == pytest.approx(100 * hits[once].mean())
