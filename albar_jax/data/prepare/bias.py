"""Reads released bias sets of a data set that is already prepared; writes OUT/<task>.csv for each.

    HMDB51_SCUBA_Places365/<video>__<k>.zip, HMDB51_SCUFO_VQGAN/<video>__<k>.jpg,
    HMDB51_ConflFG_Stripe/...                                                      (ALBAR)
    replacebackground_with_mask_for_HMDB51_test_place365/generated_videos/<video>__<k>/frame%06d.jpg
                                                                                   (StillMix)

The folders of the sets are at most four levels below --videos and keep their names. A clip has the
class of its video in OUT/manifest.csv. StillMix's lists, `<video>__<k> <frames> <class number>`,
are optional. With them, missing clips are found, and class numbers that contradict the manifest.

https://github.com/UCF-CRCV/ALBAR, https://github.com/lihaoxin05/StillMix
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from albar_jax.data.labels import some
from albar_jax.data.prepare import options
from albar_jax.data.prepare.base import DataSet, Item, Listing
from albar_jax.data.prepare.bias_folders import (
    find_clips,
    find_lists,
    find_sets,
    read_list,
    split_name,
)
from albar_jax.data.prepare.sources import Sources
from albar_jax.errors import UserError
from albar_jax.terminal.escapes import shell_line

# Clips of each published SCUBA set, where their number is known for certain.
_PUBLISHED = {"ucf101_boxes": 4550, "kinetics400": 10190}


def read(videos: Path, *, out: Path, splits: Path | None = None) -> dict[str, Listing]:
    """Lists the bias sets that were made from the videos of a data set.

    Args:
      videos: folder of the released sets.
      out: folder of the prepared data set, with its manifest.
      splits: folder of StillMix's lists; None lists the clips that exist.

    Returns:
      A listing for each task.

    Raises:
      UserError: the data set is not prepared, or no set was made from it.
    """
    sources = Sources(out / "manifest.csv")
    sets = find_sets("--videos", videos)
    lists = find_lists(splits) if splits else {}

    listings: dict[str, Listing] = {}
    others = []
    for task, folder in sets.items():
        listing = _read_set(task, folder, sources, lists.get(task))
        if listing:
            listings[task] = listing
        else:
            others.append(f"{folder} is of another data set and is left out")
    if not listings:
        raise UserError(
            f"no clip of {', '.join(sets)} is named after a video in {sources.file}; "
            "give --out the folder of the data set that they were made from"
        )

    # The default suite of UCF101 is the one with better masks.
    if any(task.startswith("ucf101_boxes_") for task in listings):
        others.append(
            "sets of boxes are evaluated with --config configs/ucf101.py "
            "--config.eval.suite=ucf101_boxes"
        )
    return _with_notes(listings, others, out)


def _with_notes(
    listings: Mapping[str, Listing], notes: Sequence[str], out: Path
) -> dict[str, Listing]:
    """Adds the notes on all sets to the first listing, and notes on partners to each one."""
    first = next(iter(listings))
    complete = {}
    for task, listing in listings.items():
        on_all = notes if task == first else ()
        all_notes = [*on_all, *listing.notes, *_partner_notes(task, listings, out)]
        complete[task] = dataclasses.replace(listing, notes=all_notes)
    return complete


def _read_set(task: str, folder: Path, sources: Sources, list_file: Path | None) -> Listing | None:
    """Lists the clips of a set; returns None if it was not made from these videos."""
    clips = find_clips(folder)
    # Without a list, a clip has the class of its video.
    labels: Mapping[str, str | None] = dict.fromkeys(clips)
    if list_file:
        labels = read_list(list_file, sources.classes)
    if not any(sources.find(split_name(name)[0]) for name in labels):
        return None

    items: list[Item] = []
    missing: list[Item] = []
    unknown: list[str] = []
    for name, listed_label in labels.items():
        video, copy = split_name(name)
        source, label = sources.find(video) or (video, None)
        _check_label(name, listed_label, label, list_file, sources)

        # The list decides for clips whose video is not in the manifest.
        label = listed_label or label
        if not label:
            unknown.append(name)
            continue
        item = Item(clips.get(name, name), label, "test", source + copy)
        if name in clips:
            items.append(item)
        else:
            missing.append(item)

    notes = _set_notes(items, unknown, sorted(set(clips) - set(labels)), list_file, sources)
    return Listing(items, sources.classes, missing, notes, _published(task))


def _check_label(
    name: str, listed: str | None, label: str | None, list_file: Path | None, sources: Sources
) -> None:
    """Raises UserError if the class of a clip in a list contradicts the manifest."""
    if listed and label and listed != label:
        raise UserError(
            f"{list_file} has {name} among {listed!r} and {sources.file} among {label!r}; the "
            f"classes of the list are not in the order of {sources.file.with_name('classes.txt')}"
        )


def _set_notes(
    items: Sequence[Item],
    unknown: Sequence[str],
    unlisted: Sequence[str],
    list_file: Path | None,
    sources: Sources,
) -> list[str]:
    """Describes clips that are left out, and clips of training videos."""
    notes = []
    if unknown:
        notes.append(
            f"{len(unknown)} clips of no video in {sources.file} are left out, {some(unknown)}"
        )
    if unlisted:
        notes.append(
            f"{len(unlisted)} clips are not in {list_file} and are left out, {some(unlisted)}"
        )

    # A benchmark of training videos would measure memory, not generalization.
    trained = [item.id for item in items if split_name(item.id)[0] in sources.trained]
    if trained:
        notes.append(
            f"{len(trained)} clips are made from videos of the split train, {some(trained)}"
        )
    return notes


def _published(task: str) -> dict[str, int]:
    """Returns the published number of clips of a set, where known."""
    dataset, kind, _ = task.rsplit("_", 2)
    if kind != "scuba" or dataset not in _PUBLISHED:
        return {}
    return {"test": _PUBLISHED[dataset]}


def _partner_notes(task: str, listings: Mapping[str, Listing], out: Path) -> list[str]:
    """Describes the clips of a SCUBA set that have no still, and the stills without a clip."""
    stills = task.replace("_scuba_", "_scufo_")
    # Only SCUBA sets have stills.
    if stills == task:
        return []

    if stills not in listings:
        scuba = f"--scuba={out / f'{task}.csv'}"
        command = shell_line(["albar", "synthesize", "scufo", scuba, f"--out={out / stills}"])
        return [
            f"there is no {stills}, so no contrasted accuracy; its stills are made by `{command}`"
        ]

    # Contrasted accuracy joins clips and stills by their ids.
    clip_ids = {item.id for item in listings[task].items}
    single = clip_ids ^ {item.id for item in listings[stills].items}
    if not single:
        return []
    return [
        f"{len(single)} clips have no partner of their name in {task} and {stills}, "
        f"{some(sorted(single))}; they do not count in contrasted accuracy"
    ]


DATASET = DataSet(
    title="bias sets",
    read=read,
    options={
        "--out": options.path("DIR", "folder of the prepared data set", required=True),
        "--splits": options.path("DIR", "StillMix's lists, in folders named as its sets"),
    },
)
