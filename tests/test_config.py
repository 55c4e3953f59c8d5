"""The config: its defaults, its checks, and configs of older runs."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from albar_jax.config import (
    Config,
    describe_fields,
    differences,
    may_change_on,
    method_options,
    parse,
)
from albar_jax.config.describe import markdown
from albar_jax.errors import UserError
from albar_jax.parallel import same_launch
from albar_jax.schema.changes import flatten, without
from configs import base, custom, hmdb51, kinetics400, quickstart, recipe, ucf101


def test_method_options_are_the_defaults_of_its_signature():
    section = method_options("stillmix", "ce").to_dict()
    assert section == {
        "stillmix": {"prob": 0.75, "alpha": 200.0, "beta": 200.0, "stills": "batch"},
        "ce": {},
    }


def test_an_option_without_a_value_can_be_overridden():
    options = method_options("albar")
    options.lock()
    options.albar.adversarial_cap = 2.0
    options.albar.static_frames = 2
    assert options.albar.adversarial_cap == 2.0


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="recipe 'ablar'; the methods are .*albar, be, ce, "):
        method_options("ablar")


@pytest.mark.parametrize("config", [hmdb51, ucf101, kinetics400, custom])
def test_the_default_is_the_papers_recipe(config):
    parsed = parse(config.get_config())
    albar = parsed.methods["albar"]
    assert list(parsed.methods) == ["albar"]
    assert (albar["adv_weight"], albar["entropy_weight"], albar["penalty_weight"]) == (1, 4, 10)
    assert (albar["penalty_norm"], albar["frame"], albar["adversarial_cap"]) == (
        "clip",
        "middle",
        None,
    )
    assert (parsed.optim.peak_lr, parsed.optim.scale_lr_from_batch) == (1e-4, 64)
    assert (parsed.batch_size, parsed.optim.weight_decay) == (8, 0.01)
    assert (parsed.optim.schedule, parsed.train.epochs) == ("warmup_cosine", 50)
    assert parsed.optim.warmup_fraction * parsed.train.epochs == 5
    assert (
        parsed.data.num_frames,
        parsed.data.stride,
        parsed.data.size,
        parsed.data.short_side,
    ) == (32, 2, 224, 256)
    assert (parsed.data.validation_split, parsed.data.validation_fraction) == (None, 0.2)
    assert (parsed.eval.clip, parsed.init) == ("centre", "torchvision:swin3d_t")


def test_released_is_the_recipe_of_the_released_code():
    parsed = parse(hmdb51.get_config("released"))
    assert parsed.methods["albar"]["entropy_weight"] == 4.25
    assert parsed.methods["albar"]["penalty_norm"] == "column"
    assert (parsed.optim.peak_lr, parsed.optim.scale_lr_from_batch) == (1e-5, 6)
    assert (parsed.batch_size, parsed.optim.weight_decay, parsed.optim.schedule) == (
        6,
        0.05,
        "released",
    )
    assert (parsed.data.validation_split, parsed.eval.clip) == ("test", "start")


def test_released_validates_on_the_split_that_is_tested():
    config = kinetics400.get_config("released")
    assert parse(config).data.validation_split == "val"
    # As a flag does.
    config.data.test_split = "test"
    assert parse(config).data.validation_split == "test"


def test_tokens_join():
    assert set(hmdb51.get_config("released+stillmix").methods) == {"albar", "stillmix"}
    assert set(hmdb51.get_config("released+ce").methods) == {"ce"}
    assert set(quickstart.get_config("stillmix+albar").methods) == {"albar", "stillmix"}
    assert hmdb51.get_config("stillmix+albar").name == "stillmix+albar"


def test_the_quickstart_variants_differ_as_they_say():
    plain, long, albar, fast = (
        parse(quickstart.get_config(name)) for name in ("ce", "ce_3x", "albar", "albar_fast")
    )
    assert long.train.steps == 3 * plain.train.steps
    assert (long.methods, plain.methods) == ({"ce": {}}, {"ce": {}})
    assert albar.methods["albar"]["adversarial_cap"] == pytest.approx(math.log(8))
    assert albar.methods["albar"]["penalty_weight"] > 0
    assert fast.methods["albar"] == albar.methods["albar"] | recipe.ALBAR_FAST


@pytest.mark.parametrize("config", [hmdb51, ucf101, kinetics400, custom])
def test_albar_fast_is_a_token_of_every_config_and_joins_the_others(config):
    paper = parse(config.get_config("albar"))
    fast = parse(config.get_config("albar_fast"))
    assert fast.methods == {"albar": paper.methods["albar"] | recipe.ALBAR_FAST}
    assert fast.optim == paper.optim
    assert fast.name == "albar_fast"

    released = parse(config.get_config("released+albar_fast+stillmix"))
    assert set(released.methods) == {"albar", "stillmix"}
    assert released.methods["albar"]["entropy_weight"] == 4.25
    assert recipe.ALBAR_FAST.items() <= released.methods["albar"].items()
    with pytest.raises(UserError, match="name one of them twice"):
        config.get_config("albar+albar_fast")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("optim.schedule", "linear", "config.optim.schedule is 'linear'; it is one of"),
        ("model.preset", "huge", "config.model.preset is 'huge'"),
        ("batch_size", 0, "config.batch_size is 0; it has to be from 1 to 1,000,000"),
        (
            "data.validation_fraction",
            1.5,
            "validation_fraction is 1.5; it has to be from 0 to below 1",
        ),
        ("seed", -1, "config.seed is -1; it has to be from 0 to 4,294,967,295"),
        ("seed", 1 << 32, "config.seed is 4294967296; it has to be from 0 to 4,294,967,295"),
        (
            "data.short_side",
            100,
            "config.data.short_side is 100; it has to be at least data.size, 224",
        ),
        ("optim.warmup_fraction", 1.0, "config.optim.warmup_fraction is 1.0"),
        ("eval.spatial_views", 2, "config.eval.spatial_views is 2; it is one of 1, 3"),
    ],
)
def test_an_impossible_value_is_one_sentence(field, value, sentence):
    config = base.get_config()
    config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError, match=sentence):
        parse(config)


def test_an_unknown_and_a_missing_field_are_named():
    config = base.get_config()
    config.optim.learning_rate = 1.0
    with pytest.raises(UserError, match="config.optim has no field 'learning_rate'"):
        parse(config)
    config = base.get_config()
    del config.optim["b1"]
    with pytest.raises(UserError, match="config.optim lacks the field 'b1'"):
        parse(config)


def test_a_field_of_the_wrong_type_is_named():
    config = base.get_config()
    with config.ignore_type():
        config.optim.b1 = "high"
    with pytest.raises(
        UserError,
        match="config.optim.b1 is 'high'; it has to be a finite number, from 0 to below 1",
    ):
        parse(config)


def test_a_method_or_option_that_does_not_exist_is_refused():
    config = base.get_config()
    config.methods.albar.adv_wieght = 1.0
    with pytest.raises(
        UserError, match="config.methods.albar.adv_wieght is unknown; its options are"
    ):
        parse(config)
    config = base.get_config()
    config.methods.ablar = {}
    with pytest.raises(UserError, match="no method or recipe 'ablar'"):
        parse(config)


def test_a_method_is_named_once():
    with pytest.raises(UserError, match="stillmix.stillmix name one of them twice"):
        hmdb51.get_config("stillmix+stillmix")


def test_a_batch_of_no_microbatches_is_refused():
    config = quickstart.get_config("ce")
    config.train.grad_accum_steps = 0
    with pytest.raises(
        UserError, match="config.train.grad_accum_steps is 0; it has to be from 1 to 1,000,000"
    ):
        parse(config)


@pytest.mark.parametrize(
    ("config", "published"),
    [
        (
            hmdb51,
            {
                "mixup": 0.75,
                "videomix": 0.25,
                "be": 0.25,
                "actorcutmix": 0.25,
                "fame": 0.5,
                "stillmix": 0.75,
            },
        ),
        (
            ucf101,
            {
                "mixup": 0.5,
                "videomix": 0.5,
                "be": 0.5,
                "actorcutmix": 0.5,
                "fame": 0.25,
                "stillmix": 0.25,
            },
        ),
        (
            kinetics400,
            {
                "mixup": 1.0,
                "videomix": 0.75,
                "be": 0.5,
                "actorcutmix": 0.25,
                "fame": 0.25,
                "stillmix": 0.25,
            },
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_data_set_mixes_as_often_as_published(config, published):
    """The published value is `prob_aug`.

    lihaoxin05/StillMix, main_network/Video-Swin-Transformer/configs/stillmix/Swin-T/*.
    """
    assert {name: config.get_config(name).methods[name].prob for name in published} == published


@pytest.mark.parametrize(
    ("tokens", "changes", "sentence"),
    [
        (
            "albar",
            {"data.num_frames": 1},
            "num_frames is 1, but albar with these options needs at least 2 frames",
        ),
        ("fame", {"data.num_frames": 1}, "num_frames is 1, but fame"),
        ("be", {"data.num_frames": 1}, "num_frames is 1, but be"),
        (
            "albar",
            {"methods.albar.frame": "32"},
            "num_frames is 32, but albar with these options needs at least 33",
        ),
        (
            "albar",
            {"methods.albar.static_frames": 40},
            "num_frames is 32, but albar with these options needs at least 40",
        ),
        (
            "mixup",
            {"batch_size": 1},
            "batch_size is 1, but mixup with these options needs at least 2 clips of a batch",
        ),
        (
            "ce",
            {"eval.bias.short_side": 200},
            "config.eval.bias.short_side is 200; it has to be at least data.size, 224",
        ),
        (
            "ce",
            {"eval.suite": "hmdb"},
            "config.eval.suite is 'hmdb'; it has to be one of custom, hmdb51",
        ),
        (
            "ce",
            {"eval.clip": "start", "eval.iid.temporal_views": 4},
            "eval.iid.temporal_views is 4; use 'centre'",
        ),
    ],
)
def test_fields_that_contradict_each_other_are_one_sentence(tokens, changes, sentence):
    config = hmdb51.get_config(tokens)
    config.update_from_flattened_dict(changes)
    with pytest.raises(UserError, match=sentence):
        parse(config)


@pytest.fixture
def first_config():
    """The config of a run of version 0.1, at ef916a5."""
    return json.loads((Path(__file__).parent / "fixtures" / "first_config.json").read_text())


def test_a_saved_config_means_what_it_meant_before_newer_fields_came(first_config):
    """All fields that were added later have a saved default, so that old runs are resumed."""
    parsed = parse(ConfigDict(first_config))
    data = parsed.data
    assert (data.short, data.starts, data.shape) == ("stretch", "exclusive", "keep")
    assert (parsed.optim.decay, parsed.optim.head_rate) == ("all", 1.0)
    assert parsed.model.head_init == "default"
    assert (parsed.loader.max_unreadable, data.allow_empty_classes) == (1.0, True)
    assert parsed.eval.bias.short_side is None
    assert parsed.methods["albar"]["static_of"] == "mixed"

    first_config["optim"]["decay_kernels_only"] = True
    assert parse(ConfigDict(first_config)).optim.decay == "kernels"


def test_a_saved_config_with_older_names_and_values_is_read(first_config):
    parsed = parse(ConfigDict(first_config))
    assert (parsed.optim.peak_lr, parsed.optim.scale_lr_from_batch) == (1e-4, 64)
    assert (parsed.model.remat, parsed.train.grad_accum_steps) == ("dots", 1)
    assert parsed.methods["albar"]["memory"] == "linearize"

    first_config["model"]["remat"] = "blocks"
    first_config["train"]["parts"] = 4
    first_config["methods"]["albar"]["memory"] = "low"
    parsed = parse(ConfigDict(first_config))
    assert (parsed.model.remat, parsed.train.grad_accum_steps) == ("full", 4)
    assert parsed.methods["albar"]["memory"] == "two_pass"


def test_a_saved_config_equals_the_same_recipe_under_its_current_names(first_config):
    """The current config differs only in fields that may change when a run is resumed."""
    current = hmdb51.get_config().to_dict()
    assert differences(first_config, current) == []

    # The same learning rate, stated at another reference batch.
    current["optim"] |= {"peak_lr": 1.25e-5, "scale_lr_from_batch": 8}
    assert differences(first_config, current) == []
    current["optim"]["scale_lr_from_batch"] = 16
    assert differences(first_config, current) == [
        "optim.peak_lr: 0.0001 -> 1.25e-05",
        "optim.scale_lr_from_batch: 64 -> 16",
    ]


@pytest.mark.parametrize("field", ["optim.peak_lr", "optim.scale_lr_from_batch", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, [], "x", True, 10**400, 1e300, float("nan")])
def test_a_damaged_learning_rate_is_a_difference(first_config, field, value):
    current = hmdb51.get_config().to_dict()
    damaged = hmdb51.get_config().to_dict()
    section, _, name = field.rpartition(".")
    (damaged[section] if section else damaged)[name] = value
    assert any(line.startswith(f"{field}: ") for line in differences(damaged, current))


def test_the_fields_that_may_change_are_these():
    on_resume = {
        "loader.workers",
        "loader.threads",
        "loader.keep_mb",
        "loader.max_unreadable",
        "loader.clip_seconds",
        "parallel",
        "data.allow_empty_classes",
    }
    in_a_study = {
        "loader.workers",
        "loader.threads",
        "loader.keep_mb",
        "loader.max_unreadable",
        "loader.decoder",
        "loader.clip_pixels",
        "loader.clip_bytes",
        "loader.clip_seconds",
        "parallel",
    }
    assert may_change_on("resume") == on_resume
    assert may_change_on("launch") == {"loader.workers", "loader.threads", "loader.keep_mb"}
    assert may_change_on("study") == in_a_study


def test_what_processes_compare_lacks_only_the_fields_that_may_differ():
    config = quickstart.get_config("ce").to_dict()
    compared = same_launch.leaves_without({"models": {"a.b": config}}, may_change_on("launch"))
    assert {f"models.a.b.{name}" for name in flatten(config)} - compared.keys() == {
        "models.a.b.loader.workers",
        "models.a.b.loader.threads",
        "models.a.b.loader.keep_mb",
    }


def test_the_config_that_a_study_saves_has_neither_loader_nor_parallel():
    config = quickstart.get_config("ce").to_dict()
    saved = without(config, may_change_on("study"))
    assert config.keys() - saved.keys() == {"loader", "parallel"}
    # An empty section stays: the method `ce` has no options.
    assert saved["methods"] == {"ce": {}}


def test_the_default_config_has_every_field_with_its_default():
    config = base.get_config()
    parsed = parse(config)
    assert flatten(dataclasses.asdict(parsed)) == flatten(config.to_dict())
    defaults = Config(methods=parsed.methods)
    assert defaults == parsed


def test_the_help_names_every_field_and_every_option_with_its_default():
    text = describe_fields()
    for name in flatten(base.get_config().to_dict()):
        assert f"config.{name} = " in text
    assert "config.optim.peak_lr = 0.0001\n    Peak learning rate at a batch of" in text
    assert "config.methods.mixup.alpha = 0.2\n" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_config_reference_in_the_docs_is_the_one_of_the_code():
    """After a change: `python docs/write_config.py`."""
    written = (Path(__file__).parent.parent / "docs" / "config.md").read_text()
    assert written == markdown()
