"""Bias sets as they are released, which belong to a data set that is prepared already: OUT/<task>.csv for each set.

    HMDB51_SCUBA_Places365/<video>__<k>.zip, HMDB51_SCUFO_VQGAN/<video>__<k>.jpg, HMDB51_ConflFG_Stripe/...      (ALBAR)
    replacebackground_with_mask_for_HMDB51_test_place365/generated_videos/<video>__<k>/frame%06d.jpg          (StillMix)

The folders of the sets lie under --videos, however deep, and keep their names. A clip is of the class of the video that
it was made from, as OUT/manifest.csv has it. StillMix's lists, `<video>__<k> <frames> <class number>`, are optional:
with them, clips that are missing are found, and numbers that disagree with the manifest.

https://github.com/UCF-CRCV/ALBAR, https://github.com/lihaoxin05/StillMix
"""

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from albar_jax.data.manifest import read_manifest
from albar_jax.data.prepare.base import Item, Layout, Listing, check_folder, read_lines, stem
from albar_jax.data.prepare.base import number as class_number
from albar_jax.data.prepare.disk import entries, is_folder, nearby
from albar_jax.data.suffixes import VIDEO_SUFFIXES, suffix
from albar_jax.errors import UserError
from albar_jax.terminal.escapes import shell_line, shell_word

_ALBAR = re.compile(
    r"(?P<dataset>.+)_(?P<kind>scuba|scufo|conflfg)_(?P<background>places365|vqgan|stripe)"
)
_STILLMIX = re.compile(
    r"(?P<kind>replacebackground_with_(mask|box|segmentation_and_saliency)(?P<static>_static)?|mix_dynamic_static_same_bg)"
    r"_for_((?P<dataset>hmdb51|ucf101)_)?test_(?P<background>place365|vqgan|stripe)"
)
# StillMix cuts UCF101 out along boxes, and does not name Kinetics.
_DATASETS = {"hmdb51": "hmdb51", "ucf101": "ucf101_boxes", None: "kinetics400"}
# Confl-FG has two lists: the class of the moving foreground, which is asked for, and that of the still one.
_LISTS = ("dynamic_testlist01.txt", "testlist01.txt", "val.txt")
# Clips on each background. That of HMDB51 is not known for certain.
_PUBLISHED = {"ucf101_boxes": 4550, "kinetics400": 10190}
_COPY = re.compile(r"__[0-9]+$")
_DEPTH = 4  # folders between --videos and a set
_NAMED = 5  # clips in a sentence


def task_of(folder: str) -> str | None:
    """Returns the name of the task that a released folder holds, or None: `hmdb51_scuba_places365`."""
    name = folder.lower()
    if match := _ALBAR.fullmatch(name):
        dataset = re.sub(r"^k400$", "kinetics400", match["dataset"])
        return f"{dataset}_{match['kind']}_{match['background']}"
    if match := _STILLMIX.fullmatch(name):
        kind = (
            "conflfg"
            if match["kind"].startswith("mix")
            else "scufo"
            if match["static"]
            else "scuba"
        )
        return f"{_DATASETS[match['dataset']]}_{kind}_{match['background'].replace('place365', 'places365')}"
    return None


def read(videos: Path, *, out: Path, splits: Path | None = None) -> dict[str, Listing]:
    """Lists each set that was made from videos of the manifest in `out`, by its task."""
    sources = _Sources(out / "manifest.csv")
    sets = _find_sets("--videos", videos)
    lists = _find_lists(splits) if splits else {}
    listings = {task: _read_set(task, folder, sources, lists) for task, folder in sets.items()}
    found = {task: listing for task, listing in listings.items() if listing}
    if not found:
        raise UserError(
            f"no clip of {', '.join(sets)} is named after a video in {sources.file}; "
            "give --out the folder of the data set that they were made from"
        )
    others = [
        f"{sets[task]} is of another data set and is left out" for task in sets if task not in found
    ]
    if any(task.startswith("ucf101_boxes_") for task in found):
        others.append(
            "sets of boxes are evaluated with --config configs/ucf101.py --config.eval.suite=ucf101_boxes"
        )
    first = next(iter(found))
    return {
        task: dataclasses.replace(
            listing,
            notes=[
                *(others if task == first else ()),
                *listing.notes,
                *_partners(task, found, out),
            ],
        )
        for task, listing in found.items()
    }


