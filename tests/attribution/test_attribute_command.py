"""Tests of `albar attribute` on trained runs: pictures, arrays, table, clips, mistakes."""

import csv
import dataclasses
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from albar_jax import cli, wiring
from albar_jax.attribution.explain import Options
from albar_jax.data.loader import eval_batches
from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import Predictions, write_predictions
from albar_jax.methods.pixels import normalise
from albar_jax.parallel.mesh import data_mesh
from albar_jax.wiring import run_attribute, trained_models
from albar_jax.wiring.attributed_clips import Choice, choose_clips, read_clips
from albar_jax.wiring.explainers import explainer
from albar_jax.wiring.kept_predictions import predict_once
from albar_jax.wiring.stored_explanations import Explanation, StoredExplanations


def attribute(*arguments):
    return cli.run(["attribute", *map(str, arguments)])


def clips_of(models, choice, folder):
    return list(read_clips(choose_clips(models, choice, folder)))


def changed(model, /, **sections):
    """Returns the model with other values in sections of its config, such as `data={...}`."""
    config = model.config
    for name, values in sections.items():
        section = dataclasses.replace(getattr(config, name), **values)
        config = dataclasses.replace(config, **{name: section})
    return dataclasses.replace(model, config=config)


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
    # A clip and a picture of an earlier command, which had more clips.
    for name in ("clip_02.npz", "clip_100.png", "clip_2.png", "clip_02.txt"):
        (out / name).write_bytes(b"old")
    assert attribute("--workdir", trained, "--steps", 16, *clips, "--out", out) == 0
    for name in ("clip_2.png", "clip_02.txt"):
        (out / name).unlink()
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


def test_a_repeated_command_keeps_what_is_finished(trained, model, manifest, explained, tmp_path):
    out = tmp_path / "out"

    def interrupt_after_the_first_clip():
        while not (out / "clip_00.npz").exists():
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_after_the_first_clip, daemon=True).start()
    ids = (manifest.ids[3], manifest.ids[0], *manifest.ids)
    request = run_attribute.Request(options=Options(steps=16))
    with pytest.raises(KeyboardInterrupt):
        run_attribute.run([model], Choice(ids), request, str(out))
    assert 1 <= len(list(out.glob("clip_*.npz"))) < len(manifest)
    assert not (out / "attribution.html").exists()

    # The repeated command keeps the first clip, but not a damaged one, and gives the same files as
    # if never interrupted.
    (out / "clip_01.npz").write_bytes(b"no arrays")
    finished = (out / "clip_00.npz").stat().st_mtime_ns
    common = ["--workdir", trained, "--clips", ids[0], "--out", out]
    assert attribute(*common, "--clips", ids[1], "--steps", 16) == 0
    assert (out / "clip_00.npz").stat().st_mtime_ns == finished
    for path in explained[0].iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes(), path.name

    # Another style draws the pictures again, another method computes the clips again.
    assert attribute(*common, "--steps", 16, "--scale", "all", "--show", "signed") == 0
    assert (out / "clip_00.npz").stat().st_mtime_ns == finished
    assert (out / "clip_00.png").read_bytes() != (explained[0] / "clip_00.png").read_bytes()
    assert attribute(*common, "--method", "cam") == 0
    assert "ce_seed0_class_map" in np.load(out / "clip_00.npz", allow_pickle=False)
    assert not (out / "clip_01.npz").exists()


def test_a_finished_clip_is_kept_only_for_its_id_label_frames_and_settings(tmp_path):
    frames = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    stored = StoredExplanations(tmp_path, {"steps": 4})
    stored.add(0, Explanation("a", "wave", frames, ()))
    assert stored.find(0, "a", "wave", frames) is not None
    assert stored.find(0, "b", "wave", frames) is None
    assert stored.find(0, "a", "run", frames) is None
    assert stored.find(0, "a", "wave", frames + 1) is None
    assert stored.find(1, "a", "wave", frames) is None
    assert StoredExplanations(tmp_path, {"steps": 5}).find(0, "a", "wave", frames) is None


