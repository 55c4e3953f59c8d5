"""How much of the true background survives in SCUBA clips.

Masks that are too wide keep some of the very background that SCUBA is to replace, and a model may still read the
action from it. Boxes do so by nature: ALBAR found it in the UCF101 set and made better masks (ALBAR Sec. 4).

Against pixel masks that are better than those in use, it is measured. Without these it cannot be: what can be said is
how much would survive if the masks were a little too wide everywhere, and how near they are to boxes.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from albar_jax.data.decode import DecodeError, open_video
from albar_jax.errors import UserError
from albar_jax.masks.base import NoMask
from albar_jax.synthesis import workers
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.journal import Row
from albar_jax.synthesis.plan import Unit
from albar_jax.synthesis.reading import size_of
from albar_jax.synthesis.runner import write_table

MARGIN = 2  # pixels by which masks are supposed to be too wide


@dataclasses.dataclass(frozen=True)
class Leakage:
    """Measures the masks of a video, against the true ones if there are any."""

    foregrounds: Foregrounds
    true: Foregrounds | None = None

    def __call__(self, unit: Unit) -> Row | str:
        """Returns the figures of a video, or why there are none."""
        try:
            with open_video(unit.video) as video:
                size = size_of(video)
            masks, kept = self.foregrounds.of(unit.id, unit.video, size)
            if self.true is None:
                return {"id": unit.id, "frames": len(kept), **estimate(masks)}
            true, measured = self.true.of(unit.id, unit.video, size)
            _, ours, theirs = np.intersect1d(kept, measured, return_indices=True)
            if not len(ours):
                return "no frame has both masks"
            return {"id": unit.id, "frames": len(ours), **measure(masks[ours], true[theirs])}
        except (DecodeError, NoMask) as error:
            return str(error)


def measure(masks: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Compares masks in use with true masks, both bool (T, H, W), pixel by pixel.

    A share is NaN if its denominator is 0.

    Returns:
      background_kept: share of the true background that is kept.
      background_in_mask: share of what is kept that is background.
      actor_lost: share of the true foreground that is not kept.
    """
    leaked = (masks & ~true).sum()
    return {
        "background_kept": _share(leaked, (~true).sum()),
        "background_in_mask": _share(leaked, masks.sum()),
        "actor_lost": _share((true & ~masks).sum(), true.sum()),
    }


def estimate(masks: np.ndarray) -> dict[str, float]:
    """Estimates leakage of masks, bool (T, H, W), without true masks.

    A share is NaN if its denominator is 0.

    Returns:
      kept_if_wide: share of the background that would be kept if the masks were MARGIN pixels too
        wide.
      box_fill: share of its bounding box that each mask fills; 1 for a box.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    # Outside of the picture there is nothing that could survive: its border is no edge of a mask.
    narrow = (
        np.stack([cv2.erode(mask.astype(np.uint8), kernel, borderValue=1) for mask in masks]) > 0
    )
    boxes = sum(_box_area(mask) for mask in masks)
    return {
        "kept_if_wide": _share((masks & ~narrow).sum(), (~narrow).sum()),
        "box_fill": _share(masks.sum(), boxes),
    }


def report(measurer: Leakage, units: Sequence[Unit], table: Path, *, jobs: int = 1) -> list[str]:
    """Measures each video, writes the table, and returns lines that sum it up.

    Raises:
        UserError: no video could be measured.
    """
    found: Mapping[str, Row | str] = {
        unit.id: row for unit, row in workers.run(measurer, units, jobs)
    }
    rows = [found[unit.id] for unit in units if isinstance(found[unit.id], dict)]
    if not rows:
        raise UserError(f"no video could be measured, {units[0].id!r} first: {found[units[0].id]}")
    names = [name for name in rows[0] if name not in ("id", "frames")]
    shares = {name: np.array([row[name] for row in rows]) for name in names}
    write_table(table, [{name: _short(value) for name, value in row.items()} for row in rows])
    lines = _sentences({name: _mean(share) for name, share in shares.items()}, measurer)
    unshared = int(np.isnan(next(iter(shares.values()))).sum())
    if unshared:
        lines.append(
            f"note: {unshared} of the videos have no background by these masks, and are not in the first figure"
        )
    left_out = len(units) - len(rows)
    return [
        *lines,
        f"{table}: {len(rows)} videos measured"
        + (f", {left_out} could not be" if left_out else ""),
    ]


def _sentences(percent: Mapping[str, str], measurer: Leakage) -> list[str]:
    masks = measurer.foregrounds.spec
    if measurer.true is not None:
        return [
            f"{masks} against {measurer.true.spec}: {percent['background_kept']} of the true background survives; "
            f"{percent['background_in_mask']} of what is kept is background; {percent['actor_lost']} of the actor is "
            "lost"
        ]
    return [
        f"{masks}: {percent['kept_if_wide']} of the background would survive if the masks were {MARGIN} pixels too "
        f"wide; they fill {percent['box_fill']} of the boxes around them",
        "note: how much does survive is known only against better masks; give them with --true-masks",
    ]


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else math.nan


def _mean(shares: np.ndarray) -> str:
    """Formats the mean over videos, without NaN, in percent."""
    known = shares[~np.isnan(shares)]
    return f"{100 * known.mean():.1f} %" if len(known) else "an unknown share"


def _short(value: float | int | str) -> float | int | str:
    """Formats a figure with four digits, NaN as nothing."""
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.4f}"


def _box_area(mask: np.ndarray) -> int:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return int((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)) if len(rows) else 0
