"""Writes the quickstart data set: `albar toy quickstart --out data/quickstart`.

    OUT/manifest.csv      path,label,split,id; splits train and test
    OUT/videos/{train,test}/ID.avi
    OUT/masks/ID.npz      `masks`, bool (T, H, W): pixels that the mover covers by half or more
    OUT/scenes.csv        id,prob_0..prob_7 of the training clips: the background's family, one-hot
    OUT/metadata.csv      id, split, label, and the families drawn for the clip
    OUT/backgrounds/      images of kinds that no training clip shows
    OUT/quickstart_{scuba,scufo,conflfg}{/,.csv,.png}
                          bias benchmarks made of the test clips, masks and backgrounds, see `sets`
    OUT/dataset.json      the settings

The same settings give identical bytes, with any number of processes.
"""

import functools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from albar_jax.data.manifest import read_manifest, write_manifest
from albar_jax.errors import UserError
from albar_jax.storage import journal
from albar_jax.synthesis import sets, workers
from albar_jax.synthesis.background_source import open_backgrounds
from albar_jax.synthesis.composite import compose, to_bytes
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.runner import write_table
from albar_jax.synthesis.scuba import Scuba
from albar_jax.toy import backgrounds, motion
from albar_jax.toy.encode import write_mjpeg
from albar_jax.toy.whole_folder import make_whole
from albar_jax.toy.world import Split, World, draw_mover

# Version of the data set. Increase the number when the same settings would give other pixels.
RECIPE = "quickstart-2"
# The masks are stored next to the manifest.
MASKS = "npz:{folder}/masks"
# Minimum coverage of a pixel of the mask. With less, old scenery surrounds the mover; with more,
# thin movers lose their shape.
COVERED = 0.5
# The JPEGs of archives are too coarse for movers of nine pixels.
FORM = "mp4"

_FOLDERS = ("videos/train", "videos/test", "masks", "backgrounds")


def make(
    out: str | os.PathLike,
    *,
    seed: int = 0,
    num_train: int = 1250,
    num_test: int = 320,
    bias: float = 0.85,
    num_processes: int | None = None,
) -> bool:
    """Makes the data set in a folder, complete or not at all.

    Args:
      out: the folder.
      seed: random seed, at least 0.
      num_train: number of training clips, at least 8.
      num_test: number of clips in each test set, at least 8.
      bias: see World.
      num_processes: number of processes; None for one per core.

    Returns:
      False if the folder already holds this data set, True otherwise.

    Raises:
      UserError: the folder holds something else or cannot be written, or a number is out of range.
    """
    settings = {"recipe": RECIPE, "seed": seed, "train": num_train, "test": num_test, "bias": bias}
    _check_settings(settings)
    jobs = num_processes or os.cpu_count() or 1
    write = functools.partial(_make_in, settings=settings, jobs=jobs)
    return make_whole(out, settings, "a quickstart data set", write)


def clip_id(split: Split, index: int) -> str:
    """Returns the id of a clip, for example "test_00007"."""
    return f"{split}_{index:05d}"


def _check_settings(settings: dict) -> None:
    """Raises UserError if a number is out of range."""
    count = len(motion.ACTIONS)
    for name in ("train", "test"):
        if settings[name] < count:
            raise UserError(
                f"--{name} is {settings[name]}, but each of the {count} actions needs a clip; try "
                f"{count}"
            )
    # Raises UserError for numbers out of range.
    World(settings["seed"], settings["bias"])


def _make_in(folder: Path, settings: dict, jobs: int) -> None:
    """Writes the data set to an empty folder."""
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True)

    world = World(settings["seed"], settings["bias"])
    _write_clips(folder, world, settings["train"], settings["test"], jobs)
    _write_backgrounds(folder, world, settings["test"])
    _write_benchmarks(folder, world.seed, jobs)


def _write_clips(folder: Path, world: World, num_train: int, num_test: int, jobs: int) -> None:
    """Writes all clips with their masks, and the tables that describe them."""
    counts: dict[Split, int] = {"train": num_train, "test": num_test}
    tasks: list[tuple[Split, int]] = []
    for split, count in counts.items():
        for index in range(count):
            tasks.append((split, index))

    work = functools.partial(_write_clip, folder, world)
    results = workers.run(work, tasks, jobs)
    metadata = dict(tqdm(results, total=len(tasks), desc="quickstart clips", unit="clip"))

    # Clips finish in any order.
    _write_tables(folder, [metadata[task] for task in tasks])


def _write_clip(folder: Path, world: World, task: tuple[Split, int]) -> dict[str, str]:
    """Writes one clip and its mask. Returns its row of metadata.csv."""
    split, index = task
    name = clip_id(split, index)
    mover = world.mover(split, index)
    family, background = world.background(split, index)

    colors, mask = draw_mover(mover)
    frames = compose(colors, mask, background)
    write_mjpeg(folder / _video_path(split, name), frames)
    np.savez_compressed(folder / "masks" / f"{name}.npz", masks=mask >= COVERED)

    return {
        "id": name,
        "split": split,
        "label": mover.action,
        "background": family,
        "sprite": mover.sprite.family,
    }


def _video_path(split: str, name: str) -> str:
    return f"videos/{split}/{name}.avi"


def _write_tables(folder: Path, metadata: Sequence[dict[str, str]]) -> None:
    """Writes metadata.csv, manifest.csv and scenes.csv."""
    write_table(folder / "metadata.csv", metadata)

    rows = []
    scenes = []
    for clip in metadata:
        path = _video_path(clip["split"], clip["id"])
        rows.append(
            {"path": path, "label": clip["label"], "split": clip["split"], "id": clip["id"]}
        )
        if clip["split"] == "train":
            scenes.append({"id": clip["id"], **_one_hot(clip["background"])})
    write_manifest(folder / "manifest.csv", rows)
    write_table(folder / "scenes.csv", scenes)


def _one_hot(family: str) -> dict[str, int]:
    """Returns the columns prob_0, prob_1, ... for a family of backgrounds."""
    return {f"prob_{i}": int(name == family) for i, name in enumerate(backgrounds.PATTERNS)}


def _write_backgrounds(folder: Path, world: World, count: int) -> None:
    """Writes the novel backgrounds for SCUBA."""
    for index in range(count):
        kind, picture = world.novel_background(index)
        path = folder / "backgrounds" / f"{kind}_{index:05d}.png"
        Image.fromarray(to_bytes(picture)).save(path)


def _write_benchmarks(folder: Path, seed: int, jobs: int) -> None:
    """Makes the test sets in the way of `albar synthesize`."""
    scuba = _target(folder, "quickstart_scuba", jobs)
    # Starting processes would take longer than making the stills.
    scufo = _target(folder, "quickstart_scufo", 1)
    conflfg = _target(folder, "quickstart_conflfg", jobs)

    foregrounds = Foregrounds(MASKS, folder=str(folder))
    maker = Scuba(foregrounds, open_backgrounds(str(folder / "backgrounds")), seed, form=FORM)
    sets.scuba(read_manifest(folder / "manifest.csv", split="test"), maker, 1, scuba)
    sets.scufo(scuba.manifest, scufo, seed=seed)
    sets.conflfg(scuba.manifest, conflfg, masks=None, seed=seed, form=FORM)

    for target in (scuba, scufo, conflfg):
        journal.forget(target.folder)


def _target(folder: Path, name: str, jobs: int) -> sets.Target:
    return sets.Target(folder / name, folder / f"{name}.csv", jobs)
