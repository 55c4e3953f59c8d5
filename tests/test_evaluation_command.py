"""evaluate.py on checkpoints and on weights: the files that it writes, and what they say."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from albar_jax import wiring
from albar_jax.attribution.explain import Options
from albar_jax.config import parse
from albar_jax.data.manifest import read_manifest
from albar_jax.errors import UserError
from albar_jax.evaluation import metrics
from albar_jax.evaluation.appearance_motion import read_split
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.methods.pixels import normalise
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.types import TrainState
from albar_jax.weights.converted import save_converted
from albar_jax.wiring import run_audit, run_evaluation, trained_models
from albar_jax.wiring.explainers import explainer

TASKS = {"quickstart", "quickstart_scuba", "quickstart_scufo", "quickstart_conflfg"}
# config.eval.temporal_tests
TASKS |= {"quickstart_reversed", "quickstart_shuffled", "quickstart_static"}


@pytest.fixture(scope="module")
def evaluated(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluated")
    assert run_evaluation.run([trained_models.from_workdir(str(trained), "best")], str(out)) == 0
    return out


def test_each_task_has_its_predictions(evaluated):
    assert {path.stem for path in (evaluated / "predictions" / "ce_seed0").glob("*.csv")} == TASKS
    header = (evaluated / "predictions" / "ce_seed0" / "quickstart.csv").read_text().splitlines()[0]
    assert header == "id,label,pred," + ",".join(f"prob_{k}" for k in range(8))


def test_predictions_are_those_of_the_model_on_the_centre_clips(evaluated, trained):
    checkpoints = Checkpoints(trained, read_only=True)
    step = checkpoints.find("best")
    config = parse(ConfigDict(checkpoints.meta(step)["config"]))
    manifest = read_manifest(config.data.manifest, split="test")
    apply, template = wiring.model(config, 8)
    params = checkpoints.restore_params(step, template)
    clips = np.stack([wiring.evaluated_clip(config, path) for path in manifest.paths])
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    logits = np.asarray(
        apply(params, ((clips / 255 - mean) / std).astype(np.float32), None).logits, np.float64
    )
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    written = read_predictions(evaluated / "predictions" / "ce_seed0" / "quickstart.csv")
    assert written.ids == manifest.ids
    np.testing.assert_array_equal(written.labels, manifest.labels)
    np.testing.assert_allclose(written.probs, probs, atol=1e-5)


def test_the_temporal_tests_show_the_test_split_in_another_order(evaluated):
    forward, back, mixed, still = (
        read_predictions(evaluated / "predictions" / "ce_seed0" / f"quickstart{name}.csv")
        for name in ("", "_reversed", "_shuffled", "_static")
    )
    assert forward.ids == back.ids == mixed.ids == still.ids
    assert not np.array_equal(forward.probs, back.probs)
    assert not np.array_equal(back.probs, mixed.probs)
    assert not np.array_equal(forward.probs, still.probs)


def test_the_results_follow_from_the_predictions(evaluated):
    (model,) = json.loads((evaluated / "results.json").read_text())["models"]
    assert (model["name"], model["seeds"]) == ("ce", [0])
    assert list(model["rows"]) == ["iid", "scuba", "scufo", "conflfg", "contrasted"]
    of = {
        task: read_predictions(evaluated / "predictions" / "ce_seed0" / f"{task}.csv")
        for task in TASKS
    }
    assert model["rows"]["iid"] == pytest.approx(100 * metrics.top1(of["quickstart"]))
    contrasted = metrics.contrasted(of["quickstart_scuba"], of["quickstart_scufo"])
    assert model["rows"]["contrasted"] == pytest.approx(100 * contrasted.mean)
    assert model["per_seed"][0]["unpaired"] == {}
    assert set(model["per_seed"][0]["views"].values()) == {
        "1 clip (centre) x 1 crop (centre) of 32 at short side 32"
    }
    assert model["cost_plain_steps"] == pytest.approx(6)


def test_the_page_and_the_table_are_there(evaluated):
    assert "<html" in (evaluated / "report.html").read_text()
    assert (evaluated / "results.md").read_text().startswith("| Model")


def test_several_runs_have_a_folder_each_and_no_run_counts_twice(trained, tmp_path):
    run = trained_models.from_workdir(str(trained), "best")
    other = dataclasses.replace(run, config=dataclasses.replace(run.config, seed=1))
    assert run_evaluation.run([run, other], str(tmp_path)) == 0
    assert {path.name for path in (tmp_path / "predictions").iterdir()} == {"ce_seed0", "ce_seed1"}
    (model,) = json.loads((tmp_path / "results.json").read_text())["models"]
    assert model["seeds"] == [0, 1]
    assert model["sd"]["iid"] == 0
    with pytest.raises(UserError, match="two runs are named 'ce' and have seed 0"):
        run_evaluation.run([run, run], str(tmp_path / "twice"))
    assert not (tmp_path / "twice").exists()  # before anything was evaluated


def test_answers_and_unreadable_videos_of_before_are_gone(trained, tmp_path):
    folder = tmp_path / "predictions" / "ce_seed0"
    folder.mkdir(parents=True)
    (folder / "quickstart_reversed.csv").write_text("of another checkpoint")
    (tmp_path / "unreadable.tsv").write_text("film.mp4\tno video\n")
    run = trained_models.from_workdir(str(trained), "best")
    quiet = dataclasses.replace(run.config.eval, temporal_tests=False)
    assert (
        run_evaluation.run(
            [dataclasses.replace(run, config=dataclasses.replace(run.config, eval=quiet))],
            str(tmp_path),
        )
        == 0
    )
    assert (folder / "quickstart.csv").exists()
    assert not (folder / "quickstart_reversed.csv").exists()
    assert not (tmp_path / "unreadable.tsv").exists()


def test_converted_weights_are_evaluated_without_a_run(trained, tiny_config, evaluated, tmp_path):
    checkpoints = Checkpoints(trained, read_only=True)
    config = parse(tiny_config("ce"))
    _, template = wiring.model(config, 8)
    params = checkpoints.restore_params(checkpoints.find("best"), template)
    save_converted(tmp_path / "converted", wiring.model_config(config, 8), params)
    model = trained_models.from_weights(str(tmp_path / "converted"), tiny_config("ce"))
    assert run_evaluation.run([model], str(tmp_path / "out")) == 0
    for task in TASKS:
        ours, theirs = (
            read_predictions(next(folder.glob(f"predictions/*_seed0/{task}.csv")))
            for folder in (tmp_path / "out", evaluated)
        )
        np.testing.assert_array_equal(ours.probs, theirs.probs)


def test_a_checkpoint_that_is_not_finite_is_refused(trained, tmp_path):
    checkpoints = Checkpoints(trained, read_only=True)
    run = trained_models.from_workdir(str(trained), "best")
    _, template = wiring.model(run.config, 8)
    params = checkpoints.restore_params(run.step, template)
    params["head"]["bias"] = params["head"]["bias"].at[0].set(np.nan)
    broken = Checkpoints(tmp_path / "run")
    state = TrainState(jnp.asarray(run.step), params, {"count": jnp.zeros(1)}, {})
    broken.save(state, checkpoints.meta(run.step), 1.0)
    broken.close()
    with pytest.raises(
        UserError, match=r"run at step \d+ holds numbers that are not finite .*, head/bias first"
    ):
        run_evaluation.run(
            [trained_models.from_workdir(str(tmp_path / "run"), "best")], str(tmp_path / "out")
        )


def test_weights_without_a_head_for_these_classes_are_refused(tiny_config, trained, tmp_path):
    config = parse(tiny_config("ce"))
    apply, params = wiring.model(config, 5)
    save_converted(tmp_path / "five", wiring.model_config(config, 5), params)
    with pytest.raises(UserError, match="5 classes"):
        run_evaluation.run(
            [trained_models.from_weights(str(tmp_path / "five"), tiny_config("ce"))],
            str(tmp_path / "out"),
        )


def test_a_suite_without_its_manifests_has_dashes(trained, tiny_config, tmp_path, capsys):
    config = tiny_config("ce", **{"eval.directory": str(tmp_path)})
    checkpoints = Checkpoints(trained, read_only=True)
    _, template = wiring.model(parse(config), 8)
    params = checkpoints.restore_params(checkpoints.find("best"), template)
    save_converted(tmp_path / "converted", wiring.model_config(parse(config), 8), params)
    run_evaluation.run(
        [trained_models.from_weights(str(tmp_path / "converted"), config)], str(tmp_path / "out")
    )
    assert "not evaluated, no manifest in" in capsys.readouterr().out
    (model,) = json.loads((tmp_path / "out" / "results.json").read_text())["models"]
    assert model["rows"]["iid"] is not None
    assert model["rows"]["contrasted"] is None


def test_a_folder_without_a_run_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="has no folder checkpoints"):
        trained_models.from_workdir(str(tmp_path), "best")


def test_a_folder_that_cannot_be_written_is_told_before_any_work(trained, tmp_path):
    (tmp_path / "file").touch()
    model = dataclasses.replace(
        trained_models.from_workdir(str(trained), "best"), restore=None
    )  # it would fail if used
    with pytest.raises(UserError, match="--out .*file/results cannot be created"):
        run_evaluation.run([model], str(tmp_path / "file" / "results"))


def test_the_predictions_give_the_same_table(evaluated, tiny_config, tmp_path):
    assert run_audit.run([str(evaluated / "predictions")], str(tmp_path), tiny_config("ce")) == 0
    (ours,), (theirs,) = (
        json.loads((folder / "results.json").read_text())["models"]
        for folder in (evaluated, tmp_path)
    )
    for key in ("rows", "interval", "figures", "classes"):
        assert ours[key] == theirs[key], key
    assert ours["per_seed"][0]["views"] == theirs["per_seed"][0]["views"]
    assert "<html" in (tmp_path / "report.html").read_text()


def test_attributions_split_the_score_of_the_label_and_explain_the_examples(trained, tmp_path):
    model = trained_models.from_workdir(str(trained), "best")
    tests = dataclasses.replace(model.config.eval, attributions=True, temporal_tests=False)
    measured = dataclasses.replace(model, config=dataclasses.replace(model.config, eval=tests))
    assert run_evaluation.run([measured], str(tmp_path)) == 0

    folder = tmp_path / "predictions" / "ce_seed0"
    split = read_split(folder)
    manifest = read_manifest(model.config.data.manifest, split="test")
    assert split.ids == manifest.ids
    explains = explainer(model, Options(score="centred_logit"))
    for row in (0, 9):
        clip = normalise(wiring.evaluated_clip(model.config, manifest.paths[row], "quickstart"))
        parts = explains.split(clip, int(manifest.labels[row]))
        np.testing.assert_allclose(split.appearance[row], parts.appearance, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(split.motion[row], parts.motion, rtol=1e-3, atol=1e-5)

    (content,) = json.loads((tmp_path / "results.json").read_text())["models"]
    assert content["appearance_motion"]["clips"] == len(manifest)
    assert content["appearance_motion"]["motion"]["mean"] == pytest.approx(split.motion.mean())
    page = (tmp_path / "report.html").read_text()
    assert "Attributions of the moving clip" in page
    assert "| appearance " in page

    # Without the option, the next evaluation removes the parts of the last one.
    off = dataclasses.replace(tests, attributions=False)
    plain = dataclasses.replace(model, config=dataclasses.replace(model.config, eval=off))
    assert run_evaluation.run([plain], str(tmp_path)) == 0
    assert read_split(folder) is None
    (content,) = json.loads((tmp_path / "results.json").read_text())["models"]
    assert content["appearance_motion"] is None
    assert "Attributions of the moving clip" not in (tmp_path / "report.html").read_text()


def test_groups_and_action_swaps_come_from_the_manifests(trained, tiny_config, tmp_path):
    model = trained_models.from_workdir(str(trained), "best")
    manifest = read_manifest(model.config.data.manifest, split="test")
    names = [manifest.classes[label] for label in manifest.labels]
    # Groups of the test clips, and of three training clips; swaps with the background of class 0.
    side = ["left", "right"] * (len(manifest) // 2)
    rows = zip(manifest.paths, names, manifest.ids, side, strict=True)
    swaps = zip(manifest.paths, names, manifest.ids, strict=True)
    table = ["path,label,split,id,group:side"]
    table += [f"{path},{name},test,{clip},{group}" for path, name, clip, group in rows]
    table += [f"{manifest.paths[0]},{names[0]},train,t{n},{side[n % 2]}" for n in range(3)]
    (tmp_path / "manifest.csv").write_text("\n".join(table))
    table = ["path,label,id,scene_label"]
    table += [f"{path},{name},{clip},{manifest.classes[0]}" for path, name, clip in swaps]
    (tmp_path / "quickstart_hat_swap.csv").write_text("\n".join(table))
    (tmp_path / "classes.txt").write_text("\n".join(manifest.classes))

    places = {"data.manifest": str(tmp_path / "manifest.csv"), "eval.directory": ""}
    changed = tiny_config("ce", **places, **{"eval.temporal_tests": False})
    assert (
        run_evaluation.run([dataclasses.replace(model, config=parse(changed))], str(tmp_path / "a"))
        == 0
    )
    assert run_audit.run([str(tmp_path / "a" / "predictions")], str(tmp_path / "b"), changed) == 0
    evaluated, audited = (
        json.loads((tmp_path / folder / "results.json").read_text()) for folder in "ab"
    )
    for key in ("groups", "standard"):
        assert evaluated[key] == audited[key]
    for key in ("rows", "interval", "clips"):
        assert evaluated["optional"]["models"][0][key] == audited["optional"]["models"][0][key]

    pred = read_predictions(
        tmp_path / "a" / "predictions" / "ce_seed0" / "quickstart_hat_swap.csv"
    ).pred
    rows = evaluated["optional"]["models"][0]["rows"]
    assert rows["hat_swap_scene"] == pytest.approx(100 * np.mean(pred == 0))
    assert rows["hat_swap"] == pytest.approx(100 * np.mean(pred == manifest.labels))
    (division,) = evaluated["groups"]
    test, swapped = division["tests"]
    left = np.mean((pred == manifest.labels)[::2])
    right = np.mean((pred == manifest.labels)[1::2])
    assert (division["name"], test["task"]) == ("side", "quickstart")
    assert (swapped["task"], swapped["groups"]) == ("quickstart_hat_swap", test["groups"])
    assert [group["mean"] for group in test["groups"]] == pytest.approx([100 * left, 100 * right])
    assert test["weighted"]["mean"] == pytest.approx(100 * (2 * left + right) / 3)
