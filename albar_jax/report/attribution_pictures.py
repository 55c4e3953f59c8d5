"""Draws pictures like ALBAR's Figure 3: frames of a clip above the overlays of each model.

A picture is a column of strips. Each strip is a row of frames with a caption above it.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import cv2
import numpy as np
from jaxtyping import UInt8

from albar_jax.files import replacing
from albar_jax.report import heat_maps
from albar_jax.report.cells import MINUS
from albar_jax.report.heat_maps import Map, Show, Smoothing

# Maximum number of frames in a strip.
FRAMES = 8
# Sides of a frame in the picture, in pixels. A smaller frame is enlarged by repeating pixels.
_SMALLEST, _LARGEST = 96, 160
_GAP, _CAPTION, _MARGIN = 4, 22, 10
_INK, _PAPER = 40, 255
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.45

Frames = UInt8[np.ndarray, "n h w 3"]


@dataclasses.dataclass(frozen=True, eq=False)
class Overlay:
    """A map and the frames that it is laid over.

    Attributes:
      caption: text about it, such as "motion +1.20".
      values: signed map (T, H, W) of the size of the frames.
      frames: uint8 RGB (T, H, W, 3): the explained clip, or its static clip.
    """

    caption: str
    values: Map
    frames: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Explained:
    """The answer of one model for a clip, with the maps that explain it.

    Attributes:
      model: name of the model.
      answer: text about its answer, such as "wave 93 %".
      overlays: the maps; they share a scale.
      patch: frames, rows and columns of a patch of the network, for smoothing.
    """

    model: str
    answer: str
    overlays: tuple[Overlay, ...]
    patch: tuple[int, int, int] = (2, 4, 4)


@dataclasses.dataclass(frozen=True, eq=False)
class ExplainedClip:
    """A clip with the explanations of several models.

    Attributes:
      id: id of the clip.
      label: name of its class.
      frames: uint8 RGB (T, H, W, 3).
      models: one explanation for each model.
    """

    id: str
    label: str
    frames: np.ndarray
    models: tuple[Explained, ...]


@dataclasses.dataclass(frozen=True)
class Style:
    """The style of a picture.

    Attributes:
      show: what is drawn of a map; see `heat_maps.shown`.
      smoothing: smoothing for display; see `heat_maps.smooth`.
      scale: "model" scales the maps of each model and clip by their own largest values, "all" uses
        one scale for all models and clips.
    """

    show: Show = "positive"
    smoothing: Smoothing = "patch"
    scale: Literal["model", "all"] = "model"


@dataclasses.dataclass(frozen=True, eq=False)
class Strip:
    """A row of frames of equal size, uint8 RGB (n, H, W, 3), and the text above it."""

    caption: str
    frames: np.ndarray


def draw_strips(clip: ExplainedClip, style: Style, scale: float | None = None) -> list[Strip]:
    """Returns the strips of a clip: its frames, then the overlays of each model.

    Args:
      clip: the clip with its explanations.
      style: the style of the overlays.
      scale: value of full colour; None scales each model by its own largest values.
    """
    places = shown_frames(len(clip.frames))
    strips = [Strip(f"{clip.id}: {clip.label}", clip.frames[places])]
    for model in clip.models:
        maps = _prepared(model, style)
        full = heat_maps.common_scale(maps) if scale is None else scale
        for overlay, values in zip(model.overlays, maps, strict=True):
            text = f"{model.model}: {model.answer} | {overlay.caption}"
            pictures = heat_maps.overlay(overlay.frames[places], values[places], full, style.show)
            strips.append(Strip(text, pictures))
    return strips


def scale_of_all(clips: Iterable[ExplainedClip], style: Style) -> float | None:
    """Returns the scale of all models and clips together; None if the style scales each model.

    Args:
      clips: the clips. They are read twice, one at a time.
      style: the style of the overlays.
    """
    if style.scale != "all":
        return None

    def maps() -> Iterator[Map]:
        for clip in clips:
            for model in clip.models:
                yield from _prepared(model, style)

    return heat_maps.streamed_scale(maps)


def _prepared(model: Explained, style: Style) -> list[Map]:
    """Returns the maps of a model as they are shown, before scaling."""
    maps = []
    for overlay in model.overlays:
        smoothed = heat_maps.smooth(overlay.values, style.smoothing, model.patch)
        maps.append(heat_maps.shown(smoothed, style.show))
    return maps


def shown_frames(num_frames: int) -> np.ndarray:
    """Returns the numbers of at most `FRAMES` frames, evenly spaced from the first to the last."""
    places = np.linspace(0, num_frames - 1, min(FRAMES, num_frames))
    return np.unique(places.round().astype(int))


def picture(strips: Sequence[Strip]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns all strips as one picture, one below the other."""
    rows = [_row(strip) for strip in strips]
    width = max(row.shape[1] for row in rows)
    padded = []
    for row in rows:
        margins = ((_MARGIN // 2, _MARGIN // 2), (_MARGIN, _MARGIN + width - row.shape[1]), (0, 0))
        padded.append(np.pad(row, margins, constant_values=_PAPER))
    return np.concatenate(padded)


def _row(strip: Strip) -> UInt8[np.ndarray, "h w 3"]:
    frames = [_resized(frame) for frame in strip.frames]
    height, width = frames[0].shape[:2]
    row = np.full((_CAPTION + height, len(frames) * (width + _GAP) - _GAP, 3), _PAPER, np.uint8)
    for number, frame in enumerate(frames):
        left = number * (width + _GAP)
        row[_CAPTION:, left : left + width] = frame

    # OpenCV draws ASCII only.
    text = strip.caption.replace(MINUS, "-").encode("ascii", "replace").decode()
    cv2.putText(row, text, (0, 15), _FONT, _FONT_SCALE, (_INK,) * 3, 1, cv2.LINE_AA)
    return row


def _resized(frame: np.ndarray) -> np.ndarray:
    """Returns a frame that is legible and not too large."""
    height, width = frame.shape[:2]
    side = max(height, width)
    if side > _LARGEST:
        size = max(1, round(width * _LARGEST / side)), max(1, round(height * _LARGEST / side))
        return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    factor = -(-_SMALLEST // side)
    return frame.repeat(factor, axis=0).repeat(factor, axis=1)


def write_png(path: str | os.PathLike, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
    """Writes an RGB picture atomically."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    with replacing(path) as partial:
        partial.write_bytes(encoded.tobytes())
