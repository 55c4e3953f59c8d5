"""Tests of `albar attribute` on trained runs: pictures, arrays, table, clips, mistakes."""

import csv
import dataclasses
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from albar_jax import cli, wiring
from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import Predictions, write_predictions
from albar_jax.methods.pixels import normalise
from albar_jax.parallel.mesh import data_mesh
from albar_jax.wiring import trained_models
from albar_jax.wiring.attributed_clips import Choice, read_clips
from albar_jax.wiring.explainers import explainer


def attribute(*arguments):
    return cli.run(["attribute", *map(str, arguments)])


@pytest.fixture(scope="module")
def model(trained):
    return trained_models.from_workdir(str(trained), "best")


@pytest.fixture(scope="module")
def manifest(model):
    return wiring.task_manifest(model.config, "quickstart", model.classes)


@pytest.fixture(scope="module")
def explained(trained, manifest, tmp_path_factory):
    """The results for two clips, and the lines of the table."""
    out = tmp_path_factory.mktemp("explained")
    clips = ("--clips", manifest.ids[3], "--clips", manifest.ids[0])
    assert attribute("--workdir", trained, "--steps", 16, *clips, "--out", out) == 0
    with open(out / "attribution.csv", newline="") as file:
        return out, list(csv.DictReader(file))


def test_each_clip_has_a_picture_arrays_and_a_line(explained, manifest, model):
    out, lines = explained
    assert [line["clip"] for line in lines] == [manifest.ids[3], manifest.ids[0]]
    assert {path.name for path in out.iterdir()} == {
        *(f"clip_{number:02}{suffix}" for number in (0, 1) for suffix in (".png", ".npz")),
        "attribution.csv",
        "attribution.html",
    }
    # Frames, and the overlays of both legs.
    assert cv2.imread(str(out / "clip_00.png")).shape == (3 * (96 + 22 + 10), 8 * 100 - 4 + 20, 3)

    arrays = np.load(out / "clip_00.npz", allow_pickle=False)
    clip = wiring.evaluated_clip(model.config, manifest.paths[3], "quickstart")
    np.testing.assert_array_equal(arrays["frames"], clip)


def test_the_table_is_the_sum_of_the_arrays(explained, manifest, model):
    out, lines = explained
    for number, (line, row) in enumerate(zip(lines, (3, 0), strict=True)):
        arrays = np.load(out / f"clip_{number:02}.npz", allow_pickle=False)
        error = abs(float(line["completeness_error"]))
        for part in ("appearance", "motion"):
            values = arrays[f"ce_seed0_{part}"]
            assert values.shape == (8, 32, 32, 3)
            total = float(line[part])
            np.testing.assert_allclose(values.sum(), total, atol=error * abs(total) + 1e-4)

        # The middle frame is the same in the static clip and in the clip.
        assert not arrays["ce_seed0_motion"][4].any()
        assert line["explained"] == line["answer"]
        assert line["label"] == model.classes[manifest.labels[row]]


def test_both_parts_sum_to_the_logit_without_that_of_black(explained, manifest, model):
    line = explained[1][0]
    explains = explainer(model)
    clip = wiring.evaluated_clip(model.config, manifest.paths[3], "quickstart")
    logits = explains.logits(normalise(clip))
    target = int(logits.argmax())
    assert line["answer"] == model.classes[target]
    black = explains.logits(normalise(np.zeros_like(clip)))[target]
    total = float(line["appearance"]) + float(line["motion"])
    np.testing.assert_allclose(total, logits[target] - black, rtol=1e-3, atol=1e-5)


def test_the_page_has_all_pictures_and_no_outside_resource(explained, manifest):
    page = (explained[0] / "attribution.html").read_text()
    assert page.count("<img ") == 2 * 3 * 8
    assert manifest.ids[3] in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page