class _Sources:
    """The videos of a data set by their names alone, without the folder of the class: so the clips are named."""

    def __init__(self, file: Path):
        if not file.is_file():
            raise UserError(
                f"there is no {file}, which has the class of each video; prepare the data set itself first, as "
                f"with `albar prepare hmdb51 --out {shell_word(str(file.parent))} ...`"
            )
        self.file = file
        manifest = read_manifest(file)
        self.classes = list(manifest.classes)
        self.trained = _trained(file)
        self._exact: dict[str, list[tuple[str, str]]] = {}
        self._folded: dict[str, list[tuple[str, str]]] = {}
        for video, label in zip(manifest.ids, manifest.labels.tolist(), strict=True):
            name = PurePosixPath(video).name
            self._exact.setdefault(name, []).append((video, self.classes[label]))
            self._folded.setdefault(name.casefold(), []).append((video, self.classes[label]))

    def find(self, name: str) -> tuple[str, str] | None:
        """The (id, class) of a video, None where none or several have the name; UCF101's differ in case at times."""
        found = self._exact.get(name) or self._folded.get(name.casefold(), [])
        return found[0] if len(found) == 1 else None


def _trained(file: Path) -> set[str]:
    try:
        return set(read_manifest(file, split="train").ids)
    except UserError:  # there is no such split
        return set()


def _find_sets(flag: str, root: Path) -> dict[str, Path]:
    check_folder(flag, root)
    sets: dict[str, Path] = {}
    for task, folder in _walk(root.absolute(), _DEPTH):
        if task in sets:
            raise UserError(
                f"{sets[task]} and {folder} are both {task}; give {flag} a folder with one of them"
            )
        sets[task] = folder
    if not sets:
        right = next((near for near in nearby(root) if any(_walk(near, 1))), None)
        raise UserError(
            f"{flag} {root} holds no folder named as in a release, HMDB51_SCUBA_Places365 or "
            "replacebackground_with_mask_for_HMDB51_test_place365; "
            + (
                f"did you mean {right}?"
                if right
                else "unpack the archives and keep the names of their folders"
            )
        )
    return sets


def _walk(folder: Path, depth: int) -> Iterator[tuple[str, Path]]:
    """Yields the sets at or below a folder, not looking into clips."""
    if task := task_of(folder.name):
        yield task, folder
    elif depth and not _COPY.search(folder.name):
        for entry in _entries(folder):
            if is_folder(entry):
                yield from _walk(Path(entry.path), depth - 1)


def _entries(folder: str | os.PathLike) -> list[os.DirEntry]:
    return [entry for entry in entries(folder) if not entry.name.startswith("__MACOSX")]


def _find_lists(splits: Path) -> dict[str, Path]:
    lists = {}
    for task, folder in _find_sets("--splits", splits).items():
        files = [file for name in _LISTS for file in sorted(folder.rglob(name))]
        if not files:
            raise UserError(f"{folder} holds none of the lists {', '.join(_LISTS)}")
        lists[task] = files[0]
    # A still has the name of the clip that it was taken from, and no list of its own.
    return {task.replace("_scuba_", "_scufo_"): file for task, file in lists.items()} | lists


