"""The objects that the wiring builds from a config: views, steps, splits."""

import dataclasses

import jax
import numpy as np
import pytest

from albar_jax import wiring
from albar_jax.config import parse
from albar_jax.data.clip_reader import read_clip
from albar_jax.errors import UserError
from albar_jax.methods.pixels import normalise
from albar_jax.models import PRESETS
from albar_jax.parallel.mesh import data_mesh, replicated
from albar_jax.wiring.network import RunLength
from albar_jax.wiring.splits import validation_in_words
from albar_jax.wiring.stream import training_stream
from configs import hmdb51


def test_epochs_become_steps(tiny_config):
    config = parse(tiny_config(**{"train.epochs": 2.5, "train.save_every_epochs": 0.5}))
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=None))
    assert wiring.run_length(config, num_videos=35) == RunLength(
        num_steps=20, steps_per_epoch=8, save_every=4
    )


def test_a_config_names_its_schedule(tiny_config):
    config = parse(
        tiny_config(
            **{"optim.schedule": "steps", "optim.peak_lr": 1.0, "optim.scale_lr_from_batch": 64}
        )
    )
    rates = np.asarray(wiring.learning_rate(config, RunLength(10, 5, 1))(np.arange(10)))
    np.testing.assert_allclose(rates, 4 / 64 * np.repeat([1, 0.1, 0.01], [4, 4, 2]), rtol=1e-6)


@pytest.mark.parametrize(("platform", "for_cpu"), [(None, True), ("cpu", True), ("tpu", False)])
def test_a_swin_is_written_for_its_platform(platform, for_cpu, tiny_config):
    """Without a platform it is the one of the tests, a CPU."""
    assert wiring.model_config(parse(tiny_config("ce")), 3, platform).for_cpu is for_cpu


def test_shapes_without_weights_are_those_of_the_weights_and_whole_on_every_device(tiny_config):
    mesh = data_mesh()
    for changes in ({"tokens": "sdn"}, {"model.preset": "resnet_micro"}):
        config = parse(tiny_config(**changes))
        apply, shapes = wiring.model_shapes(config, 3, mesh)
        _, weights = wiring.model(config, 3)
        assert {type(leaf) for leaf in jax.tree.leaves(shapes)} == {jax.ShapeDtypeStruct}
        of = lambda leaf: (leaf.shape, leaf.dtype.name)  # noqa: E731
        assert jax.tree.map(of, shapes) == jax.tree.map(of, weights)
        assert {leaf.sharding for leaf in jax.tree.leaves(shapes)} == {replicated(mesh)}
        clip = np.zeros((1, 8, 32, 32, 3), np.float32)
        assert apply(jax.device_put(weights, replicated(mesh)), clip, None).logits.shape == (1, 3)


def test_a_resnet_takes_the_options_of_a_model_that_it_has(tiny_config):
    config = parse(
        tiny_config(
            **{"model.preset": "resnet_micro", "model.dtype": "bfloat16", "model.head_dropout": 0.5}
        )
    )
    preset = PRESETS["resnet_micro"]
    assert wiring.model_config(config, 3) == dataclasses.replace(
        preset, num_classes=3, head_dropout=0.5, dtype="bfloat16"
    )


def test_a_fifth_of_the_training_videos_validates_and_the_seed_says_which(tiny_config):
    splits = [wiring.train_and_validation(parse(tiny_config(seed=seed))) for seed in (0, 0, 1)]
    train, validation = splits[0]
    assert (len(train), len(validation)) == (32, 8)
    assert not set(train.ids) & set(validation.ids)
    assert splits[1][1].ids == validation.ids
    assert splits[2][1].ids != validation.ids


def test_a_validation_split_replaces_the_held_out_part(tiny_config):
    train, validation = wiring.train_and_validation(
        parse(tiny_config(**{"data.validation_split": "test"}))
    )
    assert (len(train), len(validation)) == (40, 16)


def test_several_views_average_their_probabilities(tiny_config):
    one, three = (
        parse(tiny_config(**{"data.num_frames": 4, "eval.temporal_views": n})) for n in (1, 3)
    )
    manifest = wiring.task_manifest(one, "quickstart", wiring.train_and_validation(one)[0].classes)
    apply, params = wiring.model(one, 8)
    answers = [
        wiring.predictor(config, apply, wiring.VideoFeed(data_mesh()))(params, manifest).probs
        for config in (one, three)
    ]
    assert not np.array_equal(*answers)

    def at(time):
        spec = dataclasses.replace(wiring.views(one)[0], time=time)
        clips = np.stack([read_clip(path, spec, None) for path in manifest.paths])
        return np.asarray(jax.nn.softmax(apply(params, normalise(clips), None).logits))

    np.testing.assert_allclose(
        answers[1], np.mean([at(t) for t in (1 / 6, 0.5, 5 / 6)], axis=0), atol=1e-5
    )
    np.testing.assert_allclose(answers[0], at(0.5), atol=1e-5)


def test_the_first_view_is_the_central_one():
    config = hmdb51.get_config()
    config.eval.temporal_views, config.eval.spatial_views = 4, 3
    views = wiring.views(parse(config))
    assert len({(view.time, view.place) for view in views}) == 12
    assert views[0].place == 0.5
    # The two in the middle.
    assert views[0].time in (0.375, 0.625)
    assert {view.time for view in views} == {0.125, 0.375, 0.625, 0.875}


def test_the_start_clip_has_one_temporal_view():
    config = hmdb51.get_config("released")
    assert [view.time for view in wiring.views(parse(config))] == [0.0]
    config.eval.temporal_views = 2
    with pytest.raises(UserError, match="temporal_views is 2"):
        wiring.views(parse(config))


