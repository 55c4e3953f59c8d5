"""Draws a contact sheet: some clips of a set, each as a strip of frames.

Strips are laid out like words on a page: each row holds as many as fit and is scaled to the page
width. So stills, tall and wide videos all fill the page.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from albar_jax.data.decode import DecodeError, open_video
from albar_jax.data.reading import size_of
from albar_jax.errors import UserError
from albar_jax.files import replacing
from albar_jax.storage.journal import Row

# Maximum rows of strips, and page width in pixels.
ROWS, WIDTH = 8, 960
# Clips used to estimate how many fill a page.
_PROBES = 8
# Pixels of a frame of any shape before its row is scaled.
_AREA = 160 * 120
# Smallest ratio of a frame's sides; more extreme frames are squeezed.
_FLATTEST = 1 / 8
# Maximum scale of a row.
_LARGEST = 2.0
_GAP, _CAPTION = 6, 20
_INK, _PAPER = 40, 255
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.4


@dataclasses.dataclass(frozen=True, eq=False)
class _Strip:
    """The frames of one clip, uint8 (H, W, 3) each, with their size before scaling."""

    label: str
    name: str
    frames: Sequence[np.ndarray]
    width: float
    height: float

    @property
    def total(self) -> float:
        return self.width * len(self.frames)


def write(path: Path, rows: Sequence[Row], manifest: Path) -> None:
    """Writes a PNG of clips spread over a set.

    Args:
      path: path of the PNG.
      rows: rows of the manifest.
      manifest: path of the manifest; paths of clips are relative to its folder.

    Raises:
      UserError: a clip is damaged.
    """
    strips = _strips(_spread(rows, _PROBES), manifest)

    # Strips of stills are short, so a page holds more of them.
    room = int(ROWS * WIDTH / _lengths(strips).mean())
    if len(rows) > _PROBES and room > _PROBES:
        strips = _strips(_spread(rows, room), manifest)

    _, encoded = cv2.imencode(".png", cv2.cvtColor(_page(strips), cv2.COLOR_RGB2BGR))
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def _spread(rows: Sequence[Row], count: int) -> Sequence[Row]:
    """Returns at most `count` rows, evenly spread over the table."""
    if len(rows) <= count:
        return rows
    return [rows[int(i * len(rows) / count)] for i in range(count)]


def _lengths(strips: Sequence[_Strip]) -> Float[np.ndarray, " n"]:
    return np.array([strip.total for strip in strips])


def _strips(rows: Sequence[Row], manifest: Path) -> list[_Strip]:
    """Reads the clips of some rows of the manifest."""
    return [_strip(row, manifest.parent / row["path"]) for row in rows]


def _strip(row: Row, path: Path) -> _Strip:
    """Reads as many frames of a clip as fit into one row. Raises UserError if it is damaged."""
    try:
        with open_video(path) as video:
            count, height, width = size_of(video)
            shape = min(max(width / height, _FLATTEST), 1 / _FLATTEST)
            cell = float(np.sqrt(_AREA * shape))
            shown = max(1, min(count, round(WIDTH / cell)))
            frames = video.read(np.linspace(0, count - 1, shown).round())
    except DecodeError as error:
        raise UserError(
            f"{error}; delete this clip and repeat the command to make it again"
        ) from error

    # Frames are shrunk now, because a page of 4K clips would not fit into memory.
    limit = round(_LARGEST * cell / shape), round(_LARGEST * cell)
    if height > limit[0] and width > limit[1]:
        frames = [_resize(frame, *limit) for frame in frames]

    return _Strip(_ascii(row["label"]), _ascii(row["id"]), list(frames), cell, cell / shape)


def _page(strips: Sequence[_Strip]) -> UInt8[np.ndarray, "h w 3"]:
    """Lays out strips in rows of about equal length. Returns uint8 (H, W, 3)."""
    lengths = _lengths(strips)
    count = int(np.clip(round(lengths.sum() / WIDTH), 1, ROWS))
    middles = np.cumsum(lengths) - lengths / 2
    row_of = (count * middles / lengths.sum()).astype(int)

    rows: list[list[_Strip]] = [[] for _ in range(count)]
    for strip, number in zip(strips, row_of, strict=True):
        rows[number].append(strip)

    width = min(WIDTH, round(_LARGEST * lengths.sum()))
    return np.concatenate([_row(row, width) for row in rows if row])


def _row(strips: Sequence[_Strip], width: int) -> UInt8[np.ndarray, "h w 3"]:
    """Draws a row of strips with captions, scaled to one height and to the page width."""
    shapes: list[float] = []
    for strip in strips:
        shapes += [strip.width / strip.height] * len(strip.frames)
    free = width - _GAP * (len(strips) - 1)
    height = max(1, round(free / sum(shapes)))
    page = np.full((_CAPTION + height, width, 3), _PAPER, np.uint8)

    # Edges are rounded, not widths, so that the last frame ends at the page's edge.
    edges = np.cumsum([0.0, *shapes]) * free / sum(shapes)
    number = 0
    for place, strip in enumerate(strips):
        start = round(edges[number]) + place * _GAP
        for frame in strip.frames:
            left = round(edges[number]) + place * _GAP
            right = round(edges[number + 1]) + place * _GAP
            page[_CAPTION:, left:right] = _resize(frame, height, max(1, right - left))
            number += 1
        _write_caption(page[:_CAPTION], strip, start, right)

    return page


def _resize(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    shrinks = frame.shape[0] >= height and frame.shape[1] >= width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    return cv2.resize(frame, (width, height), interpolation=interpolation)


def _write_caption(caption: np.ndarray, strip: _Strip, left: int, right: int) -> None:
    """Writes label and id between two columns.

    Keeps the end of the id, which identifies the copy.
    """
    label, name = strip.label, strip.name
    text = f"{label}  {name}"
    while name and not _fits(text, right - left):
        # The longer text is shortened first, so that both stay recognizable.
        if len(label) > len(name):
            label = label[:-1]
        else:
            name = name[1:]
        text = f"{label} ..{name}"

    cv2.putText(caption, text, (left + 2, 14), _FONT, _FONT_SCALE, (_INK,) * 3, 1, cv2.LINE_AA)


def _fits(text: str, width: int) -> bool:
    (text_width, _), _ = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)
    return text_width <= width - 4


def _ascii(text: str) -> str:
    """Replaces letters that OpenCV cannot draw."""
    return text.encode("ascii", "replace").decode()
