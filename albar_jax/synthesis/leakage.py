"""Measures how much of the true background survives in SCUBA clips.

Masks that are too wide keep some of the background that SCUBA should replace. A model may then
still recognize the action by its scene. Boxes are always too wide: ALBAR found this in the UCF101
set and made better masks (ALBAR Sec. 4).

With more accurate pixel masks the surviving background is measured. Without them it is unknown. Two
figures then describe the masks: the background that would survive if they were slightly too wide
everywhere, and their similarity to boxes.

HAT's background-only clips have the opposite fault: masks that are too narrow leave a part of the
person. With more accurate masks this part is measured. Without them, it is the part that would be
left if the masks were slightly too narrow everywhere.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float

from albar_jax.data.decode import DecodeError, open_video
from albar_jax.data.reading import size_of
from albar_jax.errors import UserError
from albar_jax.masks import pixels
from albar_jax.masks.base import NoMask
from albar_jax.storage.journal import Row
from albar_jax.synthesis import workers
from albar_jax.synthesis.clip_list import SourceVideo
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.runner import write_table

# Pixels by which `estimate` assumes masks to be too wide.
MARGIN = 2


@dataclasses.dataclass(frozen=True)
class Leakage:
    """A function that measures the masks of a video.

    Attributes:
      foregrounds: the masks in use.
      true: more accurate masks to compare with; None only estimates.
      widen: pixels by which persons are widened before they are removed from their scenes; None
        if none is removed.
    """

    foregrounds: Foregrounds
    true: Foregrounds | None = None
    widen: int | None = None

    def __call__(self, video: SourceVideo) -> Row | str:
        """Returns the figures of a video, or the reason why there are none."""
        try:
            with open_video(video.path) as frames:
                size = size_of(frames)
            masks, frame_ids = self.foregrounds.masks_of(video.id, video.path, size)

            if self.true is None:
                return {"id": video.id, "frames": len(frame_ids), **self._estimate(masks)}

            true, true_ids = self.true.masks_of(video.id, video.path, size)
            # Only frames that have both masks can be compared.
            _, ours, theirs = np.intersect1d(frame_ids, true_ids, return_indices=True)
            if not len(ours):
                return "no frame has both masks"
            figures = self._measure(masks[ours], true[theirs])
            return {"id": video.id, "frames": len(ours), **figures}
        except (DecodeError, NoMask) as error:
            return str(error)

    def _estimate(self, masks: Bool[np.ndarray, "t h w"]) -> dict[str, float]:
        figures = estimate(masks)
        if self.widen is not None:
            # The person would reach MARGIN pixels beyond its mask.
            wide = pixels.grow(masks, MARGIN)
            left = (wide & ~pixels.grow(masks, self.widen)).sum()
            figures["left_if_narrow"] = _share(left, wide.sum())
        return figures

    def _measure(
        self, masks: Bool[np.ndarray, "t h w"], true: Bool[np.ndarray, "t h w"]
    ) -> dict[str, float]:
        figures = measure(masks, true)
        if self.widen is not None:
            removed = pixels.grow(masks, self.widen)
            figures["person_left"] = _share((true & ~removed).sum(), true.sum())
            figures["scene_removed"] = _share((removed & ~true).sum(), (~true).sum())
        return figures


def measure(masks: Bool[np.ndarray, "t h w"], true: Bool[np.ndarray, "t h w"]) -> dict[str, float]:
    """Compares masks in use with true masks pixel by pixel.

    Args:
      masks: masks in use, bool (T, H, W).
      true: true masks of the same frames, bool (T, H, W).

    Returns:
      Shares from 0 to 1, NaN where the denominator is 0.
      background_kept: share of the true background that is kept.
      background_in_mask: share of the kept pixels that are background.
      actor_lost: share of the true foreground that is not kept.
    """
    leaked = (masks & ~true).sum()
    return {
        "background_kept": _share(leaked, (~true).sum()),
        "background_in_mask": _share(leaked, masks.sum()),
        "actor_lost": _share((true & ~masks).sum(), true.sum()),
    }


def estimate(masks: Bool[np.ndarray, "t h w"]) -> dict[str, float]:
    """Estimates leakage of masks without true masks.

    Args:
      masks: masks in use, bool (T, H, W).

    Returns:
      Shares from 0 to 1, NaN where the denominator is 0.
      kept_if_wide: share of the background that would be kept if the masks were MARGIN pixels too
        wide.
      box_fill: share of its bounding box that each mask fills; 1 for a box.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    eroded = []
    for mask in masks:
        # The image's border is not an edge of a mask: no background outside of it could survive.
        eroded.append(cv2.erode(mask.astype(np.uint8), kernel, borderValue=1))
    narrow = np.stack(eroded) > 0

    boxes = sum(mask[pixels.bounding_box(mask)].size for mask in masks)
    return {
        "kept_if_wide": _share((masks & ~narrow).sum(), (~narrow).sum()),
        "box_fill": _share(masks.sum(), boxes),
    }


