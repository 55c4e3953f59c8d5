"""Draws the images of a study as SVG: validation while training, and accuracy against cost."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from albar_jax.evaluation.results import ModelSummary
from albar_jax.report.environment import environment
from albar_jax.report.plots import ticks

# Logged metric -> title of its chart.
VALIDATION = {
    "validation/top1": "Moving clips classified correctly",
    "validation/static_top1": "Their stills classified correctly",
    "validation/contrasted": "Correct while moving, wrong as a still",
}
# Width and height of the plane of a chart, in units of the image.
_WIDTH, _HEIGHT = 330, 220
# Margins of a plane.
_LEFT, _TOP = 56, 40
# Minimum distance of two labels.
_LABEL_HEIGHT = 16


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
      color: index of its color.
      points: points of an SVG polyline, in units of the image.
      faint: whether it is drawn in the background.
    """

    color: int
    points: str
    faint: bool = False


@dataclasses.dataclass(frozen=True)
class Mark:
    """A point of a chart with its standard deviation and its label, in units of the image.

    Attributes:
      color: index of its color.
      x: place of the point.
      y: place of the point.
      low: y of the mean minus one standard deviation.
      high: y of the mean plus one standard deviation.
      label: text next to the plane.
      label_y: y of the text.
    """

    color: int
    x: float
    y: float
    low: float
    high: float
    label: str
    label_y: float


@dataclasses.dataclass(frozen=True)
class Chart:
    """One plane with its axes.

    Attributes:
      title: heading.
      x_title: name of the x axis.
      x_ticks: (place, text) of each tick.
      y_ticks: the same for the y axis.
      lines: lines in the plane.
      marks: points in the plane.
    """

    title: str
    x_title: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclasses.dataclass(frozen=True)
class Axis:
    """A linear axis.

    Attributes:
      low: value at `start`.
      high: value at `start + length`.
      length: length in units of the image; negative if the axis points up or left.
      start: place of `low`.
      ticks: (place, text) of each tick.
    """

    low: float
    high: float
    length: float
    start: float
    ticks: tuple[tuple[float, str], ...] = ()

    def place(self, value: float) -> float:
        """Returns the place of a value."""
        distance = self.length * (float(value) - self.low) / (self.high - self.low)
        return round(self.start + distance, 1)


def validation_curves(
    *names: str, every_epochs: float = 1.0
) -> Callable[[Sequence[ModelSummary]], str | None]:
    """Returns a function that draws each metric of VALIDATION against the epoch. (ALBAR Fig. 6)

    The bold line is the mean over seeds. The image is None if no model has such a history.

    Args:
      *names: names of the models.
      every_epochs: number of epochs between two validations.
    """

    def draw(summaries: Sequence[ModelSummary]) -> str | None:
        # The order of the names determines the colors.
        shown = [summary for name in names for summary in summaries if summary.name == name]
        charts = []
        for metric in VALIDATION:
            chart = _validation_chart(metric, shown, every_epochs)
            if chart is not None:
                charts.append(chart)
        if not charts:
            return None
        return svg(charts, [summary.name for summary in shown])

    return draw


def _validation_chart(
    metric: str, summaries: Sequence[ModelSummary], every_epochs: float
) -> Chart | None:
    faint, bold = [], []
    for index, summary in enumerate(summaries):
        series_of_seeds = []
        for run in summary.runs:
            series = _series(metric, run.history, every_epochs)
            if len(series):
                series_of_seeds.append(series)
                faint.append((index, True, series))
        if series_of_seeds:
            # A seed that is still in training has fewer points.
            shortest = min(map(len, series_of_seeds))
            mean = np.mean([series[:shortest] for series in series_of_seeds], axis=0)
            bold.append((index, False, mean))

    if not faint:
        return None
    # The means are drawn last, above the faint lines.
    return curves(f"{VALIDATION[metric]} (%)", "epoch", faint + bold)


def curves(title: str, x_title: str, lines: Sequence[tuple[int, bool, np.ndarray]]) -> Chart:
    """Returns a chart of lines whose axes begin at 0.

    Args:
      title: heading.
      x_title: name of the x axis.
      lines: (index of the color, whether the line is faint, points (N, 2)).
    """
    largest_x, largest_y = np.max([series.max(axis=0) for _, _, series in lines], axis=0)
    x_axis = _x_axis(largest_x)
    y_axis = _y_axis(largest_y)

    drawn = []
    for color, faint, series in lines:
        points = " ".join(f"{x_axis.place(x)},{y_axis.place(y)}" for x, y in series)
        drawn.append(Line(color, points, faint))

    return Chart(title, x_title, x_axis.ticks, y_axis.ticks, lines=tuple(drawn))


