"""Writes generated worlds: `albar toy quickstart --out data/quickstart`, `albar toy world NAME`.

    OUT/manifest.csv      path,label,split,id; splits train and test
    OUT/videos/{train,test}/ID.avi
    OUT/masks/ID.npz      `masks`, bool (T, H, W): pixels that the mover covers by half or more
    OUT/scenes.csv        id,prob_0,... of the training clips: the background's family, one-hot
    OUT/metadata.csv      id, split, label, and the families drawn for the clip
    OUT/backgrounds/      images of kinds that no training clip shows
    OUT/quickstart_{scuba,scufo,conflfg}{/,.csv,.png}
                          bias benchmarks made of the test clips, masks and backgrounds, see `sets`
    OUT/dataset.json      the settings

All worlds have the same files, so every world is evaluated as the quickstart is. The same settings
give identical bytes, with any number of processes.
"""

import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from albar_jax.data.manifest import read_manifest, write_manifest
from albar_jax.errors import UserError
from albar_jax.schema.fields import Share, check
from albar_jax.storage import journal
from albar_jax.synthesis import sets, workers
from albar_jax.synthesis.background_source import open_backgrounds
from albar_jax.synthesis.composite import to_bytes
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.runner import write_table
from albar_jax.synthesis.scuba import Scuba
from albar_jax.toy import world_spec
from albar_jax.toy.clips import draw_clip
from albar_jax.toy.encode import write_mjpeg
from albar_jax.toy.spec import read_spec
from albar_jax.toy.whole_folder import make_whole
from albar_jax.toy.world import Split, World
from albar_jax.toy.world_spec import WorldSpec

# Version of the quickstart. Increase the number when the same settings would give other pixels.
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
    num_train: int | None = None,
    num_test: int | None = None,
    bias: float | None = None,
    spec: WorldSpec | None = None,
    num_processes: int | None = None,
) -> bool:
    """Makes the data set of a world in a folder, complete or not at all.

    Args:
      out: the folder.
      seed: random seed, at least 0.
      num_train: number of training clips, at least one for each class; None for the world's own
        number.
      num_test: number of clips in each test set, with the same rule.
      bias: probability that a clip has the background of its class, and independently the sprite;
        None for the world's own biases.
      spec: the world; None for the quickstart. See `spec.read_spec`.
      num_processes: number of processes; None for one per core.

    Returns:
      False if the folder already holds this data set, True otherwise.

    Raises:
      UserError: the folder holds something else or cannot be written, or a number is out of range.
    """
    spec = spec or read_spec("quickstart")
    num_train = spec.num_train if num_train is None else num_train
    num_test = spec.num_test if num_test is None else num_test
    if bias is not None:
        spec = spec.with_bias(check(Share, bias, "--bias"), bias)

    for name, count in (("train", num_train), ("test", num_test)):
        if count < len(spec.classes):
            raise UserError(
                f"--{name} is {count}, but each of the {len(spec.classes)} classes needs a clip; "
                f"try {len(spec.classes)}"
            )
    # Raises UserError for a seed out of range.
    world = World(seed, spec)

    counts: dict[Split, int] = {"train": num_train, "test": num_test}
    jobs = num_processes or os.cpu_count() or 1
    write = functools.partial(_make_in, world=world, counts=counts, jobs=jobs)
    settings = _settings(world, counts)
    return make_whole(out, settings, f"a data set of the world {spec.name}", write)


def _settings(world: World, counts: Mapping[Split, int]) -> dict[str, Any]:
    """Returns everything that determines the data set."""
    spec = world.spec
    # The quickstart is older than files of worlds, and its settings stay as they were.
    quickstart = read_spec("quickstart").with_bias(spec.background_bias, spec.background_bias)
    own_counts = {"num_train": spec.num_train, "num_test": spec.num_test}
    if spec == dataclasses.replace(quickstart, **own_counts):
        return {"recipe": RECIPE, "seed": world.seed, **counts, "bias": spec.background_bias}

    return {
        "recipe": world_spec.RECIPE,
        "world": spec.name,
        "specification": spec.digest,
        "seed": world.seed,
        **counts,
    }


def clip_id(split: Split, index: int) -> str:
    """Returns the id of a clip, for example "test_00007"."""
    return f"{split}_{index:05d}"


def _make_in(folder: Path, world: World, counts: Mapping[Split, int], jobs: int) -> None:
    """Writes the data set to an empty folder."""
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True)

    _write_clips(folder, world, counts, jobs)
    _write_backgrounds(folder, world, counts["test"])
    _write_benchmarks(folder, world.seed, jobs)


def _write_clips(folder: Path, world: World, counts: Mapping[Split, int], jobs: int) -> None:
    """Writes all clips with their masks, and the tables that describe them."""
    tasks: list[tuple[Split, int]] = []
    for split, count in counts.items():
        for index in range(count):
            tasks.append((split, index))

    work = functools.partial(_write_clip, folder, world)
    results = workers.run(work, tasks, jobs)
    title = f"{world.spec.name} clips"
    metadata = dict(tqdm(results, total=len(tasks), desc=title, unit="clip"))

    # Clips finish in any order.
    _write_tables(folder, world.spec, [metadata[task] for task in tasks])


def _write_clip(folder: Path, world: World, task: tuple[Split, int]) -> dict[str, str]:
    """Writes one clip and its mask. Returns its row of metadata.csv."""
    split, index = task
    name = clip_id(split, index)
    clip = draw_clip(world, split, index)
    write_mjpeg(folder / _video_path(split, name), clip.frames)
    np.savez_compressed(folder / "masks" / f"{name}.npz", masks=clip.mask >= COVERED)

    row = {
        "id": name,
        "split": split,
        "label": clip.mover.action,
        "background": clip.background,
        "sprite": clip.mover.sprite.family.name,
    }
    if world.spec.cuts.share:
        own = np.flatnonzero(clip.is_own)
        row |= {"first_own_frame": str(own[0]), "last_own_frame": str(own[-1])}
    return row


def _video_path(split: str, name: str) -> str:
    return f"videos/{split}/{name}.avi"


def _write_tables(folder: Path, spec: WorldSpec, metadata: Sequence[dict[str, str]]) -> None:
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
            scenes.append({"id": clip["id"], **_one_hot(clip["background"], spec)})
    write_manifest(folder / "manifest.csv", rows)
    write_table(folder / "scenes.csv", scenes)


def _one_hot(name: str, spec: WorldSpec) -> dict[str, int]:
    """Returns the columns prob_0, prob_1, ... for a family of backgrounds."""
    columns = {}
    for number, family in enumerate(spec.backgrounds):
        columns[f"prob_{number}"] = int(family.name == name)
    return columns


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
