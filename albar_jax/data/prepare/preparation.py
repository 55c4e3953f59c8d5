"""Prepares a downloaded data set; `albar prepare` is its command line.

The output folder gets:

    manifest.csv      path,label,split,id[,group]; for test sets of another data set aras.csv, ...
    classes.txt       the names of all classes, in the order of their numbers
    stills.csv        path,frame,id: the still image of each video, for Waterbirds
    events.csv        id,class,start,end: the anomalous events, for UCF-Crime
    thumos14.json     the segments of each video, for THUMOS14
    missing.tsv       listed videos that are missing, where that is allowed
    unlisted.tsv      videos that UCF-Crime or THUMOS14 do not list
    check.tsv         with `check`: frames of each video, or why it cannot be read
    array_record/     with format array_record: the encoded videos in ArrayRecord shards
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from albar_jax.data.prepare.base import DataSet, Listing
from albar_jax.data.prepare.groups import with_groups
from albar_jax.data.prepare.output import Output
from albar_jax.data.prepare.repeats import number_repeats
from albar_jax.data.prepare.summary import next_command, summary
from albar_jax.errors import UserError
from albar_jax.storage.lock import working_in
from albar_jax.terminal.escapes import show

Format = Literal["manifest", "array_record"]


@dataclasses.dataclass(frozen=True)
class Options:
    """The options that all data sets share.

    Attributes:
      videos: folder of the videos; a list for a data set with several folders.
      out: folder to write to.
      skip_missing: whether to leave out listed videos that do not exist, instead of refusing them.
      check: whether to decode every video and to leave out those that fail.
      jobs: number of processes that check.
      deadline: limit for the check of one video, in seconds.
      format: "array_record" packs the encoded videos into a few large files.
    """

    videos: Path | Sequence[Path]
    out: Path
    skip_missing: bool = False
    check: bool = False
    jobs: int = 1
    deadline: float = 60.0
    format: Format = "manifest"


def prepare(data_set: DataSet, options: Options, reader_options: Mapping[str, Any]) -> None:
    """Writes the manifests of a data set and prints a summary.

    Args:
      data_set: the published data set.
      options: the options that all data sets share.
      reader_options: the keyword arguments of `data_set.read`.

    Raises:
      UserError: videos are missing, or the download has another layout.
    """
    if not options.deadline > 0:
        raise UserError(f"--deadline is {options.deadline:g}; give more than 0 seconds")

    with working_in(options.out, "--out"):
        listed = data_set.read(options.videos, **reader_options)
        if isinstance(listed, Listing):
            parts = [(data_set, listed)]
        else:
            parts = [(_of_task(data_set, task), listing) for task, listing in listed.items()]

        # All listings are checked before the first manifest is written.
        for part, listing in parts:
            _refuse_missing(part, listing, options)
            output = Output(part, options.out)
            output.check_names(listing.items, listing.classes, listing.stills.values())

        for part, listing in parts:
            command = _write(part, listing, options)
        show(f"next: {command}")


def _of_task(data_set: DataSet, task: str) -> DataSet:
    """Returns one test set of a benchmark, which is evaluated with the config of its data set."""
    if task == "manifest":
        return data_set

    config = task.split("_")[0]
    return dataclasses.replace(data_set, title=task, config=config, manifest=f"{task}.csv")


def _refuse_missing(data_set: DataSet, listing: Listing, options: Options) -> None:
    """Raises UserError for missing videos, unless they are allowed."""
    if not listing.missing or data_set.may_lack_videos or options.skip_missing:
        return

    folders = options.videos
    where = folders if isinstance(folders, Path) else " or ".join(map(str, folders))
    listed = len(listing.items) + len(listing.missing)
    raise UserError(
        f"{len(listing.missing)} of {listed} listed videos are not under {where}, "
        f"{listing.missing[0].path} first; complete the download, or leave them out with "
        "--skip-missing"
    )


def _write(data_set: DataSet, listing: Listing, options: Options) -> str:
    """Writes and reports one manifest. Returns the command that uses it."""
    output = Output(data_set, options.out)
    output.write_missing(listing.missing)

    notes = list(listing.notes)
    if listing.missing:
        listed = len(listing.items) + len(listing.missing)
        notes.append(
            f"{len(listing.missing)} of {listed} videos are missing, see "
            f"{output.beside('missing.tsv')}"
        )

    output.write_unlisted(listing.unlisted)
    if listing.unlisted:
        notes.append(
            f"{len(listing.unlisted)} videos are not in the lists, see "
            f"{output.beside('unlisted.tsv')}"
        )

    # Ids must be unique before other tables refer to them.
    items = with_groups(number_repeats(listing.items))
    if options.check:
        items, note = output.drop_unreadable(items, jobs=options.jobs, deadline=options.deadline)
        if note:
            notes.append(note)

    # The manifest is written last, so that everything else exists if it does.
    output.write_stills(listing.stills)
    output.write_tables(listing.tables, {item.id for item in items})
    output.write(items, listing.classes, options.format, check=options.check)

    lines = [*summary(data_set, listing, items), *(f"note: {note}" for note in notes)]
    show(*lines, f"{output.manifest}: written")
    return next_command(output, items, len(listing.classes))
