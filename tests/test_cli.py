"""The programs as a user types them: a mistake is one sentence and status 2, never a traceback."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command):
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["train.py", "--workdir=x"], "--config is missing"),
        (["train.py", "--config=configs/quickstart.py"], "--workdir is missing"),
        (["train.py", "--config=configs/nowhere.py", "--workdir=x"], "configs/nowhere.py"),
        (
            ["train.py", "--config=configs/quickstart.py:ablar", "--workdir=x"],
            "there is no method 'ablar'",
        ),
        (
            ["train.py", "--config=configs/quickstart.py", "--config.optim.lr=1", "--workdir=x"],
            "the config has no field lr",
        ),
        (
            ["train.py", "--config=configs/quickstart.py", "--config.batchsize=4", "--workdir=x"],
            "the config has no field batchsize; did you mean batch_size?",
        ),
        (
            [
                "train.py",
                "--config=configs/hmdb51.py:ce",
                "--config.methods.albar.frame=random",
                "--workdir=x",
            ],
            "the config does not use the method albar; name it behind the colon, as in NAME.py:albar",
        ),
        (
            ["train.py", "--config=configs/nowhere.py", "--config.batch_size=4", "--workdir=x"],
            "a path is relative to the current folder",
        ),
        (
            ["train.py", "--config=configs/quickstart.py", "--config.optim.b1=high", "--workdir=x"],
            "config.optim.b1",
        ),
        (["train.py", "--confg=configs/quickstart.py"], "confg"),
        (["evaluate.py", "--workdir=nowhere", "--out=x"], "nowhere has no folder checkpoints"),
        (["evaluate.py", "--workdir=nowhere"], "--out is missing"),
        (["evaluate.py", "--out=x"], "either --workdir DIR"),
        (
            ["-m", "albar_jax", "export", "--out=x"],
            "say --workdir DIR of a training run and --out",
        ),
        (
            ["-m", "albar_jax", "prepare", "folder", "--videos=nowhere", "--out=x"],
            "--videos nowhere is not there",
        ),
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
    flags = [
        "--config=configs/quickstart.py",
        "--config.data.manifest=nowhere.csv",
        f"--workdir={tmp_path}",
    ]
    status, output = run("train.py", *flags)
    assert status == 2
    assert "cannot read the manifest nowhere.csv" in output
    assert len(output.strip().splitlines()) == 1, output


@pytest.mark.parametrize(
    ("program", "names"),
    [
        ("train.py", ("config", "workdir", "coordinator")),
        ("evaluate.py", ("workdir", "checkpoint", "weights", "predictions", "out", "processes")),
    ],
)
def test_help_lists_the_flags(program, names):
    _, output = run(program, "--help")
    for name in names:
        assert f"\n  --{name}: " in output


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [
        ["evaluate.py", "--help"],
        ["-m", "albar_jax", "prepare", "folder", "--help"],
        ["-m", "albar_jax", "prepare", "folder", "--videos=videos", "--out=out"],
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
        [sys.executable, *command],
        cwd=tmp_path,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode in (
        (0, 141) if command[-1] == "--help" else (141,)
    )  # argparse passes over it


def test_another_pipe_that_breaks_is_not_hidden():
    program = "from albar_jax.errors import leave\ndef main():\n    raise BrokenPipeError('of a worker')\nleave(main)"
    status, output = run("-c", program)
    assert status == 1
    assert "BrokenPipeError: of a worker" in output


URLS = [
    ["train.py", "--config=configs/quickstart.py:ce", "--workdir=gs://b/x"],
    [
        "train.py",
        "--config=configs/quickstart.py:ce",
        "--workdir=x",
        "--config.data.manifest=gs://b/x",
    ],
    [
        "train.py",
        "--config=configs/quickstart.py:ce",
        "--workdir=x",
        "--config.init=https://b/x.pth",
    ],
    ["train.py", "--config=gs://b/x.py:ce", "--workdir=x"],
    ["evaluate.py", "--workdir=x", "--out=s3://b/x"],
    ["evaluate.py", "--weights=http://b/x", "--out=x"],
    ["evaluate.py", "--predictions=gs://b", "--out=x"],
    ["study.py", "--config=configs/studies/quickstart_table4.py", "--workdir=gs://b/x"],
    [
        "study.py",
        "--config=configs/studies/quickstart_table4.py",
        "--workdir=x",
        "--set=data.manifest=gs://b",
        "--list",
    ],
    [
        "-m",
        "albar_jax",
        "reference-net",
        "--config=configs/quickstart.py:ce",
        "--workdir=gs://b/x",
    ],
    [
        "-m",
        "albar_jax",
        "plan",
        "--config=configs/quickstart.py:ce",
        "--config.data.manifest=gs://b/x",
    ],
    ["-m", "albar_jax", "export", "--workdir=x", "--out=gs://b/x"],
    ["-m", "albar_jax", "demo", "--data=gs://b/x"],
    ["-m", "albar_jax", "prepare", "hmdb51", "--videos=x", "--splits=gs://b/x"],
    [
        "-m",
        "albar_jax",
        "synthesize",
        "scuba",
        "--manifest=x",
        "--masks=npz:gs://b/x",
        "--backgrounds=stripe",
        "--out=x",
    ],
    [
        "-m",
        "albar_jax",
        "synthesize",
        "preset",
        "hmdb51",
        "--manifest=x",
        "--masks=demo",
        "--backgrounds",
        "vqgan=gs://b",
    ],
    ["-m", "albar_jax", "toy", "quickstart", "--out=gs://b/x"],
    ["-m", "albar_jax", "convert", "gs://b/x", "--out=x"],
]


@pytest.mark.parametrize("command", URLS, ids=lambda command: " ".join(command[-2:]))
def test_a_url_is_refused_at_every_flag_that_takes_a_path(command):
    status, output = run(*command)
    assert status == 2, output
    assert "is a URL, and only local paths can be read and written" in output
    assert len(output.strip().splitlines()) == 1, output
    assert not {"gs:", "s3:", "x"} & set(os.listdir(ROOT))


def test_a_home_is_expanded_where_the_shell_leaves_it(tmp_path):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "hmdb51.csv").write_text("id,label,pred\na,0,0\nb,1,0\n")
    environment = os.environ | {"HOME": str(tmp_path)}
    command = [sys.executable, "evaluate.py", "--predictions=~/answers", "--out=~/page"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page" / "report.html").exists()
    assert not (ROOT / "~").exists()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii:strict", "utf-8:strict"])
def test_what_an_encoding_lacks_is_printed_otherwise(encoding, tmp_path):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "hmdb51.csv").write_text("id,label,pred\na,0,0\nb,1,0\n")
    for label in ("a", "b"):
        for split in ("train", "test"):
            (tmp_path / "videos" / split / label).mkdir(parents=True)
            (tmp_path / "videos" / split / label / "film.mp4").touch()
    (tmp_path / "videos" / "train" / "a" / b"caf\xe9.txt".decode(errors="surrogateescape")).touch()
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    for command in (
        ["evaluate.py", f"--predictions={tmp_path / 'answers'}", f"--out={tmp_path / 'page'}"],
        [
            "-m",
            "albar_jax",
            "prepare",
            "folder",
            f"--videos={tmp_path / 'videos'}",
            f"--out={tmp_path / 'data'}",
        ],
    ):
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr


def test_a_printed_command_can_be_pasted_into_a_shell(tmp_path):
    videos, out = tmp_path / "my films", tmp_path / "it's data"
    for label in ("a", "b"):
        for split in ("train", "test"):
            (videos / split / label).mkdir(parents=True)
            (videos / split / label / "film.mp4").touch()
    status, output = run(
        "-m", "albar_jax", "prepare", "folder", f"--videos={videos}", f"--out={out}"
    )
    assert status == 0, output
    words = shlex.split(output.splitlines()[-1].removeprefix("next: "))
    assert f"--config.data.manifest={out / 'manifest.csv'}" in words


def test_without_a_home_programs_work_and_keep_nothing(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
    (tmp_path / "file").touch()
    environment |= {"HOME": str(tmp_path / "file")}  # nobody can make a folder in it
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [
        sys.executable,
        "train.py",
        "--config=configs/quickstart.py:ce",
        f"--workdir={tmp_path / 'run'}",
    ]
    command.append(
        f"--config.data.manifest={tmp_path / 'manifest.csv'}"
    )  # the usual one may be there
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "manifest" in done.stderr
