"""Draws the time line of a long video as SVG: its answers with and without motion, and their logit.

Two bands show the answers for the moving windows and for their stills. Two charts below them show
the probability of the answer, and how much of its logit is appearance and how much motion.
"""

import collections
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from albar_jax.evaluation.motion_use import MotionUse, VideoUse, WindowUse
from albar_jax.report.environment import environment
from albar_jax.report.plots import ticks
from albar_jax.report.prediction_text import moment, short_name
from albar_jax.report.study_plots import Axis

# Maximum number of points; more windows share one, because they are not visible.
_MOST_POINTS = 600
# Classes with a colour of their own; the others share the last colour of the template.
_NUM_COLORED = 7
OTHERS = "other classes"
_WIDTH, _HEIGHT = 800, 130
_LEFT = 96
# Places of the tops of the two charts.
_TOPS = (150, 330)


@dataclasses.dataclass(frozen=True)
class Block:
    """A stretch of a band with one answer.

    Attributes:
      x: its left end.
      width: its width.
      color: index of the colour.
      name: name of the class.
    """

    x: float
    width: float
    color: int
    name: str


@dataclasses.dataclass(frozen=True)
class Band:
    """The answers over time, for the moving windows or for their stills."""

    title: str
    blocks: tuple[Block, ...]


@dataclasses.dataclass(frozen=True)
class Panel:
    """One chart of the picture.

    Attributes:
      title: heading.
      top: y of its upper edge.
      names: names of its lines.
      lines: points of each line, for an SVG polyline.
      y_ticks: (place, text) of each tick.
    """

    title: str
    top: float
    names: tuple[str, ...]
    lines: tuple[str, ...]
    y_ticks: tuple[tuple[float, str], ...]


def draw_time_line(video: VideoUse, classes: Sequence[str]) -> str:
    """Returns the picture of a video with windows.

    Args:
      video: the video.
      classes: class names in the order of their numbers.
    """
    bins = _bins(video.windows)
    edges = _edges(bins, video)
    x_axis = Axis(edges[0], edges[-1], _WIDTH, _LEFT)
    ranked = _ranked(video.windows)
    colored = ranked[:_NUM_COLORED]

    bands = (
        _band("moving", bins, edges, x_axis, colored, classes, lambda use: use.answer.label),
        _band("motionless", bins, edges, x_axis, colored, classes, lambda use: use.still[0].label),
    )
    panels = (
        _panel(
            "Probability of the answer (%)",
            _TOPS[0],
            {
                "moving": _means(bins, lambda use: 100 * use.answer.prob),
                "motionless": _means(bins, lambda use: 100 * use.still_prob),
            },
            edges,
            x_axis,
            (0.0, 100.0),
        ),
        _panel(
            "Logit of the answer above a black clip",
            _TOPS[1],
            {
                "motion": _means(bins, lambda use: use.motion),
                "appearance": _means(bins, lambda use: use.appearance),
            },
            edges,
            x_axis,
            (0.0, 0.0),
        ),
    )
    legend = [classes[label] for label in colored]
    if len(ranked) > len(colored):
        legend.append(OTHERS)

    return (
        environment()
        .get_template("time_line.svg.jinja")
        .render(
            title=short_name(video.path),
            bands=bands,
            panels=panels,
            legend=legend,
            x_ticks=_x_ticks(video, x_axis),
            x_title="frame" if video.fps is None else "time",
            left=_LEFT,
            width=_WIDTH,
            height=_HEIGHT,
        )
    )


def _bins(windows: Sequence[WindowUse]) -> list[list[WindowUse]]:
    """Divides the windows into at most `_MOST_POINTS` groups of neighbours."""
    count = min(_MOST_POINTS, len(windows))
    bounds = np.linspace(0, len(windows), count + 1).round().astype(int)
    return [list(windows[start:stop]) for start, stop in zip(bounds[:-1], bounds[1:], strict=True)]


def _edges(bins: Sequence[Sequence[WindowUse]], video: VideoUse) -> list[float]:
    """Returns the borders between groups in frames; windows overlap, so they meet halfway."""
    centres = []
    for group in bins:
        centres.append((group[0].first + group[-1].last + 1) / 2)

    inner = [(before + after) / 2 for before, after in zip(centres[:-1], centres[1:], strict=True)]
    return [0.0, *inner, float(video.num_frames)]


def _ranked(windows: Sequence[WindowUse]) -> list[int]:
    """Returns all answers of moving windows, then of stills, the most frequent ones first."""
    moving = collections.Counter(window.use.answer.label for window in windows)
    still = collections.Counter(window.use.still[0].label for window in windows)
    ranked = [*moving.most_common(), *still.most_common()]
    # A dict instead of a set, to keep the order.
    return list(dict.fromkeys(label for label, _ in ranked))


def _band(
    title: str,
    bins: Sequence[Sequence[WindowUse]],
    edges: Sequence[float],
    x_axis: Axis,
    colored: Sequence[int],
    classes: Sequence[str],
    label_of: Callable[[MotionUse], int],
) -> Band:
    """Returns the band of one answer; the most frequent one of a group stands for the group."""
    labels: list[int] = []
    for group in bins:
        counted = collections.Counter(label_of(window.use) for window in group)
        labels.append(counted.most_common(1)[0][0])

    # Neighbours with the same answer are one block.
    starts = [0]
    for place in range(1, len(labels)):
        if labels[place] != labels[place - 1]:
            starts.append(place)

    blocks = []
    for start, stop in zip(starts, [*starts[1:], len(labels)], strict=True):
        left = x_axis.place(edges[start])
        label = labels[start]
        color = colored.index(label) if label in colored else _NUM_COLORED
        blocks.append(Block(left, x_axis.place(edges[stop]) - left, color, classes[label]))

    return Band(title, tuple(blocks))


def _means(bins: Sequence[Sequence[WindowUse]], value_of: Callable[[MotionUse], float]) -> list:
    means = []
    for group in bins:
        means.append(float(np.mean([value_of(window.use) for window in group])))
    return means


def _panel(
    title: str,
    top: float,
    series: dict[str, list[float]],
    edges: Sequence[float],
    x_axis: Axis,
    shown: tuple[float, float],
) -> Panel:
    """Returns a chart of lines.

    Args:
      title: heading.
      top: y of its upper edge.
      series: name of a line -> its value in each group.
      edges: borders of the groups, in frames.
      x_axis: axis of the frames.
      shown: values that the y axis includes in any case.
    """
    values = [value for line in series.values() for value in line]
    steps = ticks(min(shown[0], *values), max(shown[1], *values))
    y_axis = Axis(steps[0], steps[-1], -_HEIGHT, top + _HEIGHT)

    lines = []
    for line in series.values():
        points = []
        for place, value in enumerate(line):
            x = x_axis.place((edges[place] + edges[place + 1]) / 2)
            points.append(f"{x},{y_axis.place(value)}")
        lines.append(" ".join(points))

    y_ticks = tuple((y_axis.place(value), f"{value:g}") for value in steps)
    return Panel(title, top, tuple(series), tuple(lines), y_ticks)


def _x_ticks(video: VideoUse, x_axis: Axis) -> list[tuple[float, str]]:
    """Returns ticks at round seconds, or at round frames if the frame rate is unknown."""
    per_unit = 1.0 if video.fps is None else video.fps
    placed = []
    for value in ticks(0, video.num_frames / per_unit):
        frame = value * per_unit
        if frame <= video.num_frames:
            text = f"{value:g}" if video.fps is None else moment(video, frame)
            placed.append((x_axis.place(frame), text))
    return placed
