"""The table `COMMANDS` of the commands under test.

Each row runs in its own folder, which starts as a copy of the folder that another row left when
undisturbed.
"""

import csv
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Command:
    """A command under test.

    Attributes:
      name: its name in `--command` and in the figures.
      words: the program and its flags, without the interpreter; paths are relative to the working
        folder.
      after: the row whose undisturbed result this row starts with; None for an empty folder.
      damages: patterns of files that may be damaged: files that this command or a later one reads
        back.
      arrange: prepares the folder before the first attempt.
    """

    name: str
    words: str
    after: str | None = None
    damages: tuple[str, ...] = ()
    arrange: Callable[[Path], None] | None = None


def _by_class(folder: Path) -> None:
    """Copies the test videos of the world to `films/<class>/`, the layout of `prepare folder`."""
    with open(folder / "world" / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]

    for row in rows:
        target = folder / "films" / row["label"]
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "world" / row["path"], target)


def _write_model(folder: Path) -> None:
    """Writes a model that answers by the mean of the colors."""
    (folder / "model.py").write_text(_MODEL)


def named(name: str) -> Command:
    """Returns a row by its name."""
    return next(command for command in COMMANDS if command.name == name)


def _train(method: str, flags: str = "", manifest: str = "world/manifest.csv") -> str:
    return (
        f"{ROOT}/train.py --config={ROOT}/configs/quickstart.py:{method} --workdir=run {_TINY} "
        f"--config.data.manifest={manifest} {flags}"
    )


# Four steps of four clips; a checkpoint every second step. A row of metrics is the mean over the
# steps since the last row, and a stop ends it early. So every step has its row.
_TINY = (
    "--config.eval.batch_size=8 --config.batch_size=4 --config.train.steps=4 "
    "--config.train.save_every_epochs=0.5 --config.train.log_every_steps=1 "
    "--config.data.num_frames=4 --config.data.allow_empty_classes=True"
)
_SETTINGS = " ".join(
    f"--set {name}={value}"
    for name, value in {
        "data.manifest": "world/manifest.csv",
        "data.num_frames": 4,
        "eval.batch_size": 8,
        "batch_size": 4,
        "train.steps": 4,
        "data.allow_empty_classes": True,
        "train.log_every_steps": 1,
        "train.save_every_epochs": 0.5,
    }.items()
)
_SYNTHESIS = "-m albar_jax synthesize"
_MODEL = """import numpy as np


def predict(clip):
    logits = np.cos(clip.mean() * np.arange(8))
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


predict.fingerprint = "mean color"
"""
# Compiled programs of JAX in the user's cache; see `attempt.Place`.
_COMPILED = "../cache/albar_jax/compiled/*"
_CHECKPOINTS = ("run/checkpoints/**/*", _COMPILED)
_MADE = ("sets/scuba/.made/*",)

COMMANDS = (
    Command("quickstart", "-m albar_jax toy quickstart --out world --train 24 --test 8"),
    Command("train", _train("ce", "--config.loader.threads=2"), "quickstart", _CHECKPOINTS),
    Command("train_workers", _train("ce", "--config.loader.workers=2"), "quickstart", _CHECKPOINTS),
    Command(
        "train_albar", _train("albar", "--config.loader.workers=2"), "quickstart", _CHECKPOINTS
    ),
    Command("evaluate", f"{ROOT}/evaluate.py --workdir run --out out", "train", _CHECKPOINTS),
    Command(
        "attribute",
        "-m albar_jax attribute --workdir run --clips test_00000 --clips test_00001 --steps 4 "
        "--out out",
        "train",
        ("out/clip_*.npz", *_CHECKPOINTS),
    ),
    Command(
        "audit",
        f"{ROOT}/evaluate.py --predictions out/predictions/ce_seed0 --out page",
        "evaluate",
    ),
    Command(
        "audit_model",
        "-m albar_jax audit --model python:model.py:predict --config quickstart "
        "--config.data.manifest=world/manifest.csv --batch 4 --out page",
        "quickstart",
        ("page/answers/*/*.jsonl",),
        _write_model,
    ),
    Command(
        "export",
        "-m albar_jax export --workdir run --out weights/ce",
        "train",
        _CHECKPOINTS,
    ),
    Command(
        "evaluate_weights",
        f"{ROOT}/evaluate.py --weights weights/ce --config={ROOT}/configs/quickstart.py:ce "
        "--out out --config.data.manifest=world/manifest.csv --config.eval.batch_size=8 "
        "--config.data.num_frames=4",
        "export",
        ("weights/ce/**/*", _COMPILED),
    ),
    Command(
        "to_torch",
        "-m albar_jax convert --to-torch weights/ce --out ce.safetensors",
        "export",
        ("weights/ce/**/*",),
    ),
    Command("convert", "-m albar_jax convert ce.safetensors --out weights/again", "to_torch"),
    Command(
        "prepare",
        "-m albar_jax prepare folder --videos films --out data --check --jobs 2",
        "quickstart",
        ("data/check_journal.jsonl",),
        _by_class,
    ),
    Command(
        "records",
        "-m albar_jax prepare folder --videos films --out data --format array_record --check "
        "--jobs 2",
        "quickstart",
        ("data/check_journal.jsonl", "data/array_record/**/*"),
        _by_class,
    ),
    Command(
        "train_records",
        _train(
            "ce", "--config.loader.threads=2 --config.model.num_classes=None", "data/manifest.csv"
        ),
        "records",
        ("data/array_record/**/*",),
    ),
    Command(
        "scuba",
        f"{_SYNTHESIS} scuba --manifest world/manifest.csv --split test --masks npz:world/masks "
        "--backgrounds stripe --copies 2 --jobs 2 --out sets/scuba",
        "quickstart",
        _MADE,
    ),
    Command(
        "scufo",
        f"{_SYNTHESIS} scufo --scuba sets/scuba.csv --jobs 2 --out sets/scufo",
        "scuba",
        ("sets/scufo/.made/*",),
    ),
    Command(
        "conflfg",
        f"{_SYNTHESIS} conflfg --scuba sets/scuba.csv --jobs 2 --out sets/conflfg",
        "scuba",
        ("sets/conflfg/.made/*",),
    ),
    Command(
        "afd",
        f"{_SYNTHESIS} afd --manifest world/manifest.csv --split test --jobs 2 --out sets/afd",
        "quickstart",
        ("sets/afd/.made/*",),
    ),
    Command(
        "hat",
        f"{_SYNTHESIS} hat --manifest world/manifest.csv --split test --masks npz:world/masks "
        "--widen 1 --sets background swap --jobs 2 --out sets/hat",
        "quickstart",
        ("sets/hat_*/.made/*", "sets/hat_scenes/*.png"),
    ),
    Command(
        "study",
        f"{ROOT}/study.py --config {ROOT}/chaos/tiny_study.py --workdir studies --seeds 0 "
        f"{_SETTINGS}",
        "quickstart",
        ("studies/runs/*/checkpoints/**/*", _COMPILED),
    ),
    Command(
        "reference_net",
        f"-m albar_jax reference-net --config={ROOT}/configs/quickstart.py:ce --model micro2d "
        "--workdir net --config.data.manifest=world/manifest.csv --config.eval.batch_size=8 "
        "--config.batch_size=4 --config.train.steps=4 --config.data.allow_empty_classes=True "
        "--config.train.save_every_epochs=0.5",
        "quickstart",
        ("net/checkpoints/**/*", "net/scores/**/*", _COMPILED),
    ),
)
