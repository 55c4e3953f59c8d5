"""Prepares a data set as it was downloaded; `albar prepare` is its command line.

The output folder gets:

    manifest.csv      path,label,split,id[,group]; for test sets of another data set aras.csv, ...
    classes.txt       the names of all classes, in the order of their numbers
    stills.csv        path,frame,id: the still picture of each video, for Waterbirds
    missing.tsv       listed videos that are missing, where that is allowed
    check.tsv         with `check`: frames of each video, or why it cannot be read
    array_record/     with format array_record: the encoded videos in ArrayRecord shards
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from albar_jax.data.prepare.base import Layout, Listing, number_repeats
from albar_jax.data.prepare.groups import with_groups
from albar_jax.data.prepare.output import Output, next_command, summary
from albar_jax.errors import UserError
from albar_jax.storage.lock import working_in
from albar_jax.terminal.escapes import show

Format = Literal["manifest", "array_record"]


@dataclasses.dataclass(frozen=True)
class Options:
    """The options that all data sets share.

    Attributes:
      videos: folder of the videos.
      out: folder to write to.
      skip_missing: whether to leave out listed videos that do not exist, instead of refusing them.
      check: whether to decode every video and to leave out those that fail.
      jobs: number of processes that check.
      deadline: limit for the check of one video, in seconds.
      format: "array_record" packs the encoded videos into a few large files.
    """

    videos: Path
    out: Path
    skip_missing: bool = False
    check: bool = False
    jobs: int = 1
    deadline: float = 60.0
    format: Format = "manifest"


def prepare(layout: Layout, options: Options, layout_options: Mapping[str, Any]) -> None:
    """Writes the manifests of a data set and prints a summary.

    Args:
      layout: the published layout of the data set.
      options: the options that all data sets share.
      layout_options: the keyword arguments of `layout.read`.

    Raises:
      UserError: videos are missing or the download has another layout.
    """
    if not options.deadline > 0:
        raise UserError(f"--deadline is {options.deadline:g}; give more than 0 seconds")

    with working_in(options.out, "--out"):
        listed = layout.read(options.videos, **layout_options)
        if isinstance(listed, Listing):
            manifests = [(layout, listed)]
        else:
            manifests = [_of_task(layout, task, listing) for task, listing in listed.items()]

        # All listings are checked before the first manifest is written.
        for part, listing in manifests:
            _refuse_missing(part, listing, options)
            Output(part, options.out).refuse_odd(
                listing.items, listing.classes, listing.stills.values()
            )
        for part, listing in manifests:
            following = _write(part, listing, options)
        show(f"next: {following}")


def _of_task(layout: Layout, task: str, listing: Listing) -> tuple[Layout, Listing]:
    """Returns the layout of one test set of a benchmark, evaluated with the config of its data set."""
    if task == "manifest":
        return layout, listing

    config = task.split("_")[0]
    part = dataclasses.replace(layout, title=task, config=config, manifest=f"{task}.csv")
    return part, listing


def _refuse_missing(layout: Layout, listing: Listing, options: Options) -> None:
    if listing.missing and not (layout.may_lack_videos or options.skip_missing):
        raise UserError(
            f"{len(listing.missing)} of {len(listing.items) + len(listing.missing)} listed videos are not under "
            f"{options.videos}, {listing.missing[0].path} first; complete the download, or leave them out with "
            "--skip-missing"
        )


def _write(layout: Layout, listing: Listing, options: Options) -> str:
    """Writes and reports one manifest; returns the command that uses it."""
    listed = len(listing.items) + len(listing.missing)
    output = Output(layout, options.out)
    output.write_missing(listing.missing)

    notes = list(listing.notes)
    if listing.missing:
        notes.append(
            f"{len(listing.missing)} of {listed} videos are missing, see {output.beside('missing.tsv')}"
        )

    items = with_groups(number_repeats(listing.items))
    if options.check:
        items, bad = output.without_bad(items, jobs=options.jobs, deadline=options.deadline)
        if bad:
            notes.append(bad)

    # The manifest is written last, so that everything else exists if it does.
    output.write_stills(listing.stills)
    output.write(items, listing.classes, options.format, check=options.check)

    lines = [*summary(layout, listing, items), *(f"note: {note}" for note in notes)]
    show(*lines, f"{output.manifest}: written")
    return next_command(output, items, len(listing.classes))
