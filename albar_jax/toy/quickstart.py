"""Writes the quickstart data set: `albar toy quickstart --out data/quickstart`.

    OUT/manifest.csv                     path,label,split,id; splits train and test
    OUT/videos/{train,test}/ID.avi
    OUT/masks/ID.npz                     `masks`, bool (T, H, W): the pixels of which the mover covers half or more
    OUT/scenes.csv                       id,prob_0..prob_7 of the training clips: the family of the background, one-hot
    OUT/metadata.csv                     id, split, label and what was drawn for the clip
    OUT/backgrounds/                     pictures of kinds that no training clip shows
    OUT/quickstart_{scuba,scufo,conflfg}{/,.csv,.png}   made of the test clips, masks and backgrounds, see `sets`
    OUT/dataset.json                     the settings

The files are the same to the byte for the same settings, with any number of processes.
"""

import errno
import functools
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from albar_jax.data.manifest import read_manifest, write_manifest
from albar_jax.errors import UserError
from albar_jax.storage import json_files, temporary
from albar_jax.storage.lock import locked
from albar_jax.synthesis import journal, sets, workers
from albar_jax.synthesis.background_source import open_backgrounds
from albar_jax.synthesis.composite import compose, to_bytes
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.runner import write_table
from albar_jax.synthesis.scuba import Scuba
from albar_jax.toy import backgrounds, motion
from albar_jax.toy.encode import write_mjpeg
from albar_jax.toy.world import Split, World, draw_mover

RECIPE = "quickstart-2"  # raise the number when the same settings would make other pixels

MASKS = "npz:{folder}/masks"  # beside the manifest
COVERED = 0.5  # of a pixel: at less, old scenery is around the mover; at more, thin movers lose their shape
FORM = "mp4"  # the JPEGs of archives are too coarse for movers of nine pixels

_COLUMNS = ("id", "split", "label", "background", "sprite")


def make(
    out: str | os.PathLike,
    *,
    seed: int = 0,
    num_train: int = 1250,
    num_test: int = 320,
    bias: float = 0.85,
    num_processes: int | None = None,
) -> bool:
    """Makes the data set in the folder `out`, whole or not at all.

    `bias` is World's; num_processes None means one per core. Returns False when the very data set is already there.

    Raises:
        UserError: `out` holds something else, or a number is out of range.
    """
    out = Path(out)
    settings = {"recipe": RECIPE, "seed": seed, "train": num_train, "test": num_test, "bias": bias}
    _check_settings(settings)
    if _is_complete(out, settings):
        return False
    target = out.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        # Another process may be making the same data set. The lock of `out` is not used: a study holds it for its runs.
        with locked(target.with_name(f".{target.name}{temporary.SUFFIX}.lock"), wait=True):
            if _is_complete(out, settings):
                return False
            with temporary.folder_beside(target) as partial:
                _make_in(partial, settings, num_processes or os.cpu_count() or 1)
                temporary.put_in_place(partial, target)
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = (
            "free some space or choose another --out"
            if is_full
            else "choose an --out that you can write to"
        )
        raise UserError(f"cannot make {out}: {error.strerror or error}; {remedy}") from None
    return True


def _make_in(folder: Path, settings: dict, jobs: int) -> None:
    for name in ("videos/train", "videos/test", "masks", "backgrounds"):
        (folder / name).mkdir(parents=True)
    _write(
        folder, World(settings["seed"], settings["bias"]), settings["train"], settings["test"], jobs
    )
    (folder / "dataset.json").write_text(json.dumps(settings, indent=2) + "\n")


def _check_settings(settings: dict) -> None:
    count = len(motion.ACTIONS)
    for name in ("train", "test"):
        if settings[name] < count:
            raise UserError(
                f"--{name} is {settings[name]}, but each of the {count} actions needs a clip; try {count}"
            )
    if settings["seed"] < 0:
        raise UserError(f"--seed is {settings['seed']}; give 0 or more")
    if not 0 <= settings["bias"] <= 1:
        raise UserError(f"--bias is {settings['bias']}; give a probability from 0 to 1")