def _series(metric: str, history: Sequence[Mapping[str, float]], every_epochs: float) -> np.ndarray:
    """Returns epochs and percent of a metric, float64 (N, 2)."""
    rows = [(record["step"], 100 * record[metric]) for record in history if metric in record]
    series = np.array(rows, float).reshape(-1, 2)
    # Steps become epochs; the first validation is after `every_epochs`.
    if len(series):
        series[:, 0] *= every_epochs / series[0, 0]
    return series


class _Point(NamedTuple):
    """A model with its cost in steps of plain training, and mean and sd in percent."""

    name: str
    cost: float
    mean: float
    sd: float


def cost_scatter(summaries: Sequence[ModelSummary]) -> str | None:
    """Draws contrasted accuracy against the cost of the training; None if no model has both."""
    points = []
    for summary in summaries:
        mean = summary.mean["contrasted"]
        if summary.cost_plain_steps is not None and mean is not None:
            sd = summary.sd["contrasted"] or 0.0
            points.append(_Point(summary.name, summary.cost_plain_steps, mean, sd))
    if not points:
        return None

    x_axis = _x_axis(max(point.cost for point in points), scale=2)
    # The axis includes the standard deviations, up to 100 %.
    top = max(point.mean + point.sd for point in points)
    y_axis = _y_axis(min(100, top), scale=2)
    chart = Chart(
        "Predictions that need the motion: contrasted accuracy (%), mean ± sd over seeds",
        "cost, in steps of plain training",
        x_axis.ticks,
        y_axis.ticks,
        marks=tuple(_marks(points, x_axis, y_axis)),
    )
    return svg([chart], [], scale=2)


def _marks(points: Sequence[_Point], x_axis: Axis, y_axis: Axis) -> list[Mark]:
    # The labels have the order of the points from top to bottom, so that few leaders cross.
    ranked = sorted(enumerate(points), key=lambda item: -item[1].mean)
    places = [y_axis.place(point.mean) for _, point in ranked]

    marks = []
    for (index, point), label_y in zip(ranked, _spread(places, y_axis.start), strict=True):
        marks.append(
            Mark(
                index,
                x=x_axis.place(point.cost),
                y=y_axis.place(point.mean),
                low=y_axis.place(point.mean - point.sd),
                high=y_axis.place(point.mean + point.sd),
                label=point.name,
                label_y=label_y,
            )
        )

    return marks


def _spread(places: Sequence[float], bottom: float) -> list[float]:
    """Moves ascending places of labels so that no label covers another.

    Labels move down. If they reach the bottom, they move up from there.
    """
    spread = list(places)
    for i in range(1, len(spread)):
        spread[i] = max(spread[i], spread[i - 1] + _LABEL_HEIGHT)

    limit = bottom
    for i in reversed(range(len(spread))):
        spread[i] = min(spread[i], limit)
        limit = spread[i] - _LABEL_HEIGHT

    return spread


def _x_axis(largest: float, scale: int = 1) -> Axis:
    return _axis(largest, _WIDTH * scale, _LEFT)


def _y_axis(largest: float, scale: int = 1) -> Axis:
    return _axis(largest, -_HEIGHT * scale, _TOP + _HEIGHT * scale)


def _axis(largest: float, length: float, start: float) -> Axis:
    """Returns an axis with ticks that span 0..largest."""
    values = ticks(0, largest)
    # The ticks may extend beyond the largest value.
    axis = Axis(min(0, values[0]), max(largest, values[-1]), length, start)
    placed = tuple((axis.place(value), f"{value:g}") for value in values)
    return dataclasses.replace(axis, ticks=placed)


def svg(charts: Sequence[Chart], legend: Sequence[str], scale: int = 1) -> str:
    """Draws charts next to each other.

    Args:
      charts: the charts.
      legend: names of the colors.
      scale: factor of the size of the planes.
    """
    template = environment().get_template("charts.svg.jinja")
    return template.render(
        charts=charts,
        legend=legend,
        left=_LEFT,
        top=_TOP,
        width=_WIDTH * scale,
        height=_HEIGHT * scale,
    )
