"""Claim: a flag that cannot be meant is one sentence, whichever command takes it."""

import argparse

import pytest

from albar_jax import cli
from albar_jax.errors import UserError
from albar_jax.terminal import config_changes, flags
from albar_jax.wiring import run_study


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
        run_study.read_request("x.py", "work", ["²"], [])


def test_fields_of_a_study_are_changed_as_those_of_a_training():
    parser = flags.Parser()
    parser.add_config("study")
    words = "--config.a.b=1 --config.c 2 --noconfig.d --config.e --config one --config.f -3"

    changes = parser.parse_args(words.split()).changes
    assert config_changes.assignments(changes) == ["a.b=1", "c=2", "d=False", "e=True", "f=-3"]
