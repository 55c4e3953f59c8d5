"""Draws the pairs of clips that a report shows."""

import dataclasses

import numpy as np

from albar_jax.evaluation.results import Results
from albar_jax.report import attribution_pictures, gallery, plots
from albar_jax.report.attribution_pictures import Explained, ExplainedClip, Style
from albar_jax.report.clip_pairs import ClipPair
from albar_jax.report.report_data import ReadClip, ReportData


@dataclasses.dataclass(frozen=True)
class Strip:
    """A chosen pair with its images as data URLs; without videos there are none.

    Attributes:
      pair: the pair, with the predictions of each model.
      frames: frames of the moving clip.
      motionless: image of what does not move in it.
      still: its still.
      explained: caption and frames of each attribution of the moving clip.
    """

    pair: ClipPair
    frames: tuple[str, ...] = ()
    motionless: str | None = None
    still: str | None = None
    explained: tuple[tuple[str, tuple[str, ...]], ...] = ()


def draw_strips(data: ReportData) -> list[Strip]:
    """Draws the chosen pairs, with the predictions of the first seed of each model."""
    strips = []
    for pair in chosen_pairs(data.results):
        strips.append(_draw(pair, data.read_clip, data.explained.get((pair.scuba, pair.id), ())))
    return strips


def chosen_pairs(results: Results) -> tuple[ClipPair, ...]:
    """Chooses the pairs to show, with the predictions of the first seed of each model."""
    runs = [summary.runs[0] for summary in results.summaries]
    return gallery.choose_pairs(results.suite, runs, best=_best(results))


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


def _draw(pair: ClipPair, read_clip: ReadClip | None, explained: tuple[Explained, ...]) -> Strip:
    if read_clip is None:
        return Strip(pair)

    moving = read_clip(pair.scuba, pair.id)
    if moving is None:
        return Strip(pair)
    still = _still(pair, moving, read_clip)
    if still is None:
        return Strip(pair)
    return Strip(
        pair,
        frames=plots.strip(moving),
        motionless=plots.frame_picture(plots.motionless(moving)),
        still=plots.frame_picture(still),
        explained=_draw_explained(ExplainedClip(pair.id, "", moving, explained)),
    )


def _still(pair: ClipPair, moving: np.ndarray, read_clip: ReadClip) -> np.ndarray | None:
    """Returns the frame of the still, (H, W, 3); None if it cannot be read."""
    if pair.is_plain:
        return moving[len(moving) // 2]
    static = read_clip(pair.scufo, pair.id)
    if static is None:
        return None
    return static[0]


def _draw_explained(clip: ExplainedClip) -> tuple[tuple[str, tuple[str, ...]], ...]:
    strips = attribution_pictures.draw_strips(clip, Style())
    # The first strip is the clip itself, which is drawn anyway.
    drawn = [(strip.caption, tuple(map(plots.frame_picture, strip.frames))) for strip in strips[1:]]
    return tuple(drawn)
