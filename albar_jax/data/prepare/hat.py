"""Reads HAT's release for a data set that is already prepared.

    inp/<class>/<video>/%06d.jpg    videos without persons, or inpaint/
    seg/<class>/<video>/%06d.png    probability of a person, 0 to 255
    ori/<class>/<video>/%06d.jpg    frames, or original/ or rawframes/
    actionswap_<kind>_<k>.pickle    lists of swaps, in --lists: kind rand, close or far; k = 1, 2, 3

The folder of the class may be missing. HAT's repository has the lists of Kinetics-400, and the
repository of DEVIAS those of UCF101, too (filelist/hat).

    OUT/<dataset>_hat_background.csv       the videos without persons, which are a test set
    OUT/<dataset>_hat_videos.csv           the frames
    OUT/<dataset>_hat_videos_masks.csv     id,path: the folder of each video's masks
    OUT/<dataset>_hat_videos_pairs.csv     set,id,copy,scene: the swaps of the lists

HAT mixes persons and scenes at test time. Here, `albar synthesize hat` makes the human-only clips
and the swaps from these files; its command is printed.

https://github.com/princetonvisualai/HAT, https://github.com/KHU-VLL/DEVIAS
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from albar_jax.data.labels import some
from albar_jax.data.prepare import options
from albar_jax.data.prepare.base import DataSet, Item, Listing
from albar_jax.data.prepare.hat_lists import find_folders, find_lists, find_videos, read_list
from albar_jax.data.prepare.sources import Sources
from albar_jax.errors import UserError
from albar_jax.storage.csv_files import to_text
from albar_jax.terminal.escapes import shell_line

# HAT was released for these; the names are of our suites.
DATASETS = ("kinetics400", "ucf101")
# A pixel shows the person if its value, a probability times 255, is larger.
_ABOVE = 128

# Rows (set, id of the person's video, copy, id of the scene's video).
_Pairs = list[tuple[str, str, int, str]]


def read(videos: Path, *, out: Path, dataset: str, lists: Path | None = None) -> dict[str, Listing]:
    """Lists the videos of HAT's release, with and without persons.

    Args:
      videos: folder of the release.
      out: folder of the prepared data set, with its manifest.
      dataset: name of the data set, which begins the names of tasks.
      lists: folder of the lists of swaps; None lists no swaps.

    Returns:
      Listings of the tasks `<dataset>_hat_background` and `<dataset>_hat_videos`.

    Raises:
      UserError: the data set is not prepared, or the release has another layout.
    """
    sources = Sources(out / "manifest.csv")
    folders = find_folders(videos)
    paths = {what: find_videos(folder) for what, folder in folders.items()}
    pairs, unknown = _read_pairs(lists, sources) if lists else ([], [])

    masks = _by_id(paths["masks"], sources)
    scenes = _list("scenes", paths, {pair[3] for pair in pairs}, sources)
    persons = _list("videos", paths, {pair[1] for pair in pairs}, sources)
    if not scenes.items or not persons.items:
        raise UserError(
            f"no video in {videos} is named after a video in {sources.file}; give --out the folder "
            "of the data set that it was made from"
        )

    notes = [*persons.notes, _command(out, dataset, has_pairs=bool(pairs))]
    if unknown:
        notes.insert(
            0,
            f"{len(unknown)} swaps of videos that are not in {sources.file} are left out, "
            f"{some(unknown)}",
        )
    tables = {"masks.csv": lambda ids: _table(("id", "path"), _rows(masks, ids))}
    if pairs:
        tables["pairs.csv"] = lambda ids: _table(("set", "id", "copy", "scene"), _known(pairs, ids))

    return {
        f"{dataset}_hat_background": scenes,
        f"{dataset}_hat_videos": Listing(
            persons.items, persons.classes, persons.missing, notes, tables=tables
        ),
    }


def _read_pairs(lists: Path, sources: Sources) -> tuple[_Pairs, list[str]]:
    """Reads all lists. Returns the swaps, and names of videos that are not in the manifest."""
    pairs: _Pairs = []
    unknown = []
    for (name, copy), path in sorted(find_lists(lists).items()):
        for person, scene in read_list(path).items():
            of_person, of_scene = sources.find(person), sources.find(scene)
            if of_person and of_scene:
                pairs.append((name, of_person[0], copy, of_scene[0]))
            else:
                unknown.append(scene if of_person else person)
    return pairs, unknown


def _by_id(paths: Mapping[str, str], sources: Sources) -> dict[str, str]:
    """Returns the paths of the videos that are in the manifest, by id."""
    by_id = {}
    for name, path in paths.items():
        source = sources.find(name)
        if source:
            by_id[source[0]] = path
    return by_id


def _list(
    what: str, paths: Mapping[str, Mapping[str, str]], needed: Collection[str], sources: Sources
) -> Listing:
    """Lists one of HAT's folders; videos that the lists need may be missing."""
    items = []
    others = []
    for name, path in paths[what].items():
        source = sources.find(name)
        if source is None:
            others.append(name)
        else:
            items.append(Item(path, source[1], "test", source[0]))

    present = {item.id for item in items}
    missing = [Item(name, "", "test", name) for name in sorted(set(needed) - present)]
    notes = []
    if others:
        notes.append(
            f"{len(others)} videos that are not in {sources.file} are left out, {some(others)}"
        )
    return Listing(items, sources.classes, missing, notes)


def _command(out: Path, dataset: str, *, has_pairs: bool) -> str:
    """Returns a note with the command that makes the other clips."""
    beginning = out / f"{dataset}_hat"
    sets = ["human"]
    words = [
        "albar",
        "synthesize",
        "hat",
        f"--manifest={beginning}_videos.csv",
        f"--masks=png:{{folder}}/{dataset}_hat_videos_masks.csv?above={_ABOVE}",
        f"--scenes={beginning}_background.csv",
        f"--out={beginning}",
    ]
    if has_pairs:
        sets += ["swap", "swap_close", "swap_far"]
        words.append(f"--pairs={beginning}_videos_pairs.csv")
    return f"the other clips are made by `{shell_line([*words, '--sets', *sets])}`"


def _rows(paths: Mapping[str, str], ids: Collection[str]) -> list[tuple[str, str]]:
    return [(name, str(Path(path).absolute())) for name, path in paths.items() if name in ids]


def _known(pairs: _Pairs, ids: Collection[str]) -> _Pairs:
    """Returns the swaps of persons that are in the manifest."""
    return [pair for pair in pairs if pair[1] in ids]


def _table(columns: tuple[str, ...], rows: list) -> str:
    return to_text([columns, *rows])


DATASET = DataSet(
    title="HAT",
    read=read,
    options={
        "--out": options.path("DIR", "folder of the prepared data set", required=True),
        "--dataset": {
            "choices": DATASETS,
            "required": True,
            "help": "data set that the release was made from",
        },
        "--lists": options.path("DIR", "HAT's lists of swaps, actionswap_rand_1.pickle and others"),
    },
)
