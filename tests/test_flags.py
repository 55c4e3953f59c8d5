"""Claim: a flag that cannot be meant is one sentence, whichever command takes it."""

import argparse

import pytest

from albar_jax import cli
from albar_jax.attribution import baselines, scores
from albar_jax.commands import attribute
from albar_jax.config import config_files, used_fields
from albar_jax.errors import UserError
from albar_jax.studies.seeds import read_seeds
from albar_jax.terminal import config_changes, flags
from albar_jax.wiring import run_attribute


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "many", "²", "9" * 5000])
def test_a_count_is_a_number_from_1_on(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is not a number from 1 to 1,000,000"):
        flags.count(text)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("prepare folder", ["--videos=x", "--out=y"]),
        ("toy waterbirds", ["--out=y"]),
        (
            "synthesize scuba",
            ["--manifest=x", "--masks=demo", "--backgrounds=stripe", "--out=y"],
        ),
    ],
)
def test_every_command_with_processes_refuses_none_of_them(command, arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.run([*command.split(), *arguments, "--jobs=0"])
    error = capsys.readouterr().err
    assert error.splitlines() == [
        "error: argument --jobs: '0' is not a number from 1 to 1,000,000; "
        f"`albar {command} --help` lists the options"
    ]


def test_an_option_cannot_be_abbreviated(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.run(["toy", "quickstart", "--tra=8"])
    assert "there is no option --tra; did you mean --train?" in capsys.readouterr().err


def test_an_empty_path_is_not_the_folder_that_one_is_in():
    with pytest.raises(
        argparse.ArgumentTypeError, match="the path is empty; write . for the current folder"
    ):
        flags.path("")


def test_digits_of_other_scripts_are_no_seeds():
    with pytest.raises(UserError, match="--seeds is '²'; it is different numbers"):
        read_seeds("²", for_report=False)


def test_fields_of_a_study_are_changed_as_those_of_a_training():
    parser = flags.Parser()
    parser.add_config("study")
    words = "--config.a.b=1 --config.c 2 --noconfig.d --config.e --config one --config.f -3"

    changes = parser.parse_args(words.split()).changes
    assert config_changes.assignments(changes) == ["a.b=1", "c=2", "d=False", "e=True", "f=-3"]


# Commands, and what is said of the option that they would ignore.
WITHOUT_CONFIG = " changes a field of a config, but --config is missing"
IGNORED = [
    *(
        (f"{command} --config.eval.clip=start", f"--config.eval.clip=start{WITHOUT_CONFIG}")
        for command in (
            "attribute --workdir=x --clips=a --out=y",
            "audit --predictions=x --out=y",
            "evaluate --predictions=x --out=y",
            "evaluate --weights=x --out=y",
            "evaluate --workdir=x --out=y",
            "features --workdir=x --videos=v --out=y",
            "plan",
            "predict --workdir=x v",
            "train --workdir=x",
        )
    ),
    *(
        (f"{command} --config=quickstart:ce --config.{field}=2", f"--config.{field} has no effect ")
        for command, field in (
            ("attribute --workdir=x --clips=a --out=y", "model.drop_path_rate"),
            ("audit --predictions=x --out=y", "batch_size"),
            ("evaluate --predictions=x --out=y", "eval.batch_size"),
            ("evaluate --weights=x --out=y", "train.steps"),
            ("evaluate --weights=x --out=y", "name"),
            ("evaluate --workdir=x --out=y", "data.num_frames"),
            ("features --weights=x --videos=v --out=y", "optim.peak_lr"),
            ("features --workdir=x --videos=v --out=y", "data.short_side"),
            ("plan --per-chip=1", "batch_size"),
            ("predict --weights=x v", "seed"),
            ("predict --workdir=x v", "eval.batch_size"),
        )
    ),
    ("attribute --workdir=x --clips=a --out=y --count=2", "--count has no effect on ids"),
    ("attribute --workdir=x --clips=a --out=y --evaluation=e", "--evaluation has no effect on ids"),
    *(
        (
            f"attribute --workdir=x --clips=a --out=y --method=cam --{option}",
            f"--{option.partition('=')[0]} has no effect with --method cam",
        )
        for option in ("baseline=static", "steps=50", "rule=midpoint", "chunk=2")
    ),
    (
        "attribute --workdir=x --workdir=z --clips=wrong-to-right --clips=a --out=y",
        "--clips wrong-to-right chooses the clips; leave out the other --clips",
    ),
    ("downstream evaluate --workdir=x --head=mgfn --out=y", "--head has no effect with --workdir"),
    *(
        (
            f"downstream evaluate --scores=x --head=tridet --annotations=a --out=y {option}",
            f"{option.partition('=')[0]} has no effect",
        )
        for option in ("--features=f", "--frames-per-score=4", "--levels=2")
    ),
    ("evaluate --predictions=x --checkpoint=last --out=y", "--checkpoint has no effect without"),
    ("features --weights=x --checkpoint best --videos=v --out=y", "--checkpoint has no effect "),
    ("predict --weights=x --checkpoint=last v", "--checkpoint has no effect without --workdir"),
    ("predict --workdir=x --attributions=2 v", "--attributions has no effect without --page"),
    ("prepare folder --videos=x --jobs=2", "--jobs has no effect without --check; leave it out"),
    ("prepare folder --videos=x --deadline=9", "--deadline has no effect without --check"),
    ("study --config=quickstart_table1 --workdir=x --list --cell=1", "--cell has no effect with"),
    ("study --config=quickstart_table1 --workdir=x --list --table", "give one of them"),
]


@pytest.mark.parametrize(("command", "sentence"), IGNORED)
def test_an_option_without_effect_is_refused(command, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        status = cli.run(command.split())
    except SystemExit as ending:
        status = ending.code
    assert status == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {sentence}") or sentence in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_words_after_two_dashes_are_no_options():
    parser = flags.Parser()
    parser.add_argument("videos", nargs="*")
    parser.add_argument("--hop")
    options = parser.parse_args(["--hop=1", "--", "--page"])
    assert (options.videos, options.given) == (["--page"], {"--hop"})


@pytest.mark.parametrize("used", ["ATTRIBUTE", "AUDIT", "CLASSES", "EVALUATE", "FEATURES"])
def test_fields_that_a_command_uses_exist(used):
    """And a change of them, or of a field below them, is accepted."""
    config = config_files.load("quickstart:albar").to_dict()
    for name in (*getattr(used_fields, used), *used_fields.PREDICT, *used_fields.WEIGHTS):
        section = config
        for part in name.split("."):
            section = section[part]
    used_fields.refuse_unused(["--config.eval.iid.shape", "square"], used_fields.FEATURES, "x")
    used_fields.refuse_unused(["--config.model.remat=none"], used_fields.WEIGHTS, "x")
    with pytest.raises(UserError, match="--config.eval.iids has no effect with x; only these"):
        used_fields.refuse_unused(["--config.eval.iids=1"], used_fields.PREDICT, "x")


def test_attribute_knows_all_baselines_and_scores_and_suggests_them(capsys):
    assert set(attribute.BASELINES) == {run_attribute.LEGS, *baselines.BASELINES}
    assert set(attribute.SCORES) == set(scores.SCORES)

    for option, name, meant in (("baseline", "statc", "static"), ("score", "logits", "logit")):
        with pytest.raises(SystemExit, match="2"):
            cli.run(["attribute", f"--{option}={name}"])
        assert f"did you mean {meant}? `albar attribute --help`" in capsys.readouterr().err
