"""Computes the reliability diagrams of a report; the templates draw them."""

import dataclasses
from collections.abc import Sequence

from albar_jax.evaluation.calibration import NUM_BINS
from albar_jax.evaluation.standard import StandardLine

# Side of the drawing, in units of the SVG.
SIDE = 200


@dataclasses.dataclass(frozen=True)
class Bar:
    """A bin with at least one clip, in units of the SVG, y pointing down.

    Attributes:
      x: left end.
      width: width.
      y: top of the bar of the accuracy.
      height: its height.
      confidence_x: place of the mean confidence, at the height of the accuracy.
      text: the bin in words.
    """

    x: float
    width: float
    y: float
    height: float
    confidence_x: float
    text: str


@dataclasses.dataclass(frozen=True)
class Diagram:
    """The reliability diagram of one model on one test set, all seeds together.

    Attributes:
      task: the test set.
      model: name of the model.
      error: expected calibration error in percent, as text.
      clips: number of clips, as text.
      bars: bins from left to right.
    """

    task: str
    model: str
    error: str
    clips: str
    bars: tuple[Bar, ...]


def diagrams(lines: Sequence[StandardLine]) -> tuple[Diagram, ...]:
    """Returns a diagram for each test set and model with probabilities."""
    drawn = []
    for line in lines:
        bins = line.reliability
        if bins is None:
            continue
        error = f"{100 * bins.error:.1f}"
        drawn.append(Diagram(line.task, line.model, error, f"{bins.clips.sum():,}", _bars(line)))
    return tuple(drawn)


def _bars(line: StandardLine) -> tuple[Bar, ...]:
    bins = line.reliability
    bars = []
    if bins is None:
        return ()
    for number in bins.clips.nonzero()[0].tolist():
        accuracy = float(bins.accuracy[number])
        confidence = float(bins.confidence[number])
        low, high = 100 * number / NUM_BINS, 100 * (number + 1) / NUM_BINS
        bars.append(
            Bar(
                x=round(SIDE * number / NUM_BINS, 2),
                width=round(SIDE / NUM_BINS, 2),
                y=round(SIDE * (1 - accuracy), 2),
                height=round(SIDE * accuracy, 2),
                confidence_x=round(SIDE * min(confidence, 1), 2),
                text=f"confidence {low:.0f} to {high:.0f} %: {100 * accuracy:.0f} % right, "
                f"{bins.clips[number]:,} clips",
            )
        )
    return tuple(bars)
