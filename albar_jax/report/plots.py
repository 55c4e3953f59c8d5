"""The geometry of a report's pictures: curves as points, matrices and frames as PNG. The template draws them."""

import base64
import dataclasses
import math
from collections.abc import Sequence

import cv2
import numpy as np

from albar_jax.evaluation.results import ModelRun, ModelSummary

# A curve of more points than this is averaged in bins: the eye sees no more.
_MAX_POINTS = 150
# Frames are shown small; larger ones would only make the page heavy.
_MAX_SIDE = 112


@dataclasses.dataclass(frozen=True)
class Curve:
    """One run's curve: `model` is the index of its colour, `points` an SVG polyline in the unit square, y down."""

    model: int
    points: str


@dataclasses.dataclass(frozen=True)
class Panel:
    """The curves of one metric, with (position in 0..1, text) of the ticks."""

    metric: str
    curves: tuple[Curve, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def panels(summaries: Sequence[ModelSummary]) -> tuple[Panel, ...]:
    """A panel for each metric `loss/...` and each `.../top1` in the histories, all on one axis of steps."""
    runs = [(index, run) for index, summary in enumerate(summaries) for run in summary.runs]
    # A metric that was never finite has no curve.
    keys = sorted(
        {
            key
            for _, run in runs
            for record in run.history
            for key in record
            if np.isfinite(record[key])
        }
    )
    keys = [key for key in keys if key.endswith("top1")] + [
        key for key in keys if key.startswith("loss/")
    ]
    last = max((record["step"] for _, run in runs for record in run.history), default=0)
    return tuple(_panel(key, runs, last) for key in keys)


def _panel(key: str, runs: Sequence[tuple[int, ModelRun]], last: float) -> Panel:
    curves = {(index, run.seed): _points(key, run) for index, run in runs}
    curves = {name: points for name, points in curves.items() if len(points)}
    values = np.concatenate([points[:, 1] for points in curves.values()])
    low, high = float(values.min()), float(values.max())
    if key.endswith("top1"):
        low, high = 0.0, max(high, 1.0)
    marked = ticks(low, high)
    low, high = min(low, marked[0]), max(high, marked[-1])

    def polyline(points: np.ndarray) -> str:
        x, y = points[:, 0] / max(last, 1), 1 - (points[:, 1] - low) / (high - low)
        return " ".join(f"{a:.4f},{b:.4f}" for a, b in zip(x, y, strict=True))

    return Panel(
        metric=key,
        curves=tuple(Curve(index, polyline(points)) for (index, _), points in curves.items()),
        x_ticks=tuple(
            (step / max(last, 1), f"{step:g}") for step in ticks(0, last) if step <= last
        ),
        y_ticks=tuple((1 - (tick - low) / (high - low), f"{tick:g}") for tick in marked),
    )


def _points(key: str, run: ModelRun) -> np.ndarray:
    """Steps and values (N, 2) of one metric, values that are not finite left out, thinned by averaging."""
    pairs = [(record["step"], record[key]) for record in run.history if key in record]
    points = np.array([pair for pair in pairs if np.isfinite(pair[1])], float).reshape(-1, 2)
    bins = np.array_split(points, min(_MAX_POINTS, len(points)) or 1)
    return np.array([part.mean(axis=0) for part in bins if len(part)]).reshape(-1, 2)


def ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers that span low..high."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def matrix_png(shares: np.ndarray, color: tuple[int, int, int]) -> str:
    """A matrix (K, K) of shares in 0..1 as a PNG of one pixel a cell; the share is the opacity, for any background."""
    pixels = np.empty((*shares.shape, 4), np.uint8)
    pixels[..., :3] = color[::-1]
    # Square root: rare mistakes would not be seen beside a strong diagonal.
    pixels[..., 3] = np.round(255 * np.sqrt(shares))
    return _png(pixels)


def frame_png(frame: np.ndarray) -> str:
    """A frame, uint8 RGB (H, W, 3), as a PNG of at most 112 pixels a side; tiny frames get larger pixels."""
    height, width = frame.shape[:2]
    scale = _MAX_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    else:
        frame = frame.repeat(int(scale), axis=0).repeat(int(scale), axis=1)
    return _png(frame[..., ::-1])


def strip(clip: np.ndarray, *, frames: int = 8) -> tuple[str, ...]:
    """PNGs of up to `frames` frames, evenly spaced from first to last, of a clip uint8 (T, H, W, 3)."""
    picks = np.unique(np.linspace(0, len(clip) - 1, min(frames, len(clip))).round().astype(int))
    return tuple(frame_png(clip[index]) for index in picks)


def motionless(clip: np.ndarray) -> np.ndarray:
    """What stands still in a clip, uint8 (T, H, W, 3): the median of each pixel's values, (H, W, 3).

    It is the background, and of the foreground what stays where it is for half of the clip or longer.
    """
    return np.median(clip, axis=0).astype(np.uint8)


def _png(pixels: np.ndarray) -> str:
    _, data = cv2.imencode(".png", np.ascontiguousarray(pixels))
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")
