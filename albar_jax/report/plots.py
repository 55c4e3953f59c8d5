"""Computes the images of a report: curves as points, matrices and frames as PNG.

The templates draw the curves.
"""

import base64
import dataclasses
import math
from collections.abc import Sequence

import cv2
import numpy as np

from albar_jax.evaluation.results import ModelRun, ModelSummary

# Maximum number of points of a curve; more are averaged in bins, because they are not visible.
_MAX_POINTS = 150
# Maximum side of a frame in pixels; larger frames would only increase the size of the page.
_MAX_SIDE = 112
# Maximum side of a matrix in pixels; more cells would only increase the size of the page.
_MAX_CELLS = 400
# Quality of photographs, 1 to 100.
_WEBP_QUALITY = 85
# Metrics of the gradient penalty, which a validation on stills logs.
_PENALTY = (
    "validation/head_sum",
    "validation/static_jacobian",
    "validation/static_penalty",
    "validation/static_penalty_label",
)


@dataclasses.dataclass(frozen=True)
class Curve:
    """The curve of one run.

    Attributes:
      model: index of the model, which selects the color.
      points: points of an SVG polyline in the unit square, y pointing down.
    """

    model: int
    points: str


@dataclasses.dataclass(frozen=True)
class Panel:
    """The curves of one metric.

    Attributes:
      metric: its name.
      curves: one curve for each run.
      x_ticks: (position, text) of each tick, position 0 to 1.
      y_ticks: the same for the y axis.
    """

    metric: str
    curves: tuple[Curve, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def panels(summaries: Sequence[ModelSummary]) -> tuple[Panel, ...]:
    """Returns a panel for each metric `.../top1`, each `loss/...` and each of the gradient penalty.

    All panels have the same axis of steps. A metric that was never finite has no panel.
    """
    runs: list[tuple[int, ModelRun]] = []
    for index, summary in enumerate(summaries):
        for run in summary.runs:
            runs.append((index, run))

    metrics: set[str] = set()
    last_step = 0
    for _, run in runs:
        for record in run.history:
            metrics |= {name for name, value in record.items() if np.isfinite(value)}
            last_step = max(last_step, record["step"])

    # Accuracies come first.
    top1, losses = [], []
    for name in sorted(metrics):
        if name.endswith("top1"):
            top1.append(name)
        if name.startswith("loss/"):
            losses.append(name)

    penalty = [name for name in _PENALTY if name in metrics]
    return tuple(_panel(name, runs, last_step) for name in top1 + losses + penalty)


def _panel(metric: str, runs: Sequence[tuple[int, ModelRun]], last_step: float) -> Panel:
    points_of_runs = []
    for index, run in runs:
        points = _points(metric, run)
        if len(points):
            points_of_runs.append((index, points))

    values = np.concatenate([points[:, 1] for _, points in points_of_runs])
    low, high = float(values.min()), float(values.max())
    # All accuracies have the same axis, so that panels are comparable.
    if metric.endswith("top1"):
        low, high = 0.0, max(high, 1.0)
    y_values = ticks(low, high)
    low, high = min(low, y_values[0]), max(high, y_values[-1])

    curves = []
    for index, points in points_of_runs:
        x = points[:, 0] / max(last_step, 1)
        # SVG's y axis points down.
        y = 1 - (points[:, 1] - low) / (high - low)
        curves.append(Curve(index, " ".join(f"{a:.4f},{b:.4f}" for a, b in zip(x, y, strict=True))))

    x_ticks, y_ticks = [], []
    for step in ticks(0, last_step):
        if step <= last_step:
            x_ticks.append((step / max(last_step, 1), f"{step:g}"))
    for value in y_values:
        y_ticks.append((1 - (value - low) / (high - low), f"{value:g}"))

    return Panel(metric, tuple(curves), tuple(x_ticks), tuple(y_ticks))


def _points(metric: str, run: ModelRun) -> np.ndarray:
    """Returns steps and finite values of a metric, (N, 2), averaged in bins if there are many."""
    pairs = []
    for record in run.history:
        if metric in record and np.isfinite(record[metric]):
            pairs.append((record["step"], record[metric]))

    # `or 1`: an empty history gets one empty bin, which is dropped.
    points = np.array(pairs, float).reshape(-1, 2)
    bins = np.array_split(points, min(_MAX_POINTS, len(points)) or 1)
    return np.array([part.mean(axis=0) for part in bins if len(part)]).reshape(-1, 2)


def ticks(low: float, high: float) -> list[float]:
    """Returns three to six round numbers that span low..high."""
    if not high > low:
        low, high = low - 0.5, high + 0.5

    # The step is the next round number above a quarter of the range.
    raw = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw)

    # 1e-9 absorbs rounding errors of the division.
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def matrix_png(shares: np.ndarray, color: tuple[int, int, int]) -> str:
    """Returns a matrix of shares as a PNG of one pixel per cell.

    The opacity shows the share, so that the image fits any background. With more than 400 classes,
    a pixel shows the largest share of a block of cells.

    Args:
      shares: (K, K), 0 to 1.
      color: RGB, 0 to 255.
    """
    shares = _largest_of_blocks(shares)
    pixels = np.empty((*shares.shape, 4), np.uint8)
    # cv2 writes BGR.
    pixels[..., :3] = color[::-1]
    # Without the square root, rare mistakes are not visible next to a strong diagonal.
    pixels[..., 3] = np.round(255 * np.sqrt(shares))
    return _png(pixels)


