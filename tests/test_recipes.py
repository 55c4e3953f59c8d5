"""The recipes that tokens of a config choose, and their effect on training and tests."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from albar_jax import wiring
from albar_jax.config import differences, parse, scaled_lr, upgrade_saved
from albar_jax.data.clip_reader import read_clip
from albar_jax.errors import UserError
from albar_jax.evaluation.suites import SUITES
from albar_jax.methods import METHODS
from albar_jax.methods.pixels import normalise
from albar_jax.parallel.mesh import data_mesh
from albar_jax.storage import seals
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.wiring import run_evaluation, run_training, trained_models
from configs import custom, hmdb51, kinetics400, quickstart, ucf101, waterbirds, waterbirds_stand_in

STILLMIX = {
    "name": "adamw",
    "schedule": "epoch_cosine",
    "warmup_start": 0.1,
    "final_fraction": 0.0,
    "decay": "no_norms",
    "head_rate": 10.0,
    "clip_norm": None,
    "b1": 0.9,
    "b2": 0.999,
}


@pytest.mark.parametrize(
    ("config", "tokens", "head_rate", "weight_decay"),
    [
        (hmdb51, "stillmix_recipe", 3.75e-4, 0.05),
        (hmdb51, "stillmix_recipe+videomix", 3.75e-4, 0.05),
        (custom, "stillmix_recipe+ce", 3.75e-4, 0.05),
        (ucf101, "stillmix_recipe+albar", 3.75e-4, 0.01),
        (ucf101, "stillmix_recipe+videomix", 1.5e-4, 0.01),
        (ucf101, "stillmix_recipe+actorcutmix", 7.5e-5, 0.01),
        (kinetics400, "stillmix_recipe+ce", 7.5e-4, 0.02),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_recipe_of_stillmix_is_that_of_its_configs(config, tokens, head_rate, weight_decay):
    """`lr` is the learning rate of the head.

    lihaoxin05/StillMix, main_network/Video-Swin-Transformer/configs/stillmix/Swin-T.
    """
    parsed = parse(config.get_config(tokens))
    assert (parsed.batch_size, parsed.optim.scale_lr_from_batch) == (24, 24)
    assert parsed.optim.peak_lr * 10 == pytest.approx(head_rate)
    assert parsed.optim.weight_decay == weight_decay
    assert STILLMIX.items() <= dataclasses.asdict(parsed.optim).items()
    assert parsed.optim.warmup_fraction * parsed.train.epochs == pytest.approx(2.5)
    assert (parsed.train.epochs, parsed.train.steps) == (30, None)
    assert (parsed.model.head_dropout, parsed.model.drop_path_rate, parsed.model.head_init) == (
        0.5,
        0.1,
        "i3d",
    )
    assert (parsed.data.short, parsed.data.starts, parsed.data.augment) == (
        "loop",
        "inclusive",
        "crop_flip",
    )
    assert (parsed.data.validation_split, parsed.data.validation_fraction) == (None, 0)


@pytest.mark.parametrize(
    ("config", "tokens", "peak"),
    [
        (hmdb51, "albar", 1.25e-05),
        (hmdb51, "ce", 1.25e-05),
        (hmdb51, "albar_fast", 1.25e-05),
        (hmdb51, "released", 1e-05),
        (hmdb51, "released+ce", 1e-05),
        (hmdb51, "stillmix_recipe", 3.7500000000000003e-05),
        (hmdb51, "stillmix_recipe+albar", 3.7500000000000003e-05),
        (ucf101, "albar", 1.25e-05),
        (ucf101, "released", 1e-05),
        (ucf101, "stillmix_recipe", 3.7500000000000003e-05),
        (ucf101, "stillmix_recipe+videomix", 1.4999999999999999e-05),
        (ucf101, "stillmix_recipe+actorcutmix", 7.499999999999999e-06),
        (kinetics400, "albar", 1.25e-05),
        (kinetics400, "released", 1e-05),
        (kinetics400, "stillmix_recipe", 7.500000000000001e-05),
        (custom, "albar", 1.25e-05),
        (custom, "released", 1e-05),
        (custom, "stillmix_recipe", 3.7500000000000003e-05),
        (quickstart, "albar", 0.002),
        (quickstart, "albar_fast", 0.002),
        (quickstart, "ce", 0.002),
        (quickstart, "ce_3x", 0.002),
        (quickstart, "released", 0.002),
        (waterbirds, "albar", 0.001),
        (waterbirds, "ce", 0.001),
        (waterbirds_stand_in, "albar", 0.002),
        (waterbirds_stand_in, "ce", 0.002),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_peak_learning_rate_is_the_one_of_version_0_1(config, tokens, peak):
    """The literals were computed by version 0.1, and are equal in every bit."""
    parsed = parse(config.get_config(tokens))
    optim = parsed.optim
    assert scaled_lr(optim.peak_lr, parsed.batch_size, optim.scale_lr_from_batch) == peak


def test_without_a_reference_batch_the_learning_rate_is_the_peak_at_any_batch():
    config = hmdb51.get_config()
    config.optim.scale_lr_from_batch = None
    config.optim.schedule = "steps"
    parsed = parse(config)
    assert wiring.learning_rate(parsed, wiring.run_length(parsed, 800))(0) == np.float32(1e-4)


def test_the_recipe_of_stillmix_alone_is_stillmix_with_its_bank():
    parsed = [
        parse(config.get_config("stillmix_recipe")) for config in (hmdb51, ucf101, kinetics400)
    ]
    options = [config.methods["stillmix"] for config in parsed]
    assert [(o["prob"], o["alpha"], o["beta"]) for o in options] == [
        (0.75, 200, 200),
        (0.25, 200, 200),
        (0.25, 20, 60),
    ]
    assert {o["stills"] for o in options} == {"bank"}
    assert {config.data.stills for config in parsed} == {"{folder}/stills.csv"}
    # Inflated ImageNet weights; the others start from Kinetics-400.
    assert parsed[2].init == "torchvision:swin_t"
    assert parsed[0].init == "torchvision:swin3d_t"


def test_beside_albar_stillmix_takes_the_stills_of_the_batch():
    assert hmdb51.get_config("stillmix_recipe+stillmix+albar").methods.stillmix.stills == "batch"


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_the_recipe_of_stillmix(name):
    for config in (hmdb51, ucf101, kinetics400):
        parsed = parse(config.get_config(f"stillmix_recipe+{name}"))
        assert list(parsed.methods) == [name]
        assert parsed.optim.head_rate == 10


def test_two_recipes_at_once_are_refused():
    with pytest.raises(
        UserError, match="names 2 recipes, released and stillmix_recipe; name one of them"
    ):
        hmdb51.get_config("released+stillmix_recipe+albar")


@pytest.mark.parametrize("config", [quickstart, waterbirds, waterbirds_stand_in])
def test_the_recipe_of_stillmix_is_refused_where_it_has_none(config):
    with pytest.raises(UserError, match="stillmix_recipe is "):
        config.get_config("stillmix_recipe+ce")


@pytest.mark.parametrize("config", [waterbirds, waterbirds_stand_in])
@pytest.mark.parametrize("token", ["albar_fast", "released"])
def test_what_is_for_videos_is_refused_for_images(config, token):
    with pytest.raises(UserError, match=rf"{token} is for videos.* configs/{config.__name__[8:]}"):
        config.get_config(token)


def test_the_released_code_takes_stills_of_clean_clips_and_the_paper_of_mixed_ones():
    assert hmdb51.get_config("released+stillmix").methods.albar.static_of == "clean"
    assert hmdb51.get_config("stillmix+albar").methods.albar.static_of == "mixed"
    # Where nothing is mixed the two are one, and older runs can be resumed.
    assert hmdb51.get_config("released").methods.albar.static_of == "mixed"


def test_stillmix_tests_each_kind_of_test_set_with_its_own_views():
    config = parse(hmdb51.get_config("stillmix_recipe+ce"))
    of = lambda task: wiring.views(config, task=task)  # noqa: E731
    picture = lambda views: {(view.short_side, view.shape) for view in views}  # noqa: E731
    iid = of("hmdb51")
    assert {(view.time, view.place) for view in iid} == {
        (t, p) for t in (0.125, 0.375, 0.625, 0.875) for p in (0, 0.5, 1)
    }
    assert picture(iid) == {(224, "keep")}
    for task in ("hmdb51_scuba_places365", "hmdb51_scufo_stripe"):
        assert [view.time for view in of(task)] == [0.5] * 3
        assert {view.place for view in of(task)} == {0, 0.5, 1}
        assert picture(of(task)) == {(224, "keep")}
    assert [(view.time, view.place) for view in of("hmdb51_conflfg_stripe")] == [(0.5, 0.5)]
    assert picture(of("hmdb51_conflfg_stripe")) == {(224, "square")}
    # Validation, which the recipe itself does not have.
    assert picture(of(None)) == {(256, "keep")}
    assert {view.short for view in iid} == {"loop"}
    assert (
        wiring.views_in_words(config, "hmdb51")
        == "4 clips (evenly spread) x 3 crops of 224 at short side 224"
    )
    assert wiring.views_in_words(config, "hmdb51_conflfg_stripe") == (
        "1 clip (centre) x 1 crop (centre) of 224 at square of 224"
    )


def test_kinetics_and_aras_are_tested_with_one_centre_crop_of_256():
    config = parse(kinetics400.get_config("stillmix_recipe"))
    for task in ("aras", "kinetics400_scuba_stripe"):
        assert task in SUITES["kinetics400"].tasks
        assert [
            (view.time, view.place, view.short_side) for view in wiring.views(config, task=task)
        ] == [(0.5, 0.5, 256)]


def test_without_views_of_their_own_all_test_sets_have_the_usual_ones():
    config = parse(hmdb51.get_config())
    assert (
        wiring.views(config, task="hmdb51_conflfg_stripe")
        == wiring.views(config, task="hmdb51")
        == wiring.views(config)
    )


def test_waterbirds_is_squashed_in_training_and_in_tests_as_by_group_dro():
    config = parse(waterbirds.get_config())
    assert (config.data.shape, config.data.short_side, config.data.size) == ("square", 256, 224)
    (view,) = wiring.views(config, task="waterbirds")
    assert (view.shape, view.augment) == ("square", "none")


def test_the_predictions_of_a_task_are_the_mean_over_its_own_views(tiny_config):
    changes = {
        "eval.bias.spatial_views": 3,
        "eval.bias.short_side": 40,
        "eval.conflfg.shape": "square",
    }
    config = parse(tiny_config(**changes))
    manifest = wiring.task_manifest(
        config, "quickstart", wiring.train_and_validation(config)[0].classes
    )
    apply, params = wiring.model(config, 8)
    predict = wiring.predictor(config, apply, wiring.VideoFeed(data_mesh()))
    spec = wiring.views(config)[0]

    def at(**changes):
        clips = np.stack(
            [read_clip(path, dataclasses.replace(spec, **changes), None) for path in manifest.paths]
        )
        return np.asarray(jax.nn.softmax(apply(params, normalise(clips), None).logits))

    bias = predict(params, manifest, task="quickstart_scuba").probs
    expected = np.mean([at(short_side=40, place=place) for place in (0, 0.5, 1)], axis=0)
    np.testing.assert_allclose(bias, expected, atol=1e-5)
    usual = at()
    assert np.abs(bias - usual).max() > 1e-4
    np.testing.assert_allclose(predict(params, manifest, task="quickstart").probs, usual, atol=1e-5)
    np.testing.assert_allclose(predict(params, manifest).probs, usual, atol=1e-5)


@pytest.fixture(scope="module")
def unvalidated(tiny_config, tmp_path_factory):
    """Trains a run with the special fields of StillMix's recipe; returns its folder and config.

    Its clips of 8 frames at stride 3 loop, because the films have fewer frames.
    """
    workdir = tmp_path_factory.mktemp("unvalidated") / "ce"
    changes = {
        "data.validation_fraction": 0.0,
        "data.short": "loop",
        "data.starts": "inclusive",
        "data.stride": 3,
        "data.shape": "square",
        "model.head_init": "i3d",
        "optim.head_rate": 10.0,
        "optim.decay": "no_norms",
        "optim.schedule": "epoch_cosine",
        "optim.warmup_start": 0.1,
    }
    config = tiny_config(**changes)
    assert run_training.run(config, str(workdir)) == 0
    return workdir, config


def test_a_run_without_validation_trains_on_all_and_its_last_checkpoint_is_the_result(
    unvalidated, capsys
):
    workdir, config = unvalidated
    train_videos, validation = wiring.train_and_validation(parse(config))
    assert (len(train_videos), validation) == (40, None)
    summary = json.loads((workdir / "summary.json").read_text())
    assert (
        summary["best_step"],
        summary["best_validation_top1"],
        summary["seconds_validating"],
    ) == (6, -1.0, 0.0)
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert not any("validation/top1" in row for row in rows)
    checkpoints = Checkpoints(workdir, read_only=True)
    assert checkpoints.find("best") == checkpoints.find("last") == 6
    # The run has finished; it prints its last lines again.
    assert run_training.run(config, str(workdir)) == 0
    printed = capsys.readouterr().out
    assert "not validated, so the last checkpoint is the result" in printed
    assert f"--workdir {workdir} --checkpoint last --out" in printed
    assert "validate" not in printed.splitlines()[0]


def test_the_last_checkpoint_is_evaluated(unvalidated, tmp_path):
    model = trained_models.from_workdir(str(unvalidated[0]), "last")
    assert model.step == 6
    assert run_evaluation.run([model], str(tmp_path)) == 0
    (written,) = json.loads((tmp_path / "results.json").read_text())["models"]
    assert written["rows"]["scuba"] is not None


def test_a_run_that_was_begun_before_newer_fields_is_resumed_and_evaluated(
    trained, tiny_config, tmp_path
):
    """The saved config of version 0.1 lacks newer fields, and has older names and values."""
    folder = tmp_path / "old"
    shutil.copytree(trained, folder)
    files = [
        path
        for path in folder.glob("checkpoints/*/meta/*")
        if path.is_file() and "config" in path.read_text()
    ]
    assert files
    for path in files:
        meta = json.loads(path.read_text())
        config = meta["config"]
        for field in ("short", "starts", "shape", "hold_out", "allow_empty_classes"):
            del config["data"][field]
        for field in ("decay", "head_rate", "warmup_start"):
            del config["optim"][field]
        for field in ("iid", "bias", "conflfg"):
            del config["eval"][field]
        for field in ("max_unreadable", "clip_pixels", "clip_bytes", "clip_seconds"):
            del config["loader"][field]
        config["optim"]["decay_kernels_only"] = False
        # The learning rate was stated at a batch of 64.
        reference_batch = config["optim"].pop("scale_lr_from_batch")
        config["optim"]["base_lr"] = config["optim"].pop("peak_lr") * 64 / reference_batch
        config["train"]["parts"] = config["train"].pop("grad_accum_steps")
        for fact in ("coverage", "unreadable"):
            del meta[fact]
        path.write_text(json.dumps(meta))
        seals.seal(path.parents[1])
    assert run_training.run(tiny_config("ce"), str(folder)) == 0
    old, new = (trained_models.from_workdir(str(each), "last").config for each in (folder, trained))
    assert old.optim.scale_lr_from_batch == 64
    assert differences(dataclasses.asdict(old), dataclasses.asdict(new)) == []
    with pytest.raises(UserError, match='data.short: "stretch" -> "loop"'):
        run_training.run(tiny_config("ce", **{"data.short": "loop"}), str(folder))


def test_one_model_is_tested_by_either_protocol(trained, tiny_config):
    protocol = {"data.short": "loop", "data.starts": "inclusive", "eval.bias.spatial_views": 3}
    tested = trained_models.from_workdir(str(trained), "last", tiny_config("ce", **protocol)).config
    assert {(view.short, view.starts) for view in wiring.views(tested)} == {("loop", "inclusive")}
    assert len(wiring.views(tested, task="quickstart_scuba")) == 3
    own = trained_models.from_workdir(str(trained), "last").config
    assert {(view.short, view.starts) for view in wiring.views(own)} == {("stretch", "exclusive")}


def test_the_page_shows_the_view_that_a_test_set_is_tested_by(tiny_config, monkeypatch):
    monkeypatch.setattr("albar_jax.wiring.videos.read_clip", lambda path, spec, rng: spec.shape)
    config = parse(tiny_config("ce", **{"eval.conflfg.shape": "square"}))
    shown = [
        wiring.evaluated_clip(config, "a.avi", task)
        for task in ("quickstart_conflfg", "quickstart_scuba")
    ]
    assert shown == ["square", "keep"]


def test_upgrading_a_current_config_changes_nothing():
    config = hmdb51.get_config("stillmix_recipe+albar").to_dict()
    assert upgrade_saved(config) == config
