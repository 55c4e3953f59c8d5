"""`albar downstream`: killed trainings, tables, exports, and mistakes found before work."""

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax import cli
from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.recipes import RECIPES, list_options, make_recipe
from albar_jax.errors import UserError
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.run_log import read_history
from albar_jax.types import TrainState
from albar_jax.weights.torch_files import read_state_dict
from albar_jax.wiring import saved_evaluation
from albar_jax.wiring.downstream_inputs import read_inputs
from albar_jax.wiring.trained_heads import complete_config, open_head, read_meta
from tests.downstream import film_features
from tests.downstream.film_features import HOPS, SMALL, TASK_OF, flags

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Paths of features and annotations of both heads."""
    folder = tmp_path_factory.mktemp("inputs")
    return {head: film_features.write(folder / head, head, count=8) for head in SMALL}


def train(head, inputs, workdir, seed=0, extra=(), **changes):
    """Trains in this process; returns the exit status."""
    words = flags(head, inputs[head], workdir, seed, **changes)
    return cli.run(["downstream", "train", *words, *extra])


@pytest.fixture(scope="module")
def trained(inputs, tmp_path_factory):
    """Folders of finished trainings: two seeds of MGFN, one of TriDet."""
    folder = tmp_path_factory.mktemp("trained")
    assert train("mgfn", inputs, folder / "mgfn0", seed=0) == 0
    assert train("mgfn", inputs, folder / "mgfn1", seed=1) == 0
    assert train("tridet", inputs, folder / "tridet0") == 0
    return folder


def evaluate(out, *arguments):
    assert cli.run(["downstream", "evaluate", *arguments, f"--out={out}"]) == 0
    return json.loads((out / "results.json").read_text())


def weights(workdir):
    """All bytes of the state of the last checkpoint."""
    head = open_head(str(workdir))
    state = head.restore(head.find("last"))
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)]


def start(words):
    return subprocess.Popen(
        [sys.executable, "-m", "albar_jax", "downstream", "train", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_epochs(workdir, count, is_running):
    deadline = time.monotonic() + 240
    while len(read_history(workdir)) < count:
        assert is_running(), "the training ended before it could be disturbed"
        assert time.monotonic() < deadline
        time.sleep(0.002)


@contextlib.contextmanager
def stopped_after(workdir, count):
    """Sends SIGTERM to this process after some epochs of the training in the context."""
    has_ended = threading.Event()

    def stop():
        wait_for_epochs(workdir, count, lambda: not has_ended.is_set())
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


def test_killed_training_gives_the_same_bytes(inputs, trained, tmp_path):
    # A request to stop saves a checkpoint. The kill then hits a training that has resumed from it.
    with stopped_after(tmp_path, 2):
        assert train("mgfn", inputs, tmp_path) == 128 + signal.SIGTERM
    stopped = len(read_history(tmp_path))
    assert 2 <= stopped < SMALL["mgfn"]["epochs"]
    assert not (tmp_path / "evaluation.json").exists()

    process = start(flags("mgfn", inputs["mgfn"], tmp_path))
    wait_for_epochs(tmp_path, stopped + 2, lambda: process.poll() is None)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "evaluation.json").exists()

    assert train("mgfn", inputs, tmp_path) == 0
    for name in ("evaluation.json", "metrics.jsonl", "predictions/last.npz"):
        assert (tmp_path / name).read_bytes() == (trained / "mgfn0" / name).read_bytes(), name
    assert weights(tmp_path) == weights(trained / "mgfn0")


def test_training_writes_figures_log_and_predictions(trained):
    content = json.loads((trained / "mgfn0" / "evaluation.json").read_text())
    rows = read_history(trained / "mgfn0")
    assert [row["test/roc_auc"] for row in rows][-1] == content["last"]["roc_auc"]
    assert max(row["test/roc_auc"] for row in rows) == content["best"]["roc_auc"]
    with np.load(trained / "mgfn0" / "predictions" / "last.npz", allow_pickle=False) as file:
        assert len(file["ids"]) == 8
        assert file["0/scores"].ndim == 1


def test_finished_training_is_repeated_without_work(inputs, trained):
    before = (trained / "mgfn0" / "metrics.jsonl").read_bytes()
    assert train("mgfn", inputs, trained / "mgfn0") == 0
    assert (trained / "mgfn0" / "metrics.jsonl").read_bytes() == before


def test_table_has_means_over_seeds_last_and_best_beside_the_paper(trained, tmp_path):
    workdirs = [f"--workdir={trained / name}" for name in ("mgfn0", "mgfn1", "tridet0")]
    results = evaluate(tmp_path / "out", *workdirs)

    (row,) = results["figures"]["mgfn"].values()
    saved = [
        json.loads((trained / name / "evaluation.json").read_text()) for name in ("mgfn0", "mgfn1")
    ]
    assert row["seeds"] == [0, 1]
    for when in ("last", "best"):
        per_seed = [content[when]["roc_auc"] for content in saved]
        assert row[when]["roc_auc"]["per_seed"] == pytest.approx(per_seed)
        assert row[when]["roc_auc"]["mean"] == pytest.approx(np.mean(per_seed))
        assert row[when]["roc_auc"]["sd"] == pytest.approx(np.std(per_seed, ddof=1))
    (detection,) = results["figures"]["tridet"].values()
    assert set(detection) == {"seeds", "last"}

    text = (tmp_path / "out" / "table.md").read_text()
    for figure in ("82.39", "84.91", "54.89", "55.20"):
        assert text.count(figure) == 1
    header = next(line for line in text.splitlines() if "ROC AUC, best on test" in line)
    paper = next(line for line in text.splitlines() if "84.91" in line)
    column = header.split("|").index(" ROC AUC, best on test ↑ ")
    assert paper.split("|")[column].strip() == "84.91"


@pytest.mark.parametrize("head", list(SMALL))
def test_scores_of_another_program_get_the_same_figures(head, inputs, trained, tmp_path):
    folder = trained / f"{head}0"
    _, annotations = inputs[head]
    scores = write_as_others(head, folder / "predictions" / "last.npz", annotations, tmp_path)
    words = [f"--head={head}", f"--scores={scores}", f"--annotations={annotations}"]
    if head == "mgfn":
        # One score for each frame; the features state the number of frames.
        words += ["--frames-per-score=1", f"--features={inputs[head][0]}"]
    results = evaluate(tmp_path / "out", *words)

    (row,) = results["figures"][head].values()
    saved = json.loads((folder / "evaluation.json").read_text())["last"]
    for figure, percentage in saved.items():
        assert row["last"][figure]["mean"] == pytest.approx(percentage, abs=1e-4)


def write_as_others(head, predictions, annotations, folder):
    """Writes predictions in the forms of other programs; returns their path."""
    with np.load(predictions, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    ids = [str(name) for name in arrays["ids"]]
    if head == "mgfn":
        (folder / "scores").mkdir()
        for number, name in enumerate(ids):
            np.save(folder / "scores" / f"{name}.npy", np.repeat(arrays[f"{number}/scores"], 8))
        return folder / "scores"

    classes = HEADS[head].read_truth(annotations).classes
    results = {}
    for number, name in enumerate(ids):
        rows = zip(
            *(arrays[f"{number}/{key}"].tolist() for key in ("segments", "scores", "labels")),
            strict=True,
        )
        results[name] = [
            {"segment": segment, "score": score, "label": classes[label]}
            for segment, score, label in rows
        ]
    (folder / "results.json").write_text(json.dumps({"results": results}))
    return folder / "results.json"


@pytest.mark.parametrize("head", list(SMALL))
def test_exported_weights_have_the_originals_names_and_need_test_videos_only(
    head, inputs, trained, tmp_path
):
    out = tmp_path / "head.safetensors"
    workdir = trained / f"{head}0"
    own_features = inputs[head][0] / "features.json"
    # Export needs no features at all.
    own_features.rename(tmp_path / "features.json")
    try:
        assert cli.run(["downstream", "export", f"--workdir={workdir}", f"--out={out}"]) == 0
    finally:
        (tmp_path / "features.json").rename(own_features)
    name = {"mgfn": "fc.weight", "tridet": "cls_head.cls_head.conv.weight"}[head]
    assert name in read_state_dict(out)

    features, annotations = only_test_features(inputs, head, tmp_path)
    saved = json.loads((workdir / "evaluation.json").read_text())["last"]
    tested = [f"--features={features}", f"--annotations={annotations}"]
    for words in (
        [f"--head={head}", f"--weights={out}", *network_flags(head)],
        [f"--workdir={workdir}"],
    ):
        results = evaluate(tmp_path / "out", *words, *tested)
        (row,) = results["figures"][head].values()
        figures = {name: figure["mean"] for name, figure in row["last"].items()}
        assert figures == pytest.approx(saved, abs=1e-3)
        assert any(note.startswith("Recipe") for note in results["notes"])
        assert not any("no features" in note for note in results["notes"])


def only_test_features(inputs, head, folder):
    """Copies the inputs of a head without the features of training videos."""
    own = copied(inputs, head, folder)[head]
    for path in own[0].glob(f"{TASK_OF[head]}_train_*.npy"):
        forget(own[0], path.stem)
        path.unlink()
    return own


def network_flags(head):
    """Options of the small head that matter to a test."""
    names = {option.flag for option in list_options(for_training=False)}
    words = flags(head, ("", ""), "")
    return [word for word in words if word.partition("=")[0] in names]


def test_export_does_not_overwrite_and_names_the_formats(trained, tmp_path, capfd):
    (tmp_path / "there.safetensors").write_bytes(b"mine")
    for name, message in (("there.safetensors", "already exists"), ("weights.txt", "does not end")):
        words = ["downstream", "export", f"--workdir={trained / 'mgfn0'}"]
        assert cli.run([*words, f"--out={tmp_path / name}"]) == 2
        assert message in capfd.readouterr().err
    assert (tmp_path / "there.safetensors").read_bytes() == b"mine"


def copied(inputs, head, folder):
    """Copies the inputs of a head to change them."""
    features, annotations = inputs[head]
    shutil.copytree(features, folder / "features")
    shutil.copytree(annotations.parent, folder / "annotations")
    return {head: (folder / "features", folder / "annotations" / annotations.name)}


def forget(features, name):
    """Removes a video from features.json."""
    path = features / "features.json"
    content = json.loads(path.read_text())
    content["videos"].pop(name)
    path.write_text(json.dumps(content))


def test_missing_videos_are_refused_or_left_out_with_a_note(inputs, tmp_path, capfd):
    own = copied(inputs, "mgfn", tmp_path)
    names = ["anomaly_train_00001", "anomaly_test_00003"]
    for name in names:
        forget(own["mgfn"][0], name)
    assert train("mgfn", own, tmp_path / "run") == 2
    message = capfd.readouterr().err
    assert f"no features of 2 videos ({', '.join(names)})" in message
    assert "--skip-missing" in message
    assert not (tmp_path / "run").exists()

    words = flags("mgfn", own["mgfn"], tmp_path / "run", epochs=1, batch_size=2)
    assert cli.run(["downstream", "train", *words, "--skip-missing"]) == 0
    note = f"{own['mgfn'][0]} has no features of 2 videos ({', '.join(names)}), left out here"
    assert note in capfd.readouterr().out
    # Whoever reads the figures has to know.
    assert note in json.loads((tmp_path / "run" / "evaluation.json").read_text())["notes"]
    words = [f"--workdir={tmp_path / 'run'}", "--skip-missing"]
    notes = evaluate(tmp_path / "out", *words)["notes"]
    table = (tmp_path / "out" / "table.md").read_text().replace("\\", "")
    for name, what in zip(names, ("left out of the training", "left out here"), strict=True):
        note = f"{own['mgfn'][0]} has no features of 1 video ({name}), {what}"
        assert note in notes
        assert note in table
    with np.load(tmp_path / "run" / "predictions" / "last.npz") as file:
        assert "anomaly_test_00003" not in file["ids"]
        assert len(file["ids"]) == 7


def test_folder_of_the_table_is_made_before_the_tests(inputs, trained, tmp_path, capfd):
    features, _ = only_test_features(inputs, "mgfn", tmp_path)
    (tmp_path / "out").write_text("")
    words = [f"--workdir={trained / 'mgfn0'}", f"--features={features}"]
    assert cli.run(["downstream", "evaluate", *words, f"--out={tmp_path / 'out'}"]) == 2
    output = capfd.readouterr()
    assert "--out" in output.err
    # A test begins with its notes.
    assert "was trained with other videos" not in output.out


def test_folder_of_another_training_is_refused(inputs, trained, capfd):
    for changes, named in (
        ({"losses": "before2023"}, "recipe.losses"),
        ({"epochs": 5}, "recipe.epochs"),
        ({"seed": 7}, "seed"),
    ):
        assert train("mgfn", inputs, trained / "mgfn0", **changes) == 2
        message = capfd.readouterr().err
        assert "holds another training" in message
        assert named in message
    assert train("tridet", inputs, trained / "mgfn0") == 2
    message = capfd.readouterr().err
    assert "holds another training, of MGFN at step" in message
    assert "recipe." not in message


def test_other_features_are_refused_on_resuming(inputs, trained, tmp_path, capfd):
    own = copied(inputs, "mgfn", tmp_path)
    shutil.copytree(trained / "mgfn0", tmp_path / "run")
    # The same features elsewhere are the same training.
    assert train("mgfn", own, tmp_path / "run") == 0

    forget(own["mgfn"][0], "anomaly_train_00001")
    assert train("mgfn", own, tmp_path / "run", extra=["--skip-missing"]) == 2
    assert "other videos or annotations" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("setting", "value", "difference"),
    [
        ("encoder", {"weights": "1" * 64, "network": "none", "config": {}}, "encoder: weights"),
        ("crops", 3, "crops 1, not 3"),
        ("width", 13, "width 12, not 13"),
        ("size", 64, "size 32, not 64"),
    ],
)
def test_features_of_other_settings_are_refused_by_resume_and_test(
    setting, value, difference, inputs, trained, tmp_path, capfd
):
    own = copied(inputs, "mgfn", tmp_path)
    shutil.copytree(trained / "mgfn0", tmp_path / "run")
    path = own["mgfn"][0] / "features.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, setting: value}))

    assert train("mgfn", own, tmp_path / "run") == 2
    assert difference in capfd.readouterr().err
    run = f"--workdir={tmp_path / 'run'}"
    words = ["downstream", "evaluate", run, f"--features={own['mgfn'][0]}", f"--out={tmp_path}/out"]
    assert cli.run(words) == 2
    message = capfd.readouterr().err
    assert f"{tmp_path / 'run'} was trained on features with {difference}" in message
    assert "give features of the same encoder and settings" in message


def test_checkpoint_states_what_it_was_trained_on(inputs, trained):
    for head in SMALL:
        checkpoints = Checkpoints(trained / f"{head}0", read_only=True)
        meta = read_meta(checkpoints, checkpoints.find("last"))
        assert meta["trained_on"]["features"]["encoder"]["weights"] == "0" * 64
        assert meta["trained_on"]["features"]["preset"] == "dense"
        # Frames of a score.
        assert meta["trained_on"]["features"]["hop"] == HOPS[TASK_OF[head]]
        wanted = make_recipe(head, SMALL[head])
        assert make_recipe(head, meta["config"]["recipe"]) == wanted


def test_recipe_of_an_older_version_gets_the_defaults_of_its_time():
    names = {"head": "mgfn", "features": "a", "annotations": "b", "seed": 0}
    config = complete_config({**names, "recipe": {"epochs": 3}}, "checkpoint 4")
    assert config["recipe"] == dataclasses.asdict(make_recipe("mgfn", {"epochs": 3}))
    for recipe, message in (
        ({"epoch": 3}, "checkpoint 4 has a recipe that is not valid here: mgfn has no option"),
        ({"epochs": 0}, "checkpoint 4 has a recipe that is not valid here: mgfn: epochs is 0"),
        (None, "config.recipe of checkpoint 4 is None"),
    ):
        with pytest.raises(UserError, match=message):
            complete_config({**names, "recipe": recipe}, "checkpoint 4")


def test_last_checkpoint_is_not_taken_for_the_best(trained, tmp_path, capfd):
    shutil.copytree(trained / "mgfn1", tmp_path / "run")
    best = json.loads((tmp_path / "run" / "evaluation.json").read_text())["best_step"]
    assert best < SMALL["mgfn"]["epochs"], "the test needs another best step"
    shutil.rmtree(tmp_path / "run" / "checkpoints" / str(best))
    words = [
        f"--workdir={tmp_path / 'run'}",
        "--checkpoint=best",
        f"--out={tmp_path}/a.safetensors",
    ]
    assert cli.run(["downstream", "export", *words]) == 2
    assert "has no checkpoint of its best test; choose last or a step" in capfd.readouterr().err


def test_classes_of_other_annotations_are_refused(inputs, trained, tmp_path, capfd):
    own = copied(inputs, "tridet", tmp_path)
    text = own["tridet"][1].read_text()
    own["tridet"][1].write_text(text.replace('"left"', '"jump"'))
    words = [f"--workdir={trained / 'tridet0'}", f"--annotations={own['tridet'][1]}"]
    assert cli.run(["downstream", "evaluate", *words, f"--out={tmp_path / 'out'}"]) == 2
    message = capfd.readouterr().err
    assert "was trained on the classes left," in message
    assert "has jump," in message


def test_training_of_another_program_is_not_called_damaged(inputs, tmp_path, capfd):
    state = TrainState(jnp.int32(3), {"a": jnp.zeros(2)}, {"b": jnp.zeros(2)}, {})
    with contextlib.closing(Checkpoints(tmp_path / "run")) as checkpoints:
        checkpoints.save(state, {"config": {}, "classes": ["a"]}, None)

    run = f"--workdir={tmp_path / 'run'}"
    for words in (
        ["train", *flags("mgfn", inputs["mgfn"], tmp_path / "run")],
        ["evaluate", run, f"--out={tmp_path / 'out'}"],
        ["export", run, f"--out={tmp_path / 'weights.safetensors'}"],
    ):
        assert cli.run(["downstream", *words]) == 2
        message = capfd.readouterr().err
        assert "written by `albar train`, but one of `albar downstream train` is needed" in message


def with_nan(rows):
    rows[2, 3] = np.nan
    return rows


@pytest.mark.parametrize(
    ("head", "damage", "message"),
    [
        ("mgfn", with_nan, "a number in row 2 that is not finite"),
        ("tridet", with_nan, "a number in row 2 that is not finite"),
        ("mgfn", lambda rows: rows[:, :11], ", 12) of float32 is expected"),
        ("mgfn", lambda rows: rows[:-1], ", 12) of float32 is expected"),
        ("mgfn", lambda rows: rows[None], ", 12) of float32 is expected"),
        ("mgfn", lambda rows: rows.astype(np.float64), "of float64; "),
        ("mgfn", None, "No such file"),
    ],
)
def test_damaged_features_of_a_test_video_are_refused_before_the_training(
    head, damage, message, inputs, trained, tmp_path, capfd
):
    own = copied(inputs, head, tmp_path)
    path = own[head][0] / f"{TASK_OF[head]}_test_00003.npy"
    if damage is None:
        path.unlink()
    else:
        np.save(path, damage(np.load(path)))

    assert train(head, own, tmp_path / "run") == 2
    refused = capfd.readouterr().err
    assert path.name in refused
    assert message in refused
    assert not (tmp_path / "run").exists()

    words = [f"--workdir={trained / head}0", f"--features={own[head][0]}"]
    assert cli.run(["downstream", "evaluate", *words, f"--out={tmp_path / 'out'}"]) == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_unreadable_training_videos_are_left_out_and_test_videos_refused(inputs, tmp_path, capfd):
    own = copied(inputs, "mgfn", tmp_path)
    path = own["mgfn"][0] / "features.json"
    content = json.loads(path.read_text())
    for split in ("train", "test"):
        name = f"anomaly_{split}_00003"
        content["videos"].pop(name)
        content["unreadable"][name] = "it is empty"
        path.write_text(json.dumps(content))
        if split == "train":
            read = read_inputs("mgfn", *map(str, own["mgfn"]), skip_missing=False)
            assert read.notes == (
                f"{own['mgfn'][0]} has no features of 1 video ({name}), left out here",
            )

    assert train("mgfn", own, tmp_path / "run") == 2
    message = capfd.readouterr().err
    assert "1 video (anomaly_test_00003)" in message
    assert "1 of them unreadable" in message


def test_two_trainings_of_one_seed_are_not_averaged(trained, tmp_path, capfd):
    words = [f"--workdir={trained / 'mgfn0'}"] * 2
    assert cli.run(["downstream", "evaluate", *words, f"--out={tmp_path / 'out'}"]) == 2
    assert "both are seed 0 of" in capfd.readouterr().err


def test_missing_and_unknown_predictions_are_refused_or_left_out(inputs, tmp_path, capfd):
    _, annotations = inputs["tridet"]
    tested = [video.id for video in HEADS["tridet"].read_truth(annotations).of_split("test")]
    perfect = {name: [] for name in tested}
    scores = tmp_path / "results.json"
    words = ["--head=tridet", f"--scores={scores}", f"--annotations={annotations}"]
    for change, message in (
        (tested[2], f"lacks the predictions of 1 video ({tested[2]})"),
        ("other", "has predictions of 1 video (other)"),
    ):
        results = {**perfect, "other": []} if change == "other" else dict(perfect)
        if change != "other":
            results.pop(change)
        scores.write_text(json.dumps({"results": results}))
        assert cli.run(["downstream", "evaluate", *words, f"--out={tmp_path / 'out'}"]) == 2
        assert message in capfd.readouterr().err
        (note,) = evaluate(tmp_path / "out", *words, "--skip-missing")["notes"]
        assert f"1 video ({change}), left out here" in note


def test_published_numbering_of_classes_can_be_chosen(inputs, tmp_path, capfd):
    _, annotations = inputs["tridet"]
    truth = HEADS["tridet"].read_truth(annotations)
    # The test split lacks the class 0, so the published program numbers the class 1 as 0.
    content = json.loads(annotations.read_text())
    results = {}
    for video in truth.of_split("test"):
        entry = content["database"][video.id]
        entry["annotations"] = [each for each in entry["annotations"] if each["label_id"] == 1]
        segments = [each["segment"] for each in entry["annotations"]]
        results[video.id] = [{"segment": each, "label": 0, "score": 1} for each in segments]
    own = tmp_path / "thumos14.json"
    own.write_text(json.dumps(content))
    scores = tmp_path / "results.json"
    scores.write_text(json.dumps({"results": results}))

    words = ["--head=tridet", f"--scores={scores}", f"--annotations={own}"]
    for flag, expected in (([], 0), (["--published-numbering"], 100)):
        results = evaluate(tmp_path / "out", *words, *flag)
        (row,) = results["figures"]["tridet"].values()
        assert row["last"]["map"]["mean"] == pytest.approx(expected)
        numbered = [note for note in results["notes"] if "as in the published program" in note]
        assert len(numbered) == len(flag)

    words = ["--head=mgfn", f"--scores={tmp_path}", "--frames-per-score=8", "--published-numbering"]
    words += [f"--annotations={inputs['mgfn'][1]}", f"--out={tmp_path / 'out'}"]
    assert cli.run(["downstream", "evaluate", *words]) == 2
    assert "--published-numbering is about class numbers" in capfd.readouterr().err


def status_of(words):
    """The exit status; argparse exits by itself."""
    try:
        return cli.run(words)
    except SystemExit as ending:
        return ending.code


@pytest.mark.parametrize(
    ("head", "option", "message"),
    [
        ("mgfn", "--warmup-epochs=3", "mgfn has no option --warmup-epochs"),
        ("mgfn", "--batch-size=1", "at least 2"),
        ("mgfn", "--losses=old", "'old' is not current|before2023"),
        ("mgfn", "--epochs=many", "'many' is not N"),
        ("mgfn", "--dims=8,x,16", "'8,x,16' is not N,..."),
        ("tridet", "--max-seq-len=63", "divisible by 2"),
        ("tridet", "--per-class=maybe", "'maybe' is not yes|no"),
        ("tridet", "--losses=current", "tridet has no option --losses"),
        ("tridet", "--warmup-epochs=9", "has to be less than epochs"),
    ],
)
def test_recipes_that_are_impossible_are_refused_before_work(
    head, option, message, inputs, tmp_path, capfd
):
    words = flags(head, inputs[head], tmp_path / "run")
    assert status_of(["downstream", "train", *words, option]) == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


SCORES = ["--out=a", "--scores=b", "--annotations=c"]
WEIGHTS = ["--out=a", "--weights=b", "--annotations=c", "--features=d"]


@pytest.mark.parametrize(
    ("action", "words", "message"),
    [
        ("train", ["--head=mgfn"], "--features is missing"),
        ("evaluate", ["--workdir=a"], "--out is missing"),
        ("evaluate", ["--out=a"], "say what to evaluate"),
        ("evaluate", ["--out=a", "--workdir=b", "--scores=c"], "say what to evaluate"),
        ("evaluate", ["--out=a", "--scores=c", "--head=mgfn"], "--annotations is missing"),
        ("evaluate", ["--out=a", "--weights=c", "--head=mgfn"], "--features is missing"),
        ("evaluate", [*SCORES, "--head=mgfn"], "--frames-per-score is missing; give 16"),
        ("evaluate", [*SCORES, "--head=mgfn", "--frames-per-score=0"], "not a number from 1"),
        (
            "evaluate",
            [*SCORES, "--head=tridet", "--frames-per-score=4"],
            "no effect without --scores",
        ),
        ("evaluate", [*SCORES, "--head=tridet", "--features=d"], "no effect with --scores"),
        (
            "evaluate",
            ["--out=a", "--workdir=b", "--frames-per-score=4"],
            "no effect without --scores",
        ),
        ("evaluate", ["--out=a", "--workdir=b", "--head=mgfn"], "which has its own"),
        ("evaluate", ["--out=a", "--workdir=b", "--nms-sigma=1"], "--nms-sigma has no effect"),
        ("evaluate", [*WEIGHTS, "--head=mgfn", "--nms-sigma=1"], "has no option --nms-sigma"),
        ("export", ["--workdir=a"], "--out is missing"),
    ],
)
def test_command_lines_that_lack_something_are_refused(action, words, message, capfd):
    assert status_of(["downstream", action, *words]) == 2
    assert message in capfd.readouterr().err


def test_folders_and_files_that_do_not_exist_are_named(inputs, tmp_path, capfd):
    features, annotations = inputs["mgfn"]
    cases = [
        ((tmp_path / "nothing", annotations), "nothing has no features.json"),
        ((features, tmp_path / "nothing.csv"), "nothing.csv does not exist"),
    ]
    for paths, message in cases:
        assert train("mgfn", {"mgfn": paths}, tmp_path / "run") == 2
        assert message in capfd.readouterr().err

    words = ["downstream", "evaluate", f"--workdir={tmp_path}", f"--out={tmp_path / 'out'}"]
    assert cli.run(words) == 2
    assert "has no folder checkpoints" in capfd.readouterr().err


def test_options_list_every_field_of_both_recipes_once_with_its_default():
    options = {option.name: option for option in list_options()}
    for head, recipe in RECIPES.items():
        assert HEADS[head].config is recipe
        for name, field in recipe.__dataclass_fields__.items():
            text = re.search(rf"{head}: .*?\(default: ([^)]*)\)", options[name].help)
            assert text is not None, (head, name)
            assert options[name].parse(text[1]) == field.default


def test_options_of_the_training_are_not_options_of_a_test():
    tested = {option.name for option in list_options(for_training=False)}
    assert {"dims", "levels", "nms_sigma", "long_videos"} <= tested
    for name in ("epochs", "batch_size", "losses", "iou_gradient", "drop_path", "segments"):
        assert name not in tested
        assert name in {option.name for option in list_options()}


def test_recipe_keeps_what_json_turns_into_lists():
    recipe = make_recipe("mgfn", json.loads(json.dumps(SMALL["mgfn"])))
    assert recipe.dims == SMALL["mgfn"]["dims"]
    with pytest.raises(UserError, match="mgfn has no option --levels"):
        make_recipe("mgfn", {"levels": 3})


def test_help_and_mistakes_do_not_import_jax():
    script = (
        "import sys\nfrom albar_jax import cli\n"
        "try:\n    cli.run(['downstream', 'train', '--help'])\nexcept SystemExit:\n    pass\n"
        "assert 'jax' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, env=environment)


def test_finished_folder_is_evaluated_again_if_its_figures_were_deleted(inputs, trained, tmp_path):
    shutil.copytree(trained / "tridet0", tmp_path / "run")
    before = (tmp_path / "run" / saved_evaluation.FILE).read_bytes()
    (tmp_path / "run" / saved_evaluation.FILE).unlink()
    assert train("tridet", inputs, tmp_path / "run") == 0
    assert (tmp_path / "run" / saved_evaluation.FILE).read_bytes() == before
