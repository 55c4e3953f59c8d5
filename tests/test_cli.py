"""The programs as a user types them: a mistake is one sentence and status 2, never a traceback."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from albar_jax import cli
from albar_jax.config import config_files
from albar_jax.terminal import flags
from configs import base

ROOT = Path(__file__).parent.parent
ALBAR = ["-m", "albar_jax"]


def run(*command):
    """Runs a Python program in the checkout; returns its status and its output."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def albar(monkeypatch, capsys):
    """Returns a function that runs `albar` in this process, in the checkout: (status, output)."""
    monkeypatch.chdir(ROOT)

    def call(*words):
        capsys.readouterr()
        try:
            status = cli.run(words)
        except SystemExit as ending:
            status = ending.code
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return call


MISTAKES = [
    (["train", "--workdir=x"], "--config is missing"),
    (["train", "--config=configs/quickstart.py"], "--workdir is missing"),
    (["train", "--config=configs/nowhere.py", "--workdir=x"], "configs/nowhere.py"),
    (
        ["train", "--config=configs/quickstart.py:ablar", "--workdir=x"],
        "there is no method or recipe 'ablar'; the methods are actorcutmix, ",
    ),
    (
        ["train", "--config=configs/quickstart.py", "--config.optim.lr=1", "--workdir=x"],
        "the config has no field config.optim.lr; docs/config.md",
    ),
    (
        ["train", "--config=configs/quickstart.py", "--config.batchsize=4", "--workdir=x"],
        "the config has no field config.batchsize; did you mean batch_size?",
    ),
    (
        ["train", "--config=quickstart", "--config.optim.peak_lr=fast", "--workdir=x"],
        "config.optim.peak_lr is 'fast'; it has to be a number",
    ),
    (
        ["train", "--config=quickstart", "--config.train.steps=2.5", "--workdir=x"],
        "config.train.steps is '2.5'; it has to be a whole number",
    ),
    (["plan", "--config=quickstart", "--per-chip=0"], "argument --per-chip: '0' is not a number"),
    (
        [
            "train",
            "--config=configs/hmdb51.py:ce",
            "--config.methods.albar.frame=random",
            "--workdir=x",
        ],
        "the config does not use the method albar; name it after the colon, as in NAME:albar",
    ),
    (
        ["train", "--config=configs/nowhere.py", "--config.batch_size=4", "--workdir=x"],
        "a path is relative to the current folder",
    ),
    (
        ["train", "--config=docs/config.md", "--workdir=x"],
        "docs/config.md is no Python file; its name ends in .py",
    ),
    (
        ["train", "--config=configs/studies/quickstart_table1.py", "--workdir=x"],
        "quickstart_table1.py has no get_config(); a config of `albar train` has",
    ),
    (
        ["train", "--config=configs/quickstart.py", "--config.optim.b1=high", "--workdir=x"],
        "config.optim.b1",
    ),
    (
        ["train", "--config=quickstart", "--config.batch_size", "4", "5", "--workdir=x"],
        "'5' is not understood; options are named, as in --workdir DIR",
    ),
    (
        ["train", "--config=hmbd51", "--workdir=x"],
        "there is no config 'hmbd51'; did you mean hmdb51?",
    ),
    (
        ["train", "--confg=configs/quickstart.py"],
        "there is no option --confg; did you mean --config?",
    ),
    (["evaluate", "--workdir=nowhere", "--out=x"], "nowhere has no folder checkpoints"),
    (["evaluate", "--workdir=nowhere"], "--out is missing"),
    (["evaluate", "--out=x"], "either --workdir DIR"),
    (
        ["downstream", "train", "--losses=befor2023"],
        "'befor2023' is not current|before2023; `albar downstream train --help` lists the options",
    ),
    (["audit", "--out=x"], "--model and --predictions are missing"),
    (["audit", "--predictions=nowhere", "--out=x"], "there is no folder 'nowhere' of predictions"),
    (["study", "--config=hmdb51_tabel1", "--workdir=x"], "did you mean hmdb51_table1?"),
    (["export", "--out=x"], "say --workdir DIR of a training run and --out"),
    (["prepare", "folder", "--videos=nowhere", "--out=x"], "--videos nowhere does not exist"),
    (["prepare", "hmbd51"], "'hmbd51' is not one of hmdb51, ucf101"),
    (["prepare", "hmbd51"], "did you mean hmdb51? `albar prepare --help` lists them"),
    (
        ["prepare", "folder", "--video=x"],
        "there is no option --video; did you mean --videos? `albar prepare folder --help`",
    ),
    (
        ["prepare", "folder", "--videos=x", "--format=array_recrod"],
        "argument --format: 'array_recrod' is not one of manifest, array_record; did you mean "
        "array_record?",
    ),
    (["tarin"], "there is no command tarin; did you mean train?"),
]