def test_the_precision_of_the_config_changes_nothing(model, manifest):
    clip = normalise(wiring.evaluated_clip(model.config, manifest.paths[0], "quickstart"))
    parts = explainer(model).split(clip, 2)
    rough = changed(model, model={"dtype": "bfloat16"})
    assert explainer(rough).split(clip, 2) == parts


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
    choice = Choice(("wrong-to-right",), evaluation=tmp_path)
    with pytest.raises(
        UserError, match="has no predictions .*ce_seed0/quickstart.csv; evaluate ce"
    ):
        clips_of([model, other], choice, tmp_path)
    for name, right in (("ce", [0, 2]), ("albar", [0, 1])):
        pred = [
            label if row in right else (label + 1) % 8
            for row, label in enumerate(manifest.labels.tolist())
        ]
        predictions = Predictions(manifest.ids, manifest.labels, None, pred)
        folder = tmp_path / "predictions" / f"{name}_seed0"
        folder.mkdir(parents=True)
        write_predictions(folder / "quickstart.csv", predictions)

    for models, row in (([model, other], 1), ([other, model], 2)):
        assert [clip.id for clip in clips_of(models, choice, tmp_path)] == [manifest.ids[row]]

    # Predictions of another data set.
    shifted = Predictions(manifest.ids, (manifest.labels + 1) % 8, None, manifest.labels)
    write_predictions(tmp_path / "predictions" / "ce_seed0" / "quickstart.csv", shifted)
    with pytest.raises(UserError, match="is of other videos than the test set: it has the clip"):
        clips_of([model, other], choice, tmp_path)


def test_predictions_that_choose_clips_are_made_once(model, manifest, tmp_path):
    first = predict_once(model, manifest, "quickstart", tmp_path)
    table = tmp_path / "predictions" / "ce_seed0" / "quickstart.csv"
    made = table.stat().st_mtime_ns
    again = predict_once(model, manifest, "quickstart", tmp_path)
    assert (again.ids, again.pred.tolist()) == (manifest.ids, first.pred.tolist())
    assert table.stat().st_mtime_ns == made

    # Another batch size is another config.
    predict_once(changed(model, eval={"batch_size": 4}), manifest, "quickstart", tmp_path)
    assert table.stat().st_mtime_ns > made


def test_clips_of_a_temporal_test_have_its_order(model, manifest, tmp_path):
    tested = changed(model, eval={"temporal_tests": True})
    tasks = wiring.suite(tested.config).temporal_tasks
    reversed_task, shuffled_task, static_task = tasks.values()
    orders = wiring.temporal_orders(tested.config)
    assert [orders[task] for task in tasks.values()] == ["reversed", "shuffled", "static"]

    (forward,) = clips_of([tested], Choice((manifest.ids[5],)), tmp_path)
    (backward,) = clips_of([tested], Choice((manifest.ids[5],), reversed_task), tmp_path)
    np.testing.assert_array_equal(backward.frames, forward.frames[::-1])
    untested = dataclasses.replace(changed(model, eval={"temporal_tests": False}), name="b")
    with pytest.raises(UserError, match=f"b has no test set {reversed_task}; choose from"):
        choose_clips([tested, untested], Choice((manifest.ids[5],), reversed_task), tmp_path)

    (still,) = clips_of([tested], Choice((manifest.ids[5],), static_task), tmp_path)
    middle = forward.frames[len(forward.frames) // 2]
    np.testing.assert_array_equal(still.frames, np.broadcast_to(middle, still.frames.shape))

    # The frames that an evaluation shuffles for this row.
    (shuffled,) = clips_of([tested], Choice((manifest.ids[5],), shuffled_task), tmp_path)
    spec = wiring.views(tested.config, "shuffled", shuffled_task)[0]
    with eval_batches(manifest, spec, batch_size=len(manifest)) as batches:
        (batch,) = batches
    np.testing.assert_array_equal(shuffled.frames, batch["video"][5])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--clips", "nobody"], "quickstart has no clip 'nobody'"),
        (["--clips", "wrong-to-right"], "give a second --workdir"),
        (["--clips", "x", "--task", "quickstart_scubas"], "did you mean quickstart_scuba?"),
        (["--clips", "x", "--target", "jumps"], "there is no class 'jumps'"),
        (["--clips", "x", "--rule", "riemann_trapezoid"], "captum's weights sum to 1 - 1/n"),
        (["--clips", "x", "--steps", "1001"], "gauss_legendre has at most 1000; choose midpoint"),
        ([], "--clips is missing"),
    ],
)
def test_mistakes_are_told_in_a_sentence(trained, tmp_path, capsys, options, message):
    status = attribute("--workdir", trained, *options, "--out", tmp_path / "out")
    assert status == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("clip_*"))


