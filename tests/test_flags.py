"""Claim: a flag that cannot be meant is one sentence, whichever command takes it."""

import argparse

import pytest

from albar_jax.data.prepare import __main__ as prepare
from albar_jax.errors import UserError
from albar_jax.synthesis import __main__ as synthesis
from albar_jax.terminal import flags
from albar_jax.toy import waterbirds_stand_in
from albar_jax.wiring import run_study


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "many", "²", "9" * 5000])
def test_a_count_is_a_number_from_1_on(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is not a number from 1 to 1,000,000"):
        flags.count(text)


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (prepare.main, ["folder", "--videos=x", "--out=y"]),
        (waterbirds_stand_in.main, ["--out=y"]),
        (
            synthesis.main,
            ["scuba", "--manifest=x", "--masks=demo", "--backgrounds=stripe", "--out=y"],
        ),
    ],
)
def test_every_command_with_processes_refuses_none_of_them(main, arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([*arguments, "--jobs=0"])
    error = capsys.readouterr().err
    assert error.splitlines() == [
        "error: argument --jobs: '0' is not a number from 1 to 1,000,000; --help lists the flags"
    ]


def test_an_empty_path_is_not_the_folder_that_one_is_in():
    with pytest.raises(
        argparse.ArgumentTypeError, match="the path is empty; write . for the current folder"
    ):
        flags.path("")


def test_digits_of_other_scripts_are_no_seeds():
    with pytest.raises(UserError, match="--seeds is '²'; it is different numbers"):
        run_study.read_order("x.py", "work", ["²"], [])