@pytest.mark.parametrize(("command", "sentence"), MISTAKES)
def test_a_mistake_is_one_sentence(command, sentence, albar):
    status, output = albar(*command)
    assert status == 2, output
    assert sentence in output
    assert "Traceback" not in output
    assert len(output.strip().splitlines()) == 1, output


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["train.py", "--config=configs/quickstart.py"], "--workdir is missing"),
        (["evaluate.py", "--workdir=nowhere", "--out=x"], "nowhere has no folder checkpoints"),
        (["study.py", "--workdir=x"], "--config is missing"),
        ([*ALBAR, "audit", "--predictions=nowhere", "--out=x"], "there is no folder 'nowhere'"),
    ],
)
def test_a_mistake_is_one_sentence_of_a_real_process_too(command, sentence):
    status, output = run(*command)
    assert status == 2, output
    assert sentence in output
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


OPTIONS = {
    "features": ("workdir", "weights", "videos", "layout", "preset", "hop", "crops", "out"),
    "downstream": (),
    "predict": ("workdir", "checkpoint", "weights", "config", "hop", "out", "page", "attributions"),
    "train": ("config", "config.FIELD", "workdir", "coordinator"),
    "evaluate": ("workdir", "checkpoint", "weights", "predictions", "out", "processes"),
    "pretrain": ("config", "config.FIELD"),
    "study": ("config", "workdir", "seeds", "report", "cell", "list", "table", "set", "trials"),
    "attribute": ("workdir", "checkpoint", "config", "out", "clips", "method", "baseline", "show"),
    "audit": ("model", "predictions", "out", "config", "videos", "views", "cache", "weights"),
    "prepare": (),
    "synthesize": (),
    "convert": ("out", "to-torch"),
    "export": ("workdir", "checkpoint", "out"),
    "plan": ("config", "topology", "per-chip"),
    "reference-net": ("config", "model", "workdir", "out", "low", "high", "every"),
    "toy": (),
    "demo": ("out", "data", "seed"),
}


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_lists_the_options_and_has_an_example(command, albar):
    status, output = albar(command, "--help")
    assert status == 0
    for name in OPTIONS[command]:
        assert f"\n  --{name}" in output
    assert f"\nexample:\n  albar {command} " in output
    assert "None" not in output


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        (["evaluate"], ["last, or a step (default: best)"]),
        (["prepare", "hmdb51"], ["(default: data/hmdb51)", "(default: 60.0)"]),
        (["toy", "quickstart"], ["(default: 1250)", "(default: 0.85)"]),
        (["synthesize", "scuba"], ["(default: published)", "(default: 1)"]),
        (["downstream", "train"], ["needs --head, --features, --annotations and", "(default: 40)"]),
        (["downstream", "evaluate"], ["Tests trained heads (--workdir)", "needs --out."]),
    ],
)
def test_help_shows_needed_options_and_defaults(command, lines, albar):
    _, output = albar(*command, "--help")
    words = " ".join(output.split())
    for line in lines:
        assert line in words


def test_help_lists_the_commands(albar):
    for words in ([], ["--help"]):
        status, output = albar(*words)
        assert status == 0
        for name, line in cli.COMMANDS.items():
            assert f"  {name:<14} {line}\n" in output