def test_runs_that_see_other_clips_are_not_compared(model, manifest, world_dir, tmp_path):
    lines = (world_dir / "manifest.csv").read_text().splitlines(keepends=True)
    test = next(row for row, line in enumerate(lines) if ",test" in line)
    for name in ("few", "same"):
        (tmp_path / name).mkdir()
        kept = [line for row, line in enumerate(lines) if name == "same" or row != test]
        text = "".join(kept).replace("videos/", f"{world_dir}/videos/")
        (tmp_path / name / "manifest.csv").write_text(text)
        shutil.copy(world_dir / "classes.txt", tmp_path / name)

    def other(**sections):
        return dataclasses.replace(changed(model, **sections), name="b")

    choice = Choice((manifest.ids[-1],))
    cases = [
        (other(data={"stride": 2}), "see other frames or crops"),
        (other(eval={"suite": "ucf101"}), "belongs to the suite ucf101 and ce to quickstart"),
        (dataclasses.replace(other(), classes=model.classes[::-1]), "on different classes"),
        (model, "two runs are named 'ce' and have seed 0"),
        (other(data={"manifest": f"{tmp_path}/few/manifest.csv"}), "tested on different videos of"),
    ]
    for second, sentence in cases:
        with pytest.raises(UserError, match=sentence):
            choose_clips([model, second], choice, tmp_path)
    # A copy of the data set is the same.
    same = other(data={"manifest": f"{tmp_path}/same/manifest.csv"})
    assert len(choose_clips([model, same], choice, tmp_path)) == 1


def test_legs_of_single_frames_are_refused(model, manifest, tmp_path):
    single = changed(model, data={"num_frames": 1})
    with pytest.raises(UserError, match="ce reads single frames, which have no motion; give --bas"):
        run_attribute.run([single], Choice(manifest.ids[:1]), run_attribute.Request(), "x")


def test_a_clip_that_cannot_be_read_is_named_and_the_others_are_done(
    model, manifest, tmp_path, capsys
):
    folder = tmp_path / "data"
    shutil.copytree(Path(model.config.data.manifest).parent, folder)
    data = dataclasses.replace(model.config.data, manifest=str(folder / "manifest.csv"))
    moved = dataclasses.replace(model, config=dataclasses.replace(model.config, data=data))
    paths = wiring.task_manifest(moved.config, "quickstart", model.classes).paths
    Path(paths[0]).write_bytes(b"no video")

    clips = clips_of([moved], Choice((manifest.ids[0], manifest.ids[1])), tmp_path)
    assert [clip.id for clip in clips] == [manifest.ids[1]]
    assert f"note: left out, {paths[0]}" in capsys.readouterr().out
    with pytest.raises(UserError, match="none of the 1 clips of quickstart can be read"):
        clips_of([moved], Choice((manifest.ids[0],)), tmp_path)