def _largest_of_blocks(shares: np.ndarray) -> np.ndarray:
    """Returns at most 400 x 400 cells, each the largest of a square block."""
    side = math.ceil(len(shares) / _MAX_CELLS)
    missing = -len(shares) % side
    blocks = np.pad(shares, (0, missing))
    count = len(blocks) // side
    return blocks.reshape(count, side, count, side).max(axis=(1, 3))


def frame_png(frame: np.ndarray) -> str:
    """Returns a frame, uint8 RGB (H, W, 3), as a PNG of at most 112 pixels per side.

    A tiny frame is enlarged by repeating its pixels.
    """
    return _png(_resized(frame))


def frame_picture(frame: np.ndarray) -> str:
    """Returns the same as `frame_png` as a lossy WebP: 3 kB instead of 25 for a photograph."""
    options = [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY]
    _, data = cv2.imencode(".webp", _resized(frame), options)
    return _url("webp", data)


def _resized(frame: np.ndarray) -> np.ndarray:
    """Returns a frame as BGR in the size of the page."""
    height, width = frame.shape[:2]
    scale = _MAX_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    else:
        frame = frame.repeat(int(scale), axis=0).repeat(int(scale), axis=1)
    # cv2 writes BGR.
    return np.ascontiguousarray(frame[..., ::-1])


def strip(clip: np.ndarray, *, frames: int = 8) -> tuple[str, ...]:
    """Returns pictures of at most `frames` frames of a clip, uint8 (T, H, W, 3).

    They are evenly spaced from the first frame to the last.
    """
    places = np.linspace(0, len(clip) - 1, min(frames, len(clip)))
    indices = np.unique(places.round().astype(int))
    return tuple(map(frame_picture, clip[indices]))


def motionless(clip: np.ndarray) -> np.ndarray:
    """Returns the median of each pixel's values in a clip, uint8 (T, H, W, 3) -> (H, W, 3).

    It shows the background, and those parts of the foreground that stay in place for at least half
    of the clip.
    """
    return np.median(clip, axis=0).astype(np.uint8)


def _png(pixels: np.ndarray) -> str:
    _, data = cv2.imencode(".png", pixels)
    return _url("png", data)


def _url(kind: str, data: np.ndarray) -> str:
    encoded = base64.b64encode(data.tobytes()).decode("ascii")
    return f"data:image/{kind};base64,{encoded}"