def test_help_and_an_audit_do_not_import_jax(tmp_path):
    (tmp_path / "hmdb51.csv").write_text("id,label,pred\na,0,0\nb,1,0\n")
    audit = ["audit", f"--predictions={tmp_path}", f"--out={tmp_path / 'page'}"]
    code = (
        "import sys; from albar_jax import cli\n"
        "try: cli.run(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "assert 'jax' not in sys.modules, 'JAX is imported'"
    )
    for words in (audit, ["train", "--help"]):
        status, output = run("-c", code, *words)
        assert status == 0, output
    assert (tmp_path / "page" / "report.html").exists()


def test_changes_of_a_config_are_parsed_by_the_types_of_its_fields():
    config = config_files.load(
        "quickstart:albar",
        [
            "--config.optim.b1=0.5",
            "--config.batch_size",
            "4",
            "--config.train.steps=7",
            "--config.eval.temporal_tests=false",
            "--config.data.allow_empty_classes",
            "--config.optim.warmup_start",
            "-1",
        ],
    )
    assert (config.optim.b1, config.batch_size, config.train.steps) == (0.5, 4, 7)
    assert config.eval.temporal_tests is False
    assert config.data.allow_empty_classes is True
    assert config.optim.warmup_start == -1
    assert config.is_locked


def test_changes_of_a_config_may_stand_anywhere_with_or_without_an_equals_sign():
    parser = flags.Parser()
    parser.add_config("a config")
    parser.add_argument("--per-chip", type=int)
    words = ["--config.batch_size", "4", "--config", "ce", "--config.a.b=-1", "--per-chip=2"]
    options = parser.parse_args(words)
    assert (options.config, options.per_chip) == ("ce", 2)
    assert options.changes == ["--config.batch_size", "4", "--config.a.b=-1"]


def test_a_bare_name_is_the_file_of_the_working_folder_or_the_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = config_files.find("quickstart")
    assert shipped == config_files.shipped_folder() / "quickstart.py"
    assert config_files.find("hmdb51_table1", "studies").name == "hmdb51_table1.py"
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "quickstart.py").touch()
    assert config_files.find("quickstart").resolve() == tmp_path / "configs" / "quickstart.py"


def test_a_config_imports_its_neighbours_and_then_the_shipped_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "common.py").write_text("BATCH_SIZE = 7\n")
    (folder / "mine.py").write_text(
        "from configs import base, common\n"
        "def get_config():\n"
        "    config = base.get_config()\n"
        "    config.batch_size = common.BATCH_SIZE\n"
        "    return config\n"
    )
    assert config_files.load("mine").batch_size == 7
    # The package that this test has imported is the same as before.
    assert sys.modules["configs.base"] is base


def test_a_shipped_config_never_imports_from_the_working_folder(tmp_path):
    # A foreign package of the same name, as any project may have.
    (tmp_path / "configs").mkdir()
    for name in ("__init__", "base", "recipe"):
        (tmp_path / "configs" / f"{name}.py").write_text("raise SystemExit('it is imported')\n")
    code = (
        "import sys; sys.path.insert(0, ''); from albar_jax.config import config_files\n"
        "print(config_files.load('hmdb51:ce').name)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "ce\n"), done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [
        ["evaluate.py", "--help"],
        [*ALBAR, "prepare", "folder", "--help"],
        [*ALBAR, "prepare", "folder", "--videos=videos", "--out=out"],
    ],
)
def test_a_program_whose_reader_has_gone_away_ends_quietly(command, unbuffered, tmp_path):
    for split, label in (("train", "a"), ("test", "a"), ("train", "b"), ("test", "b")):
        (tmp_path / "videos" / split / label).mkdir(parents=True)
        (tmp_path / "videos" / split / label / "film.mp4").touch()
    command = [str(ROOT / word) if word.endswith(".py") else word for word in command]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered, "PYTHONPATH": str(ROOT)}

    # The reader closes the pipe, as `| head` does once it has seen enough.
    reader, writer = os.pipe()
    os.close(reader)
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
    # argparse ignores a closed pipe.
    expected = (0, 141) if command[-1] == "--help" else (141,)
    assert done.returncode in expected