def test_the_class_map_sums_to_the_logit_without_the_bias(trained, model, manifest, tmp_path):
    options = ("--method", "cam", "--target", model.classes[5], "--show", "signed")
    assert (
        attribute("--workdir", trained, "--clips", manifest.ids[1], *options, "--out", tmp_path)
        == 0
    )
    values = np.load(tmp_path / "clip_00.npz", allow_pickle=False)["ce_seed0_class_map"]
    assert values.shape == (4, 2, 2)

    _, template = wiring.model_shapes(model.config, 8, data_mesh())
    bias = float(model.restore(template)["head"]["bias"][5])
    clip = wiring.evaluated_clip(model.config, manifest.paths[1], "quickstart")
    logits = explainer(model).logits(normalise(clip))
    np.testing.assert_allclose(values.sum(), logits[5] - bias, rtol=1e-3, atol=1e-5)
    # The map is exact.
    with open(tmp_path / "attribution.csv", newline="") as file:
        assert next(csv.DictReader(file))["completeness_error"] == ""


def test_an_evaluation_chooses_the_clips_that_only_the_second_run_recognises(
    model, manifest, tmp_path
):
    other = dataclasses.replace(model, name="albar")
    for name, right in (("ce", [0, 2]), ("albar", [0, 1])):
        pred = [
            label if row in right else (label + 1) % 8
            for row, label in enumerate(manifest.labels.tolist())
        ]
        predictions = Predictions(manifest.ids, manifest.labels, None, pred)
        folder = tmp_path / "predictions" / f"{name}_seed0"
        folder.mkdir(parents=True)
        write_predictions(folder / "quickstart.csv", predictions)

    choice = Choice(("wrong-to-right",), evaluation=tmp_path)
    assert [clip.id for clip in read_clips([model, other], choice)] == [manifest.ids[1]]
    assert [clip.id for clip in read_clips([other, model], choice)] == [manifest.ids[2]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--clips", "nobody"], "quickstart has no clip 'nobody'"),
        (["--clips", "wrong-to-right"], "give a second --workdir"),
        (["--clips", "x", "--task", "quickstart_scubas"], "did you mean quickstart_scuba?"),
        (["--clips", "x", "--target", "jumps"], "there is no class 'jumps'"),
        (["--clips", "x", "--baseline", "white"], "no baseline 'white'"),
        (["--clips", "x", "--rule", "riemann_trapezoid"], "captum's weights sum to 1 - 1/n"),
        (["--clips", "x", "--score", "loss"], "no score 'loss'"),
        ([], "--clips is missing"),
    ],
)
def test_mistakes_are_told_in_a_sentence(trained, tmp_path, capsys, options, message):
    status = attribute("--workdir", trained, *options, "--out", tmp_path / "out")
    assert status == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("clip_*"))


def test_runs_that_see_other_clips_are_not_compared(model, manifest):
    longer = dataclasses.replace(model.config.data, stride=2)
    other = dataclasses.replace(
        model, name="b", config=dataclasses.replace(model.config, data=longer)
    )
    with pytest.raises(UserError, match="see other frames or crops"):
        read_clips([model, other], Choice((manifest.ids[0],)))
    with pytest.raises(UserError, match="two runs are named 'ce' and have seed 0"):
        read_clips([model, model], Choice((manifest.ids[0],)))


def test_a_clip_that_cannot_be_read_is_named_and_the_others_are_done(
    model, manifest, tmp_path, capsys
):
    folder = tmp_path / "data"
    shutil.copytree(Path(model.config.data.manifest).parent, folder)
    data = dataclasses.replace(model.config.data, manifest=str(folder / "manifest.csv"))
    moved = dataclasses.replace(model, config=dataclasses.replace(model.config, data=data))
    paths = wiring.task_manifest(moved.config, "quickstart", model.classes).paths
    Path(paths[0]).write_bytes(b"no video")

    clips = read_clips([moved], Choice((manifest.ids[0], manifest.ids[1])))
    assert [clip.id for clip in clips] == [manifest.ids[1]]
    assert f"note: left out, {paths[0]}" in capsys.readouterr().out
    with pytest.raises(UserError, match="none of the 1 clips of quickstart can be read"):
        read_clips([moved], Choice((manifest.ids[0],)))
