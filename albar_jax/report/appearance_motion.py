"""Formats the parts of appearance and motion for results.json, results.md and the page."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from albar_jax.evaluation.appearance_motion import Part, Parts, SplitSummary
from albar_jax.report.cells import MISSING
from albar_jax.report.report_data import ReportData

MEANING = (
    "Appearance and motion in the score of the label (its logit minus the mean logit), for the "
    "original test clips. Appearance is the score of the static clip (the middle frame, repeated) "
    "minus that of a black clip. Motion is the score of the moving clip minus that of the static "
    "clip. Figures are means in units of a logit, with the 95 % interval over test videos."
)
_TITLES = ["Clips", "Appearance", "Motion"]

Lines = list[list[str]]


@dataclasses.dataclass(frozen=True)
class Sections:
    """The tables of the page.

    Attributes:
      meaning: text above the tables.
      header: headings of the table of all models.
      lines: its lines.
      classes: name, headings and lines of the table by class of each measured model.
    """

    meaning: str
    header: Sequence[str]
    lines: Lines
    classes: list[tuple[str, Sequence[str], Lines]]


def sections(data: ReportData) -> Sections | None:
    """Returns the tables of the page; None if no model is measured."""
    if not any(data.splits):
        return None

    header, lines = split_table(data)
    classes = []
    for summary, split in zip(data.summaries, data.splits, strict=True):
        if split is not None:
            classes.append((summary.name, ["Class", *_TITLES], _class_lines(split, data.classes)))
    return Sections(MEANING, header, lines, classes)


def split_table(data: ReportData) -> tuple[list[str], Lines]:
    """Returns headings and lines of the table of all models; a dash for one without the parts."""
    lines = []
    for summary, split in zip(data.summaries, data.splits, strict=True):
        lines.append([summary.name, *_cells(None if split is None else split.every)])
    return ["Model", *_TITLES], lines


def _class_lines(split: SplitSummary, classes: Sequence[str]) -> Lines:
    """Returns a line for each class with a clip, the one with most appearance first."""
    measured = []
    for name, parts in zip(classes, split.classes, strict=True):
        if parts is not None:
            measured.append((name, parts))
    measured.sort(key=lambda entry: -entry[1].appearance.mean)
    return [[name, *_cells(parts)] for name, parts in measured]


def _cells(parts: Parts | None) -> list[str]:
    if parts is None:
        return [MISSING] * len(_TITLES)
    return [str(parts.clips), _cell(parts.appearance), _cell(parts.motion)]


def _cell(part: Part) -> str:
    """Formats a part: `+1.20 ± 0.05 [+1.00, +1.40]`, without the deviation for a single seed."""
    spread = "" if part.sd is None else f" ± {part.sd:.2f}"
    low, high = part.interval
    return f"{part.mean:+.2f}{spread} [{low:+.2f}, {high:+.2f}]".replace("-", "\u2212")


def split_to_json(split: SplitSummary | None, classes: Sequence[str]) -> dict[str, Any] | None:
    """Returns the content for results.json; None if the model is not measured."""
    if split is None:
        return None

    of_classes = []
    for name, parts in zip(classes, split.classes, strict=True):
        of_classes.append({"class": name} | _parts_to_json(parts))
    return _parts_to_json(split.every) | {"classes": of_classes}


def _parts_to_json(parts: Parts | None) -> dict[str, Any]:
    if parts is None:
        return {"clips": 0, "appearance": None, "motion": None}
    return {
        "clips": parts.clips,
        "appearance": _part_to_json(parts.appearance),
        "motion": _part_to_json(parts.motion),
    }


def _part_to_json(part: Part) -> dict[str, Any]:
    return {"mean": part.mean, "sd": part.sd, "interval": list(part.interval)}
