"""The table of all readers of untrusted files; to add a reader, add a line."""

import dataclasses
import functools
import random
from collections.abc import Callable
from pathlib import Path

from fuzz import read_features, read_hat, read_runs, read_tables, read_videos
from fuzz.process import ALLOWED, Limits
from fuzz.seeds import annotations, features, films, hat, masks, runs, tables, worlds

# A damaged shard ends a command with a sentence, because it affects all videos of the shard.
_SHARDS = Limits(errors=ALLOWED | {"StorageError"})
# The masks are in this folder; the video outside of it is not changed.
_MASKS = f"{masks.MASKS}/**/*"


@dataclasses.dataclass(frozen=True)
class Reader:
    """A reader of untrusted files.

    Attributes:
      seeds: function that makes valid inputs in a given folder, one folder each.
      read: function that reads the folder of an input; may raise UserError, DecodeError and NoMask.
      targets: pattern of the files to change.
      limits: limits for one input.
      finish: function that gets the folder of a changed input; updates checksums after the change.
    """

    seeds: Callable[[Path], None]
    read: Callable[[Path], object]
    targets: str = "**/*"
    limits: Limits = Limits()
    finish: Callable[[Path, random.Random], None] | None = None


def warm_up() -> None:
    """Runs the one-time initialisation of libraries: system queries, locks and threads."""
    import jax
    import orbax.checkpoint  # noqa: F401
    import scipy.io  # noqa: F401
    import tensorflow_datasets  # noqa: F401
    from tqdm import tqdm

    jax.device_put(0).block_until_ready()
    tqdm.get_lock()


def _masks(seeds: Callable[[Path], None], spec: str) -> Reader:
    return Reader(seeds, functools.partial(read_videos.read_masks, spec=spec), _MASKS)


READERS: dict[str, Reader] = {
    "films": Reader(films.make_films, read_videos.read_clip),
    "films lenient": Reader(films.make_films, read_videos.read_leniently),
    "films by decord": Reader(films.make_films, read_videos.read_by_decord),
    "films as bytes": Reader(films.make_films, read_videos.read_bytes),
    "pictures": Reader(films.make_pictures, read_videos.read_clip),
    "streams of pictures": Reader(films.make_sequences, read_videos.read_clip),
    "frame folders": Reader(films.make_frame_folders, read_videos.read_clip),
    "frame archives": Reader(films.make_frame_archives, read_videos.read_clip),
    "backgrounds": Reader(films.make_pictures, read_videos.read_backgrounds),
    "masks npz": _masks(masks.make_npz, "npz:{folder}"),
    "masks mat": _masks(masks.make_mat, "jhmdb:{folder}"),
    "masks tubes": _masks(masks.make_tubes, "tubes:{file}?boxes=union"),
    "masks rle": _masks(masks.make_rle, "rle:{file}?first=0"),
    "masks boxes": _masks(masks.make_boxes, "boxes:{file}?first=0&min_score=0.1"),
    "masks png": _masks(masks.make_png, "png:{folder}?first=0"),
    "manifests": Reader(tables.make_manifests, read_tables.read_manifest, "*.*"),
    "class lists": Reader(tables.make_class_lists, read_tables.read_class_list),
    "scenes": Reader(tables.make_scenes, read_tables.read_scenes),
    "stills": Reader(tables.make_stills, read_tables.read_stills),
    "predictions": Reader(tables.make_predictions, read_tables.read_predictions),
    "names of classes": Reader(tables.make_label_maps, read_tables.read_label_map),
    "kept answers": Reader(tables.make_answers, read_tables.read_answers),
    "notes of commands": Reader(tables.make_notes, read_tables.read_notes),
    "lists of data sets": Reader(tables.make_sources, read_tables.read_sources, "lists/**/*"),
    "lists of long films": Reader(annotations.make_sources, read_tables.read_sources, "lists/**/*"),
    "lists of swaps": Reader(hat.make_lists, read_hat.read_lists, "lists/*"),
    "tables of swaps": Reader(hat.make_pairs, read_hat.read_pairs, "pairs.csv"),
    "emptied scenes": Reader(hat.make_scenes, read_hat.read_scenes),
    "worlds": Reader(worlds.make_worlds, read_tables.read_world),
    "annotations": Reader(annotations.make_annotations, read_tables.read_annotations),
    "features": Reader(features.make_features, read_features.read_features),
    "predictions on long films": Reader(features.make_predictions, read_features.read_predictions),
    "weights": Reader(runs.make_weights, read_runs.read_weights),
    "converted weights": Reader(
        runs.make_converted, read_runs.read_converted, finish=read_runs.sum_again
    ),
    "workdirs": Reader(runs.make_workdirs, read_runs.read_workdir, finish=read_runs.sum_again),
    "studies": Reader(runs.make_studies, read_runs.read_study),
    "records": Reader(
        runs.make_records, read_runs.read_records, limits=_SHARDS, finish=read_runs.sum_again
    ),
}
