"""Writes the quickstart data set: `python -m albar_jax.synthesis.quickstart --out data/quickstart`.

    OUT/manifest.csv                     path,label,split,id; splits train and test
    OUT/quickstart_{scuba,scufo,conflfg}.csv   the same columns; a test clip keeps its id in all three
    OUT/metadata.csv                     id, split, label and everything that was drawn for the clip
    OUT/videos/{train,test,scuba,scufo,conflfg}/ID.avi
    OUT/masks/ID.npz                     `masks`, uint8 (T, H, W): how much of each pixel the mover covers, 255 = all
    OUT/dataset.json                     the settings

The files are the same to the byte for the same settings, with any number of processes.
"""

import argparse
import csv
import functools
import json
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from albar_jax.data.manifest import write_manifest
from albar_jax.errors import UserError
from albar_jax.synthesis import motion
from albar_jax.synthesis.composite import compose, to_bytes
from albar_jax.synthesis.encode import write_mjpeg
from albar_jax.synthesis.world import MIDDLE, Split, World, draw_mover, freeze, paste_still

RECIPE = "quickstart-1"  # raise the number when the same settings would make other pixels

_BENCHMARKS = ("scuba", "scufo", "conflfg")
_METADATA_COLUMNS = (
    "id",
    "split",
    "label",
    "background",
    "sprite",
    "scuba_background",
    "scufo_frame",
    "conflfg_donor",
)


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
    partial = out.parent / f".{out.name}.{os.getpid()}.partial"
    try:
        for split in ("train", "test", *_BENCHMARKS):
            (partial / "videos" / split).mkdir(parents=True)
        (partial / "masks").mkdir()
        metadata = _write_clips(partial, World(seed, bias), num_train, num_test, num_processes)
        _write_tables(partial, metadata)
        (partial / "dataset.json").write_text(json.dumps(settings, indent=2) + "\n")
        os.replace(partial, out)
    except OSError as error:
        # Another process may have put the same data set there in the meantime.
        if not _is_complete(out, settings):
            raise UserError(f"cannot make {out} ({error}); give an --out that can be written") from None
        return False
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def _check_settings(settings: dict) -> None:
    count = len(motion.ACTIONS)
    for name in ("train", "test"):
        if settings[name] < count:
            raise UserError(f"--{name} is {settings[name]}, but each of the {count} actions needs a clip; try {count}")
    if settings["seed"] < 0:
        raise UserError(f"--seed is {settings['seed']}; give 0 or more")
    if not 0 <= settings["bias"] <= 1:
        raise UserError(f"--bias is {settings['bias']}; give a probability from 0 to 1")


def _is_complete(out: Path, settings: dict) -> bool:
    """Tells whether `out` is this data set; raises UserError when it is anything else but absent or empty."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        found = json.loads((out / "dataset.json").read_text())
    except (OSError, ValueError):
        raise UserError(f"{out} exists and is no quickstart data set; give another --out") from None
    if found != settings:
        raise UserError(f"{out} was made with {found}, not {settings}; remove it or give another --out")
    return True


def _write_clips(folder: Path, world: World, num_train: int, num_test: int, num_processes: int | None) -> list[dict]:
    """Writes all clips and masks and returns their metadata, train before test, by index."""
    tasks = [("train", index) for index in range(num_train)] + [("test", index) for index in range(num_test)]
    write = functools.partial(_write_clip, folder, world, num_test)
    progress = functools.partial(tqdm, total=len(tasks), desc="quickstart clips", unit="clip")
    return list(progress(_map(write, tasks, num_processes or os.cpu_count() or 1)))


def _map(function, tasks: Sequence, num_processes: int) -> Iterator:
    if num_processes == 1:
        yield from map(function, tasks)
        return
    # Spawned, not forked: the caller may hold threads (JAX does), and forking those can hang.
    with multiprocessing.get_context("spawn").Pool(num_processes) as pool:
        yield from pool.imap(function, tasks, chunksize=16)


def clip_id(split: Split, index: int) -> str:
    """Names a clip, for example test_00007."""
    return f"{split}_{index:05d}"


def _write_clip(folder: Path, world: World, num_test: int, task: tuple[Split, int]) -> dict:
    """Writes one clip with its mask and, of a test clip, its three benchmark clips; returns its metadata."""
    split, index = task
    name = clip_id(split, index)
    mover = world.mover(split, index)
    family, background = world.background(split, index)
    colors, mask = draw_mover(mover)
    _write_video(folder, split, name, compose(colors, mask, background))
    np.savez_compressed(folder / "masks" / f"{name}.npz", masks=to_bytes(mask))
    row = {
        "id": name,
        "split": split,
        "label": mover.action,
        "background": family,
        "sprite": mover.sprite.family,
    }
    if split == "test":
        kind, novel = world.novel_background(index)
        donor = world.donor(index, num_test)
        # From the sprite itself, not cut out of the test clip: nothing of the old background survives at its edge.
        scuba = compose(colors, mask, novel)
        conflfg = compose(colors, mask, paste_still(world.mover("test", donor), novel))
        for benchmark, clip in zip(_BENCHMARKS, (scuba, freeze(scuba), conflfg), strict=True):
            _write_video(folder, benchmark, name, clip)
        row |= {"scuba_background": kind, "scufo_frame": MIDDLE, "conflfg_donor": clip_id("test", donor)}
    return row


def _video_path(kind: str, name: str) -> str:
    return f"videos/{kind}/{name}.avi"


def _write_video(folder: Path, kind: str, name: str, frames: np.ndarray) -> None:
    write_mjpeg(folder / _video_path(kind, name), frames)


def _write_tables(folder: Path, metadata: list[dict]) -> None:
    write_manifest(folder / "manifest.csv", [_manifest_row(row["split"], row) for row in metadata])
    for benchmark in _BENCHMARKS:
        rows = [_manifest_row(benchmark, row) for row in metadata if row["split"] == "test"]
        write_manifest(folder / f"quickstart_{benchmark}.csv", rows)
    with open(folder / "metadata.csv", "w", newline="") as file:
        table = csv.DictWriter(file, _METADATA_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(metadata)


def _manifest_row(kind: str, row: dict) -> dict[str, str]:
    return {"path": _video_path(kind, row["id"])} | {name: row[name] for name in ("label", "split", "id")}


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description="Make the quickstart data set.")
    parser.add_argument("--out", default="data/quickstart", help="folder to make (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--train", type=int, default=1250, help="training clips (default: %(default)s)")
    parser.add_argument("--test", type=int, default=320, help="clips of each test set (default: %(default)s)")
    parser.add_argument(
        "--bias", type=float, default=0.85, help="strength of the short cut; .125 is none (default: %(default)s)"
    )
    args = parser.parse_args()
    start = time.perf_counter()
    try:
        made = make(args.out, seed=args.seed, num_train=args.train, num_test=args.test, bias=args.bias)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    seconds = time.perf_counter() - start
    print(f"{args.out}: made in {seconds:.1f} s" if made else f"{args.out}: already there, nothing to do")


if __name__ == "__main__":
    main()