def report(
    measurer: Leakage, videos: Sequence[SourceVideo], table: Path, *, jobs: int = 1
) -> list[str]:
    """Measures each video and writes a table.

    Args:
      measurer: measures a video.
      videos: the videos.
      table: path of the table.
      jobs: number of processes.

    Returns:
      Lines that summarize the figures for the user.

    Raises:
      UserError: no video could be measured.
    """
    results: dict[str, Row | str] = {}
    for video, result in workers.run(measurer, videos, jobs):
        results[video.id] = result

    # The table has the order of the manifest, not the order in which videos were done.
    rows: list[Row] = []
    for video in videos:
        result = results[video.id]
        if isinstance(result, dict):
            rows.append(result)
    if not rows:
        first = videos[0].id
        raise UserError(f"no video could be measured, {first!r} first: {results[first]}")

    write_table(table, [_formatted(row) for row in rows])

    shares = {}
    for name in rows[0]:
        if name not in ("id", "frames"):
            shares[name] = np.array([row[name] for row in rows])
    lines = _sentences({name: _mean(share) for name, share in shares.items()}, measurer)

    # The first figure is a share of background.
    without_background = int(np.isnan(next(iter(shares.values()))).sum())
    if without_background:
        lines.append(
            f"note: {without_background} of the videos have no background by these masks, and are "
            "not in the first figure"
        )

    left_out = len(videos) - len(rows)
    failures = f", {left_out} could not be" if left_out else ""
    return [*lines, f"{table}: {len(rows)} videos measured{failures}"]


def _sentences(percent: Mapping[str, str], measurer: Leakage) -> list[str]:
    """Describes the mean figures, given as formatted percentages."""
    masks = measurer.foregrounds.spec
    if measurer.true is not None:
        lines = [
            f"{masks} against {measurer.true.spec}: {percent['background_kept']} of the true "
            f"background survives; {percent['background_in_mask']} of the masks is background; "
            f"{percent['actor_lost']} of the actor is lost"
        ]
        if measurer.widen is not None:
            lines.append(
                f"background-only clips keep {percent['person_left']} of the person; "
                f"{percent['scene_removed']} of the true background is replaced, too"
            )
        return lines

    lines = [
        f"{masks}: {percent['kept_if_wide']} of the background would survive if the masks were "
        f"{MARGIN} pixels too wide; they fill {percent['box_fill']} of the boxes around them",
        "note: the surviving share can be measured only against better masks; give them with "
        "--true-masks",
    ]
    if measurer.widen is not None:
        lines.append(
            f"background-only clips would keep {percent['left_if_narrow']} of the person if the "
            f"masks were {MARGIN} pixels too narrow"
        )
    return lines


def _share(part: int, whole: int) -> float:
    if not whole:
        return math.nan
    return float(part / whole)


def _mean(shares: Float[np.ndarray, " n"]) -> str:
    """Formats the mean of the shares in percent, without NaN."""
    defined = shares[~np.isnan(shares)]
    if not len(defined):
        return "an unknown share"
    return f"{100 * defined.mean():.1f} %"


def _formatted(row: Row) -> Row:
    """Formats the figures of a row with four decimals, NaN as empty text."""
    formatted = {}
    for name, value in row.items():
        if isinstance(value, float):
            value = "" if math.isnan(value) else f"{value:.4f}"
        formatted[name] = value
    return formatted
