"""Writes untrimmed films of the generated world: `albar toy untrimmed --out data/untrimmed`.

    OUT/anomaly/manifest.csv    path,label,split,id; labels are the class of the events, or Normal
    OUT/anomaly/events.csv      id,class,start,end of the test films: frames from 1, both inclusive
    OUT/segments/manifest.csv   path,label,split,id
    OUT/segments/thumos14.json  the segments of all films, in seconds
    OUT/{anomaly,segments}/videos/{train,test}/ID.avi
    OUT/dataset.json            the settings

The files have the forms of `albar prepare ucf_crime` and `albar prepare thumos14`. `films` defines
what the films show. The same settings give identical bytes, with any number of processes.
"""

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from albar_jax.data import events, segment_json
from albar_jax.data.events import Event
from albar_jax.data.manifest import write_manifest
from albar_jax.data.segment_json import Segment, SegmentedVideo
from albar_jax.errors import UserError
from albar_jax.schema.fields import Share, check
from albar_jax.synthesis import workers
from albar_jax.toy.encode import write_mjpeg
from albar_jax.toy.films import EVENTS, FRAMES_PER_SECOND, Film, Task, draw_film, plan
from albar_jax.toy.spec import read_spec
from albar_jax.toy.whole_folder import make_whole
from albar_jax.toy.world import Split, World

# Version of the data set. Increase the number when the same settings would give other pixels.
RECIPE = "untrimmed-1"
# Every class needs a film, and normal films are half of the anomaly set.
LEAST = 4

_TASKS: tuple[Task, ...] = ("anomaly", "segments")
_SPLITS: tuple[Split, ...] = ("train", "test")


def make(
    out: str | os.PathLike,
    *,
    seed: int = 0,
    num_train: int = 64,
    num_test: int = 64,
    bias: float = 0.85,
    jobs: int | None = None,
) -> bool:
    """Makes both data sets in a folder, complete or not at all.

    Args:
      out: the folder.
      seed: random seed, at least 0; the films belong to the quickstart world of this seed.
      num_train: number of training films of each data set, at least 4.
      num_test: number of test films of each data set, at least 4.
      bias: probability that a training film has the scene of its class, and each part the sprite of
        its motion.
      jobs: number of processes; None for one per core.

    Returns:
      False if the folder already holds these data sets, True otherwise.

    Raises:
      UserError: the folder holds something else or cannot be written, or a number is out of range.
    """
    for name, count in (("--train", num_train), ("--test", num_test)):
        if count < LEAST:
            raise UserError(
                f"{name} is {count}, but every class needs a film; give at least {LEAST}"
            )
    probability = check(Share, bias, "--bias")
    world = World(seed, read_spec("quickstart").with_bias(probability, probability))

    settings = {"recipe": RECIPE, "seed": seed, "train": num_train, "test": num_test, "bias": bias}
    counts: dict[Split, int] = {"train": num_train, "test": num_test}
    write = functools.partial(
        _make_in, world=world, counts=counts, jobs=jobs or os.cpu_count() or 1
    )
    return make_whole(out, settings, "a data set of untrimmed films", write)


def list_films(world: World, task: Task, counts: dict[Split, int]) -> list[Film]:
    """Returns the plans of all films of a data set: training films, then test films."""
    films = []
    for split in _SPLITS:
        for index in range(counts[split]):
            films.append(plan(world, task, split, index))

    return films


def _make_in(folder: Path, world: World, counts: dict[Split, int], jobs: int) -> None:
    """Writes both data sets to an empty folder."""
    films: list[Film] = []
    for task in _TASKS:
        for split in _SPLITS:
            (folder / task / "videos" / split).mkdir(parents=True)
        films += list_films(world, task, counts)

    work = functools.partial(_write_film, folder, world)
    written = workers.run(work, films, jobs)
    for _ in tqdm(written, total=len(films), desc="untrimmed films", unit="film"):
        pass

    for task in _TASKS:
        write_annotations(folder / task, task, [film for film in films if film.task == task])


def write_annotations(folder: Path, task: Task, films: Sequence[Film]) -> None:
    """Writes manifest.csv, and events.csv or thumos14.json, for the films of a data set."""
    _write_manifest(folder, films)
    if task == "anomaly":
        _write_events(folder, films)
    else:
        _write_segments(folder, films)


def _write_film(folder: Path, world: World, film: Film) -> None:
    path = folder / film.task / _video_path(film)
    write_mjpeg(path, draw_film(world, film), frames_per_second=FRAMES_PER_SECOND)


def _video_path(film: Film) -> str:
    return f"videos/{film.split}/{film.id}.avi"


def _write_manifest(folder: Path, films: Sequence[Film]) -> None:
    rows: list[dict[str, str | int]] = []
    for film in films:
        path = _video_path(film)
        rows.append({"path": path, "label": film.label, "split": film.split, "id": film.id})
    write_manifest(folder / "manifest.csv", rows)


def _write_events(folder: Path, films: Sequence[Film]) -> None:
    """Writes the events of the test films; training films have no annotation."""
    found = []
    for film in films:
        if film.split == "test":
            for part in film.events:
                # Counted from 1, both inclusive.
                found.append(Event(film.id, film.label, part.start + 1, part.start + part.length))
    (folder / events.FILE).write_text(events.text_of(found))


def _write_segments(folder: Path, films: Sequence[Film]) -> None:
    videos = []
    for film in films:
        segments = []
        for part in film.events:
            start = part.start / FRAMES_PER_SECOND
            end = (part.start + part.length) / FRAMES_PER_SECOND
            number = EVENTS["segments"].index(film.label)
            segments.append(Segment(film.label, number, start, end))

        duration = film.num_frames / FRAMES_PER_SECOND
        videos.append(
            SegmentedVideo(
                film.id,
                film.split,
                duration=duration,
                fps=FRAMES_PER_SECOND,
                segments=tuple(segments),
            )
        )
    content = segment_json.text_of(videos, EVENTS["segments"])
    (folder / segment_json.FILE).write_text(content)