def _read_set(task: str, folder: Path, sources: _Sources, lists: dict[str, Path]) -> Listing | None:
    """Lists a set; None if it was not made from these videos."""
    clips = _clips(folder)
    labels = _read_list(lists[task], sources.classes) if task in lists else dict.fromkeys(clips)
    items, missing, unknown = [], [], []
    for name, label in labels.items():
        video, copy = _split(name)
        source, expected = sources.find(video) or (video, None)
        if label and expected and label != expected:
            raise UserError(
                f"{lists[task]} has {name} among {label!r} and {sources.file} among {expected!r}; "
                f"the classes of the list are not in the order of {sources.file.with_name('classes.txt')}"
            )
        if not (label or expected):
            unknown.append(name)
            continue
        item = Item(clips.get(name, name), label or expected, "test", source + copy)
        (items if name in clips else missing).append(item)
    if not any(sources.find(_split(name)[0]) for name in labels):
        return None
    notes = (
        [f"{len(unknown)} clips of no video in {sources.file} are left out, {_some(unknown)}"]
        if unknown
        else []
    )
    if others := sorted(set(clips) - set(labels)):
        notes.append(
            f"{len(others)} clips are not in {lists[task]} and are left out, {_some(others)}"
        )
    if trained := [item.id for item in items if _split(item.id)[0] in sources.trained]:
        notes.append(
            f"{len(trained)} clips are made from videos of the split train, {_some(trained)}"
        )
    dataset, kind, _ = task.rsplit("_", 2)
    published = {"test": _PUBLISHED[dataset]} if kind == "scuba" and dataset in _PUBLISHED else {}
    return Listing(items, sources.classes, missing, notes, published)


def _clips(folder: Path) -> dict[str, str]:
    """The paths of the clips of a set by their names: archives, stills, and folders of frames named __<k>."""
    clips: dict[str, str] = {}
    for entry in _entries(folder):
        if is_folder(entry) and not _COPY.search(entry.name):
            found = _clips(Path(entry.path))
        elif is_folder(entry) or suffix(entry.name) in VIDEO_SUFFIXES | {".zip", ".jpg", ".png"}:
            found = {stem(stem(entry.name)): entry.path}  # <video>.mp4.zip
        else:
            continue
        if twice := sorted(set(clips) & set(found)):
            raise UserError(
                f"{clips[twice[0]]} and {found[twice[0]]} are the same clip; keep one of them"
            )
        clips |= found
    return clips


def _read_list(file: Path, classes: list[str]) -> dict[str, str]:
    labels = {}
    for where, line in read_lines(file):
        path, *numbers = line.rsplit(None, 2)
        if len(numbers) < 2:
            raise UserError(
                f"{where} is {line!r}, not a clip, its number of frames and its class number"
            )
        labels[PurePosixPath(path).name] = classes[class_number(numbers[1], where, len(classes))]
    return labels


def _split(name: str) -> tuple[str, str]:
    """The video that a clip was made from, and the rest of its name."""
    copy = _COPY.search(name)
    return (name[: copy.start()], copy.group()) if copy else (name, "")


def _partners(task: str, found: dict[str, Listing], out: Path) -> list[str]:
    """Says of a SCUBA set which of its clips, or of their stills, stand alone."""
    other = task.replace("_scuba_", "_scufo_")
    if other == task:
        return []
    if other not in found:
        scuba, scufo = out / f"{task}.csv", out / other
        command = shell_line(["albar", "synthesize", "scufo", f"--scuba={scuba}", f"--out={scufo}"])
        return [
            f"there is no {other}, so no contrasted accuracy; its stills are made by `{command}`"
        ]
    alone = {item.id for item in found[task].items} ^ {item.id for item in found[other].items}
    if not alone:
        return []
    return [
        f"{len(alone)} clips have no partner of their name in {task} and {other}, {_some(sorted(alone))}; "
        "they do not count in contrasted accuracy"
    ]


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


LAYOUT = Layout(
    title="bias sets",
    read=read,
    options={
        "--out": {
            "type": Path,
            "required": True,
            "metavar": "DIR",
            "help": "where the data set was prepared",
        },
        "--splits": {
            "type": Path,
            "metavar": "DIR",
            "help": "StillMix's lists, in folders named as its sets",
        },
    },
)