def test_another_pipe_that_breaks_is_not_hidden():
    program = (
        "from albar_jax.errors import leave\n"
        "def main():\n    raise BrokenPipeError('of a worker')\nleave(main)"
    )
    status, output = run("-c", program)
    assert status == 1
    assert "BrokenPipeError: of a worker" in output


URLS = [
    ["train", "--config=configs/quickstart.py:ce", "--workdir=gs://b/x"],
    [
        "train",
        "--config=configs/quickstart.py:ce",
        "--workdir=x",
        "--config.data.manifest=gs://b/x",
    ],
    [
        "train",
        "--config=configs/quickstart.py:ce",
        "--workdir=x",
        "--config.init=https://b/x.pth",
    ],
    ["train", "--config=gs://b/x.py:ce", "--workdir=x"],
    ["evaluate", "--workdir=x", "--out=s3://b/x"],
    ["evaluate", "--weights=http://b/x", "--out=x"],
    ["evaluate", "--predictions=gs://b", "--out=x"],
    ["audit", "--predictions=gs://b", "--out=x"],
    ["study", "--config=configs/studies/quickstart_table4.py", "--workdir=gs://b/x"],
    [
        "study",
        "--config=configs/studies/quickstart_table4.py",
        "--workdir=x",
        "--set=data.manifest=gs://b",
        "--list",
    ],
    ["reference-net", "--config=configs/quickstart.py:ce", "--workdir=gs://b/x"],
    ["plan", "--config=configs/quickstart.py:ce", "--config.data.manifest=gs://b/x"],
    ["export", "--workdir=x", "--out=gs://b/x"],
    ["demo", "--data=gs://b/x"],
    ["prepare", "hmdb51", "--videos=x", "--splits=gs://b/x"],
    [
        "synthesize",
        "scuba",
        "--manifest=x",
        "--masks=npz:gs://b/x",
        "--backgrounds=stripe",
        "--out=x",
    ],
    [
        "synthesize",
        "preset",
        "hmdb51",
        "--manifest=x",
        "--masks=demo",
        "--backgrounds",
        "vqgan=gs://b",
    ],
    ["toy", "quickstart", "--out=gs://b/x"],
    ["convert", "gs://b/x", "--out=x"],
]


@pytest.mark.parametrize("command", URLS, ids=lambda command: " ".join(command[-2:]))
def test_a_url_is_refused_at_every_flag_that_takes_a_path(command, albar):
    status, output = albar(*command)
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

    audit = ["audit", f"--predictions={tmp_path / 'answers'}", f"--out={tmp_path / 'page'}"]
    prepare = ["prepare", "folder", f"--videos={tmp_path / 'videos'}", f"--out={tmp_path / 'data'}"]
    for command in (audit, prepare):
        done = subprocess.run(
            [sys.executable, *ALBAR, *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr


def test_a_printed_command_can_be_pasted_into_a_shell(tmp_path, albar):
    videos, out = tmp_path / "my films", tmp_path / "it's data"
    for label in ("a", "b"):
        for split in ("train", "test"):
            (videos / split / label).mkdir(parents=True)
            (videos / split / label / "film.mp4").touch()
    status, output = albar("prepare", "folder", f"--videos={videos}", f"--out={out}")
    assert status == 0, output
    words = shlex.split(output.splitlines()[-1].removeprefix("next: "))
    assert f"--config.data.manifest={out / 'manifest.csv'}" in words


def test_without_a_home_programs_work_and_keep_nothing(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
    # Nobody can make a folder in a file.
    (tmp_path / "file").touch()
    environment |= {"HOME": str(tmp_path / "file")}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [
        sys.executable,
        "train.py",
        "--config=configs/quickstart.py:ce",
        f"--workdir={tmp_path / 'run'}",
        # The usual manifest may exist.
        f"--config.data.manifest={tmp_path / 'manifest.csv'}",
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "manifest" in done.stderr
