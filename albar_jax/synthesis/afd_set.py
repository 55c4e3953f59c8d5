"""Makes sets of appearance-free clips, and checks that their single frames show nothing."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from albar_jax.data.decode import DecodeError, open_video
from albar_jax.data.manifest import Manifest
from albar_jax.data.reading import size_of
from albar_jax.errors import UserError
from albar_jax.storage.journal import Row
from albar_jax.synthesis import flow, noise_check, sets, workers
from albar_jax.synthesis.afd import AppearanceFree, enlarge
from albar_jax.synthesis.carried_noise import CHANNELS, move
from albar_jax.synthesis.clip_list import list_videos
from albar_jax.synthesis.draws import generator
from albar_jax.synthesis.noise_check import Finding, Tally
from albar_jax.synthesis.runner import ClipSet, write_table

# Largest number of clips that the check reads.
_MAX_CHECKED = 1000


def make(manifest: Manifest, maker: AppearanceFree, target: sets.Target) -> ClipSet:
    """Makes an appearance-free clip of each video of a manifest, with the id of the video.

    Args:
      manifest: the videos.
      maker: makes the clip of a video.
      target: destination of the set. The figures of the check are written to <name>.noise.csv.

    Raises:
      UserError: the folder holds other files, no video can be used, or a clip is damaged.
    """
    videos = list_videos(manifest, ".zip")
    clip_set = sets.make_clips(maker, videos, manifest.classes, target)
    if clip_set.unmade:
        return clip_set

    lines = check(clip_set.rows, target.manifest, target.jobs)
    return dataclasses.replace(clip_set, notes=(*clip_set.notes, *lines))


def check(rows: Sequence[Row], manifest: Path, jobs: int = 1) -> list[str]:
    """Tests whether single frames of clips differ from true noise; see `noise_check`.

    Args:
      rows: rows of the manifest.
      manifest: path of the manifest; <name>.noise.csv is written beside it.
      jobs: number of processes.

    Returns:
      Lines for the user.

    Raises:
      UserError: a clip or its video cannot be read.
    """
    step = max(1, -(-len(rows) // _MAX_CHECKED))
    numbers = range(0, len(rows), step)
    work = functools.partial(_tally_row, rows, manifest.parent)
    results = dict(workers.run(work, numbers, jobs))

    # In the order of the manifest, because sums of floats depend on their order.
    total = noise_check.add(results[number] for number in numbers)
    results_of_set = noise_check.findings(total)
    table = manifest.with_suffix(".noise.csv")
    write_table(table, [_row_of(finding) for finding in results_of_set])
    return _sentences(results_of_set, total, len(numbers), table)


def _tally_row(rows: Sequence[Row], folder: Path, number: int) -> Tally:
    """Sums up one random frame of the clip of a row, except the first frame."""
    row = rows[number]
    clip = folder / row["path"]
    frame = int(generator(int(row["seed"]), "check", row["id"]).integers(1, int(row["frames"])))
    try:
        with open_video(clip) as video:
            shown = video.read([frame])[0]
        with open_video(folder / row["source"]) as video:
            _, height, width = size_of(video)
            earlier, later = video.read([frame - 1, frame])
    except (DecodeError, IndexError) as error:
        raise UserError(
            f"{error}; delete {clip} and repeat the command to make it again"
        ) from error

    grain = int(row["grain"])
    colors = colors_of(shown, grain, CHANNELS[row["noise"]])
    if shown.shape != (height, width, 3) or (enlarge(colors, grain, height, width) != shown).any():
        raise UserError(
            f"frame {frame} of {clip} is not noise of {grain} x {grain} pixels; delete the file "
            "and repeat the command to make it again"
        )
    return noise_check.tally(colors, moving_region(earlier, later, colors.shape[:2]))


def colors_of(
    frame: UInt8[np.ndarray, "height width 3"], grain: int, channels: int
) -> UInt8[np.ndarray, "rows columns channels"]:
    """Returns the color of each cell of a frame.

    Args:
      frame: a frame as it is read, uint8 RGB (height, width, 3).
      grain: height and width of a cell in pixels.
      channels: number of color channels; all three of a gray frame are the same.
    """
    return frame[::grain, ::grain, :channels]


def moving_region(
    earlier: UInt8[np.ndarray, "height width 3"],
    later: UInt8[np.ndarray, "height width 3"],
    shape: tuple[int, int],
) -> Bool[np.ndarray, "rows columns"]:
    """Returns the cells of a frame whose noise comes from other cells or is new.

    Args:
      earlier: the frame of the video before it.
      later: its frame of the video.
      shape: (rows, columns) of the grid.
    """
    displacement = flow.measure(earlier, later, shape)
    # As if all grains were new in the frame before.
    return move(np.zeros_like(displacement), np.zeros(shape, np.int64), displacement).is_moving


def _row_of(finding: Finding) -> Row:
    return {
        "statistic": finding.statistic,
        "region": finding.region,
        "terms": finding.terms,
        "value": f"{finding.value:.6f}",
        "noise": f"{finding.expected:.6f}",
        "error": f"{finding.error:.6f}",
        "z": f"{finding.z:.2f}",
    }


def _sentences(findings: Sequence[Finding], total: Tally, num_clips: int, table: Path) -> list[str]:
    """Describes the result of the check for the user."""
    tested = [finding for finding in findings if finding.terms]
    if not tested:
        return [
            f"note: {num_clips:,} clips are too few to test whether single frames are noise, "
            f"see {table}"
        ]

    probability = noise_check.p_value(findings)
    worst = max(tested, key=lambda finding: abs(finding.z))
    if probability < noise_check.FALSE_ALARM:
        return [
            f"warning: single frames are not noise: {worst.statistic} ({worst.region}) is "
            f"{worst.value:.4g} instead of {worst.expected:.4g}, {abs(worst.z):.1f} standard "
            f"errors away, see {table}; do not use this set"
        ]

    cells = {region: int(counts.sum()) for region, counts in total.counts.items()}
    lines = [
        f"single frames are noise: one frame of each of {num_clips:,} clips, "
        f"{sum(cells.values()):,} values, {100 * cells['moving'] / sum(cells.values()):.1f} % of "
        f"them in moving regions; none of {len(tested)} statistics inside and outside of these "
        f"differs from true noise (p = {probability:.2f}, corrected), see {table}"
    ]
    power = [_power(finding, len(tested)) for finding in tested if finding.region == "moving"]
    sensitive = [text for text in power if text]
    if sensitive:
        lines.append(f"in moving regions it would have found {' or '.join(sensitive)}")
    return lines


def _power(finding: Finding, tests: int) -> str:
    """Describes the smallest deviation that the check finds almost always."""
    deviation = 100 * noise_check.detectable(finding, tests)
    if finding.statistic == "variance":
        return f"a variance that differs by {deviation:.2g} %"
    if finding.statistic == "right":
        return f"a correlation of neighbors of {deviation:.2g} %"
    return ""