def test_an_unknown_suite_is_refused_with_the_known_ones(tiny_config):
    with pytest.raises(
        UserError, match="config.eval.suite is 'mine'; it has to be one of custom, hmdb51"
    ):
        wiring.suite(parse(tiny_config(**{"eval.suite": "mine"})))


def test_a_misspelt_split_is_seen(tiny_config, tmp_path):
    rows = ["path,label,split", "1.avi,a,train", "2.avi,b,trian", "3.avi,b,test", "4.avi,b,train"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    config = parse(tiny_config(**{"data.manifest": str(tmp_path / "manifest.csv")}))
    assert wiring.splits_in_words(config).endswith(
        "train 2 (to train on, 20% of it to validate on), trian 1 (not used), test 1 (to test on)"
    )
    same = dataclasses.replace(
        config, data=dataclasses.replace(config.data, validation_split="train")
    )
    assert "train 2 (to train and to validate on), " in wiring.splits_in_words(same)


@pytest.fixture
def manifest(tmp_path):
    """Returns a function that writes a manifest and returns a config of it.

    A row is `path,label,split,id,group`. Each path becomes an empty file.
    """

    def write(tiny_config, *rows: str, **changes):
        for row in rows:
            (tmp_path / row.split(",")[0]).touch()
        (tmp_path / "manifest.csv").write_text("\n".join(["path,label,split,id,group", *rows]))
        return parse(
            tiny_config(
                **{
                    "data.manifest": str(tmp_path / "manifest.csv"),
                    "batch_size": 2,
                    "model.num_classes": 2,
                }
                | changes
            )
        )

    return write


def test_a_run_says_by_what_it_holds_out(tiny_config, manifest):
    rows = [f"{n}.mp4,{n % 2},train,{n},g{n // 4}" for n in range(40)]
    config = manifest(tiny_config, *rows)
    train, validation = wiring.train_and_validation(config)
    assert not {*train.groups} & {*validation.groups}
    lines = validation_in_words(config, train, validation)
    assert lines == ["validation: 8 of 40 training videos, held out by 2 of 10 groups"]

    config = manifest(tiny_config, *rows, **{"data.hold_out": "video"})
    # As in version 0.1, before there were groups.
    held = np.sort(np.random.default_rng(config.seed).permutation(40)[:8])
    sides = wiring.train_and_validation(config)
    assert sides[1].ids == tuple(map(str, held))
    assert validation_in_words(config, *sides) == [
        "validation: 8 of 40 training videos, held out by video"
    ]

    config = manifest(tiny_config, *(f"{n % 8}.mp4,{n % 2},train,{n}," for n in range(40)))
    sides = wiring.train_and_validation(config)
    assert not {*sides[0].paths} & {*sides[1].paths}
    assert validation_in_words(config, *sides) == [
        "validation: 10 of 40 training videos, held out by 2 of 8 files"
    ]


def test_a_run_says_what_its_splits_share(tiny_config, manifest):
    rows = [f"{n}.mp4,{n % 2},train,{n},g{n}" for n in range(4)]
    rows += ["3.mp4,1,val,v3,g3", "5.mp4,1,val,v5,g2", "./0.mp4,1,test,t0,", "1.mp4,1.0,test,t1,"]
    config = manifest(tiny_config, *rows, **{"data.validation_split": "val"})
    assert validation_in_words(config, *wiring.train_and_validation(config)) == [
        "note: 2 groups have videos in train and in val, g2 first",
        "note: 1 files are in train and in val, 3.mp4 first",
        "note: 2 files are in train and in test, 0.mp4 first",
        "note: 1 of them have another label in test than in train, 0.mp4 first, '0' and '1'",
    ]
    config = manifest(tiny_config, *rows, **{"data.validation_fraction": 0.0})
    assert validation_in_words(config, *wiring.train_and_validation(config)) == [
        "validation: none, all training videos are trained on",
        "note: 2 files are in train and in test, 0.mp4 first",
        "note: 1 of them have another label in test than in train, 0.mp4 first, '0' and '1'",
    ]
    config = manifest(tiny_config, *rows[:4], **{"data.validation_split": "train"})
    assert validation_in_words(config, *wiring.train_and_validation(config)) == []


def test_a_method_that_needs_stills_says_where_to_state_them(tiny_config):
    config = parse(tiny_config("stillmix", **{"methods.stillmix.stills": "bank"}))
    with pytest.raises(
        UserError, match="the methods stillmix need the stills .*config.data.stills=data/"
    ):
        stream_of(config)


def test_a_bank_of_stills_is_for_stillmix_and_not_for_the_own_stills_of_albar(
    tiny_config, world_dir, tmp_path
):
    """A bank has no column `id`, so it does not say which clip a still belongs to."""
    video = wiring.train_and_validation(parse(tiny_config("ce")))[0].paths[0]
    (tmp_path / "stills.csv").write_text(f"path,frame\n{video},0\n")
    stills = {"data.stills": str(tmp_path / "stills.csv")}

    stream_of(parse(tiny_config("stillmix", **{"methods.stillmix.stills": "bank"}, **stills)))
    with pytest.raises(UserError, match="albar.frame is still, .* no column id"):
        stream_of(parse(tiny_config("albar", **{"methods.albar.frame": "still"}, **stills)))


def stream_of(config):
    """Builds the stream of training batches of a config."""
    train, _ = wiring.train_and_validation(config)
    needs = wiring.method(config).needs
    return training_stream(config, train, needs, 1, wiring.VideoFeed(data_mesh()))
