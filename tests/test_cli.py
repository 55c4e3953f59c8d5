"""The programs as a user types them: a mistake is one sentence and status 2, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command):
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["train.py", "--workdir=x"], "--config is missing"),
        (["train.py", "--config=configs/quickstart.py"], "--workdir is missing"),
        (["train.py", "--config=configs/nowhere.py", "--workdir=x"], "configs/nowhere.py"),
        (["train.py", "--config=configs/quickstart.py:ablar", "--workdir=x"], "there is no method 'ablar'"),
        (
            ["train.py", "--config=configs/quickstart.py", "--config.optim.lr=1", "--workdir=x"],
            "the config has no field lr",
        ),
        (
            ["train.py", "--config=configs/quickstart.py", "--config.batchsize=4", "--workdir=x"],
            "the config has no field batchsize; did you mean batch_size?",
        ),
        (
            ["train.py", "--config=configs/nowhere.py", "--config.batch_size=4", "--workdir=x"],
            "a path is relative to the folder that you are in",
        ),
        (["train.py", "--config=configs/quickstart.py", "--config.optim.b1=high", "--workdir=x"], "config.optim.b1"),
        (["train.py", "--confg=configs/quickstart.py"], "confg"),
        (["evaluate.py", "--workdir=nowhere", "--out=x"], "nowhere has no folder checkpoints"),
        (["evaluate.py", "--workdir=nowhere"], "--out is missing"),
        (["evaluate.py", "--out=x"], "either --workdir DIR"),
        (["-m", "albar_jax.commands.export", "--out=x"], "say --workdir DIR of a training run and --out"),
        (["-m", "albar_jax.data.prepare", "folder", "--videos=nowhere", "--out=x"], "--videos nowhere is not there"),
    ],
)
def test_a_mistake_is_one_sentence(command, sentence):
    status, output = run(*command)
    assert status == 2, output
    assert sentence in output
    assert "Traceback" not in output
    assert len(output.strip().splitlines()) == 1, output


def test_a_missing_manifest_is_one_sentence_too(tmp_path):
    # Met with the checkpoint manager open, whose threads must not complain at exit.
    flags = ["--config=configs/quickstart.py", "--config.data.manifest=nowhere.csv", f"--workdir={tmp_path}"]
    status, output = run("train.py", *flags)
    assert status == 2
    assert "cannot read the manifest nowhere.csv" in output
    assert len(output.strip().splitlines()) == 1, output


def test_help_lists_the_flags():
    _, output = run("evaluate.py", "--help")
    for flag in ("--workdir", "--checkpoint", "--weights", "--out"):
        assert flag in output


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [
        ["evaluate.py", "--help"],
        ["-m", "albar_jax.data.prepare", "folder", "--help"],
        ["-m", "albar_jax.data.prepare", "folder", "--videos=videos", "--out=out"],
    ],
)
def test_a_program_whose_reader_has_gone_away_ends_quietly(command, unbuffered, tmp_path):
    for split, label in (("train", "a"), ("test", "a"), ("train", "b"), ("test", "b")):
        (tmp_path / "videos" / split / label).mkdir(parents=True)
        (tmp_path / "videos" / split / label / "film.mp4").touch()
    command = [str(ROOT / word) if word.endswith(".py") else word for word in command]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered, "PYTHONPATH": str(ROOT)}
    reader, writer = os.pipe()
    os.close(reader)  # as `| head` does once it has seen enough
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode in ((0, 141) if command[-1] == "--help" else (141,))  # argparse passes over it


def test_another_pipe_that_breaks_is_not_hidden():
    program = "from albar_jax.errors import leave\ndef main():\n    raise BrokenPipeError('of a worker')\nleave(main)"
    status, output = run("-c", program)
    assert status == 1
    assert "BrokenPipeError: of a worker" in output
