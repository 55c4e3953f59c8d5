"""Draws the pairs of clips that a report shows."""

import dataclasses

from albar_jax.evaluation.results import Results
from albar_jax.report import gallery, plots
from albar_jax.report.gallery import ClipPair
from albar_jax.report.report_data import ReadClip, ReportData


@dataclasses.dataclass(frozen=True)
class Strip:
    """A chosen pair with its images as data URLs; without videos there are none.

    Attributes:
      pair: the pair, with the predictions of each model.
      frames: frames of the moving clip.
      motionless: image of what does not move in it.
      still: its still.
    """

    pair: ClipPair
    frames: tuple[str, ...] = ()
    motionless: str | None = None
    still: str | None = None


def draw_strips(data: ReportData) -> list[Strip]:
    """Draws the chosen pairs, with the predictions of the first seed of each model."""
    runs = [summary.runs[0] for summary in data.summaries]
    strips = []
    for pair in gallery.choose_pairs(data.suite, runs, best=_best(data.results)):
        strips.append(_draw(pair, data.read_clip))
    return strips


def _best(results: Results) -> str | None:
    """Returns the model with the highest contrasted accuracy in the table.

    None for a single model, or if two models are equal.
    """
    ranked = []
    for summary in results.summaries:
        figure = summary.mean.get("contrasted")
        if figure is not None:
            ranked.append((figure, summary.name))
    ranked.sort(reverse=True)
    # Of two equal models, neither is the best.
    if len(ranked) < 2 or ranked[0][0] == ranked[1][0]:
        return None
    return ranked[0][1]


def _draw(pair: ClipPair, read_clip: ReadClip | None) -> Strip:
    if read_clip is None:
        return Strip(pair)

    moving = read_clip(pair.scuba, pair.id)
    static = read_clip(pair.scufo, pair.id)
    if moving is None or static is None:
        return Strip(pair)
    return Strip(
        pair,
        frames=plots.strip(moving),
        motionless=plots.frame_png(plots.motionless(moving)),
        still=plots.frame_png(static[0]),
    )