def _is_complete(out: Path, settings: dict) -> bool:
    """Tells whether `out` is this data set; raises UserError when it is anything else but absent or empty."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        found = json_files.read(out / "dataset.json")
    except UserError:
        raise UserError(f"{out} exists and is no quickstart data set; give another --out") from None
    if found != settings:
        raise UserError(
            f"{out} was made with {found}, not {settings}; remove it or give another --out"
        )
    return True


def _write(folder: Path, world: World, num_train: int, num_test: int, jobs: int) -> None:
    """Writes all but dataset.json."""
    tasks = [("train", index) for index in range(num_train)] + [
        ("test", index) for index in range(num_test)
    ]
    work = functools.partial(_write_clip, folder, world)
    done = dict(
        tqdm(workers.run(work, tasks, jobs), total=len(tasks), desc="quickstart clips", unit="clip")
    )
    _write_tables(folder, [done[task] for task in tasks])
    for index in range(num_test):
        kind, picture = world.novel_background(index)
        Image.fromarray(to_bytes(picture)).save(folder / "backgrounds" / f"{kind}_{index:05d}.png")
    _write_benchmarks(folder, world.seed, jobs)


def clip_id(split: Split, index: int) -> str:
    """Names a clip, for example test_00007."""
    return f"{split}_{index:05d}"


def _write_clip(folder: Path, world: World, task: tuple[Split, int]) -> dict[str, str]:
    """Writes one clip and its mask; returns its metadata."""
    name = clip_id(*task)
    mover = world.mover(*task)
    family, background = world.background(*task)
    colors, mask = draw_mover(mover)
    write_mjpeg(folder / _video_path(task[0], name), compose(colors, mask, background))
    np.savez_compressed(folder / "masks" / f"{name}.npz", masks=mask >= COVERED)
    return dict(
        zip(_COLUMNS, (name, task[0], mover.action, family, mover.sprite.family), strict=True)
    )


def _video_path(split: str, name: str) -> str:
    return f"videos/{split}/{name}.avi"


def _write_tables(folder: Path, metadata: Sequence[dict[str, str]]) -> None:
    write_table(folder / "metadata.csv", metadata)
    columns = ("label", "split", "id")
    rows = [
        {"path": _video_path(row["split"], row["id"])} | {name: row[name] for name in columns}
        for row in metadata
    ]
    write_manifest(folder / "manifest.csv", rows)
    scenes = [
        {"id": row["id"]}
        | {
            f"prob_{i}": int(family == row["background"])
            for i, family in enumerate(backgrounds.PATTERNS)
        }
        for row in metadata
        if row["split"] == "train"
    ]
    write_table(folder / "scenes.csv", scenes)


def _write_benchmarks(folder: Path, seed: int, jobs: int) -> None:
    """Makes the test sets as `albar synthesize` makes them of any videos and masks."""
    scuba, scufo, conflfg = (
        sets.Target(folder / name, folder / f"{name}.csv", processes)
        # Stills are made sooner than processes are started.
        for name, processes in (
            ("quickstart_scuba", jobs),
            ("quickstart_scufo", 1),
            ("quickstart_conflfg", jobs),
        )
    )
    foregrounds = Foregrounds(MASKS, folder=str(folder))
    maker = Scuba(foregrounds, open_backgrounds(str(folder / "backgrounds")), seed, form=FORM)
    sets.scuba(read_manifest(folder / "manifest.csv", split="test"), maker, 1, scuba)
    sets.scufo(scuba.manifest, scufo, seed=seed)
    sets.conflfg(scuba.manifest, conflfg, masks=None, seed=seed, form=FORM)
    for target in (scuba, scufo, conflfg):
        journal.forget(target.folder)
