"""The pictures of a study as SVG: how validation goes while training, and what a debiased answer costs."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from albar_jax.evaluation.results import ModelSummary
from albar_jax.report.html_page import templates
from albar_jax.report.plots import ticks

VALIDATION = {
    "validation/top1": "Moving clips named right",
    "validation/static_top1": "Their stills named right",
    "validation/contrasted": "Right while moving, wrong as a still",
}
_PANEL = (330, 220)  # of the plane of a chart, in the units of the picture
_MARGIN = (56, 40)  # left of it, above it
_LINE = 16  # between two labels


@dataclasses.dataclass(frozen=True)
class Line:
    """Points, (x, y) of the picture, joined; `color` is a number, a faint one is in the background."""

    color: int
    points: str
    faint: bool = False


@dataclasses.dataclass(frozen=True)
class Mark:
    """A point, from `low` to `high` one standard deviation to both sides, and its label beside the plane."""

    color: int
    x: float
    y: float
    low: float
    high: float
    label: str
    label_y: float


@dataclasses.dataclass(frozen=True)
class Chart:
    """One plane with its axes; ticks are (place, text)."""

    title: str
    x_title: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()


def validation_curves(
    *names: str, every_epochs: float = 1.0
) -> Callable[[Sequence[ModelSummary]], str | None]:
    """The picture of ALBAR's Fig. 6 for the models of these names: each metric of VALIDATION against the epoch.

    The bold line is the mean over seeds. `every_epochs` is how often was validated. It draws nothing while none of the
    models has such a history.
    """

    def draw(summaries: Sequence[ModelSummary]) -> str | None:
        shown = [summary for name in names for summary in summaries if summary.name == name]
        charts = [_curves(metric, shown, every_epochs) for metric in VALIDATION]
        charts = [chart for chart in charts if chart is not None]
        return svg(charts, [summary.name for summary in shown]) if charts else None

    return draw


def _curves(metric: str, summaries: Sequence[ModelSummary], every_epochs: float) -> Chart | None:
    found = {
        (index, run.seed): _series(metric, run.history, every_epochs)
        for index, summary in enumerate(summaries)
        for run in summary.runs
    }
    found = {key: series for key, series in found.items() if len(series)}
    if not found:
        return None
    lines = [(index, True, series) for (index, _), series in found.items()]
    for index in range(len(summaries)):
        seeds = [series for (model, _), series in found.items() if model == index]
        # Seeds of which one is not trained to its end share only so many points.
        shared = min(map(len, seeds), default=0)
        if shared:
            mean = np.mean([series[:shared] for series in seeds], axis=0)
            lines.append((index, False, mean))
    return curves(f"{VALIDATION[metric]} (%)", "epoch", lines)


def curves(title: str, x_title: str, lines: Sequence[tuple[int, bool, np.ndarray]]) -> Chart:
    """A chart of lines, each (colour, whether it is faint, points (N, 2)), whose axes begin at 0."""
    x_place, x_ticks = _axis(
        0, max(series[:, 0].max() for _, _, series in lines), _PANEL[0], _MARGIN[0]
    )
    y_place, y_ticks = _axis(
        0, max(series[:, 1].max() for _, _, series in lines), -_PANEL[1], _bottom()
    )
    drawn = tuple(
        Line(color, _polyline(series, x_place, y_place), faint) for color, faint, series in lines
    )
    return Chart(title, x_title, x_ticks, y_ticks, lines=drawn)


def _series(metric: str, history: Sequence, every_epochs: float) -> np.ndarray:
    """Epochs and percent (N, 2)."""
    rows = [(record["step"], 100 * record[metric]) for record in history if metric in record]
    series = np.array(rows, float).reshape(-1, 2)
    if len(series):
        series[:, 0] *= every_epochs / series[0, 0]
    return series


def cost_scatter(summaries: Sequence[ModelSummary]) -> str | None:
    """Contrasted accuracy against what the training cost; None while no model has both."""
    shown = [
        s for s in summaries if s.cost_plain_steps is not None and s.rows["contrasted"] is not None
    ]
    if not shown:
        return None
    x_place, x_ticks = _axis(0, max(s.cost_plain_steps for s in shown), _PANEL[0] * 2, _MARGIN[0])
    tops = [s.rows["contrasted"] + (s.sd["contrasted"] or 0) for s in shown]
    y_place, y_ticks = _axis(0, min(100, max(tops)), -_PANEL[1] * 2, _bottom(2))
    marks = []
    # From top to bottom, for as few crossings as there can be.
    ranked = sorted(enumerate(shown), key=lambda item: -item[1].rows["contrasted"])
    places = _spread([y_place(summary.rows["contrasted"]) for _, summary in ranked], _bottom(2))
    for (index, summary), label_y in zip(ranked, places, strict=True):
        mean, sd = summary.rows["contrasted"], summary.sd["contrasted"] or 0.0
        x, y = x_place(summary.cost_plain_steps), y_place(mean)
        marks.append(
            Mark(index, x, y, y_place(mean - sd), y_place(mean + sd), summary.name, label_y)
        )
    title = "Answers that need the motion: contrasted accuracy (%), mean ± sd over seeds"
    return svg(
        [Chart(title, "cost, in steps of plain training", x_ticks, y_ticks, marks=tuple(marks))],
        [],
        scale=2,
    )


def _spread(places: Sequence[float], bottom: float) -> list[float]:
    """Places of labels, ascending, moved down, or up from the bottom, until none covers another."""
    spread = list(places)
    for i in range(1, len(spread)):
        spread[i] = max(spread[i], spread[i - 1] + _LINE)
    limit = bottom
    for i in reversed(range(len(spread))):
        spread[i] = min(spread[i], limit)
        limit = spread[i] - _LINE
    return spread


def _bottom(scale: int = 1) -> float:
    """Where the lower edge of a plane is."""
    return _MARGIN[1] + scale * _PANEL[1]


def _axis(low: float, high: float, length: float, start: float):
    """A function from values to places along an axis, and its ticks."""
    values = ticks(low, high)
    low, high = min(low, values[0]), max(high, values[-1])

    def place(value: float) -> float:
        return round(start + length * (float(value) - low) / (high - low), 1)

    return place, tuple((place(value), f"{value:g}") for value in values)


def _polyline(
    series: np.ndarray, x_place: Callable[[float], float], y_place: Callable[[float], float]
) -> str:
    return " ".join(f"{x_place(x)},{y_place(y)}" for x, y in series)


def svg(charts: Sequence[Chart], legend: Sequence[str], scale: int = 1) -> str:
    """Draws charts beside each other; `legend` names the colours, `scale` enlarges the planes."""
    return (
        templates()
        .get_template("charts.svg.jinja")
        .render(
            charts=charts,
            legend=legend,
            left=_MARGIN[0],
            top=_MARGIN[1],
            width=_PANEL[0] * scale,
            height=_PANEL[1] * scale,
        )
    )
