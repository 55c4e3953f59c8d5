"""A picture to look at: some clips of a set, each as a strip of frames from its first to its last.

Strips are laid out like a page of text: as many in a row as fit, and every row scaled to the width of the page. So
stills, tall and wide videos all fill it.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from albar_jax.data.decode import DecodeError, open_video
from albar_jax.errors import UserError
from albar_jax.files import replacing
from albar_jax.synthesis.journal import Row

ROWS, WIDTH = 8, 960  # rows of strips, and pixels, that a page has at most
_PROBES = 8  # clips that tell how many fill a page
_AREA = 160 * 120  # pixels of a frame before its row is scaled, whatever its shape
_FLATTEST = 1 / 8  # sides of a frame; what is longer or broader is shown squeezed
_LARGEST = 2.0  # scale of a row
_GAP, _CAPTION = 6, 20
_INK, _PAPER = 40, 255
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.4


@dataclasses.dataclass(frozen=True, eq=False)
class _Strip:
    """Frames of one clip, uint8 (H, W, 3) each; `width` and `height` are those of a frame before scaling."""

    label: str
    name: str
    frames: Sequence[np.ndarray]
    width: float
    height: float

    @property
    def total(self) -> float:
        return self.width * len(self.frames)


def write(path: Path, rows: Sequence[Row], manifest: Path) -> None:
    """Writes a PNG of clips from all over the set; raises UserError for one that is damaged."""
    strips = [_strip(row, manifest.parent / row["path"]) for row in _spread(rows, _PROBES)]
    # Strips of stills are short: a page has room for more of them.
    room = int(ROWS * WIDTH / np.mean([strip.total for strip in strips]))
    if len(rows) > _PROBES and room > _PROBES:
        strips = [_strip(row, manifest.parent / row["path"]) for row in _spread(rows, room)]
    sheet = _page(strips)
    with replacing(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())


def _spread(rows: Sequence[Row], count: int) -> Sequence[Row]:
    """Returns rows from all over the table, `count` at most."""
    return [rows[int(i * len(rows) / count)] for i in range(count)] if len(rows) > count else rows


def _strip(row: Row, path: Path) -> _Strip:
    """Reads as many frames of a clip as fit into one row; raises UserError for one that is damaged."""
    try:
        with open_video(path) as video:
            count = len(video)
            height, width = video.read([0]).shape[1:3]
            shape = min(max(width / height, _FLATTEST), 1 / _FLATTEST)
            cell = float(np.sqrt(_AREA * shape))
            shown = max(1, min(count, round(WIDTH / cell)))
            frames = video.read(np.linspace(0, count - 1, shown).round())
    except DecodeError as error:
        raise UserError(f"{error}; delete this clip, and the same command makes it again") from error
    # Some clips are of 4K: a page of those would fill the memory.
    most = round(_LARGEST * cell / shape), round(_LARGEST * cell)
    small = [_resize(frame, *most) if height > most[0] and width > most[1] else frame for frame in frames]
    return _Strip(_ascii(row["label"]), _ascii(row["id"]), small, cell, cell / shape)


def _page(strips: Sequence[_Strip]) -> np.ndarray:
    """Lays strips out in rows of about equal length, uint8 (H, W, 3)."""
    lengths = np.array([strip.total for strip in strips])
    count = int(np.clip(round(lengths.sum() / WIDTH), 1, ROWS))
    middles = np.cumsum(lengths) - lengths / 2
    row_of = (count * middles / lengths.sum()).astype(int)
    rows = [[strip for strip, row in zip(strips, row_of, strict=True) if row == number] for number in range(count)]

    width = min(WIDTH, round(_LARGEST * lengths.sum()))
    return np.concatenate([_row(row, width) for row in rows if row])


def _row(strips: Sequence[_Strip], width: int) -> np.ndarray:
    """Draws strips side by side, scaled to one height and to the width of the page, captions above."""
    shapes = [strip.width / strip.height for strip in strips for _ in strip.frames]
    free = width - _GAP * (len(strips) - 1)
    height = max(1, round(free / sum(shapes)))
    page = np.full((_CAPTION + height, width, 3), _PAPER, np.uint8)
    # Edges are rounded, not widths: the last frame ends where the page does.
    edges = np.cumsum([0.0, *shapes]) * free / sum(shapes)
    number = 0
    for place, strip in enumerate(strips):
        start = round(edges[number]) + place * _GAP
        for frame in strip.frames:
            left, right = (round(edges[number + end]) + place * _GAP for end in (0, 1))
            page[_CAPTION:, left:right] = _resize(frame, height, max(1, right - left))
            number += 1
        _write_caption(page[:_CAPTION], strip, start, right)
    return page


def _resize(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    shrinks = frame.shape[0] >= height and frame.shape[1] >= width
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST)


def _write_caption(caption: np.ndarray, strip: _Strip, left: int, right: int) -> None:
    """Writes the label and the id between two columns; the end of an id, which tells copies apart, is kept."""
    label, name = strip.label, strip.name
    text = f"{label}  {name}"
    while name and not _fits(text, right - left):
        # The longer one loses a letter, so that both can be told.
        label, name = (label[:-1], name) if len(label) > len(name) else (label, name[1:])
        text = f"{label} ..{name}"
    cv2.putText(caption, text, (left + 2, 14), _FONT, _FONT_SCALE, (_INK,) * 3, 1, cv2.LINE_AA)


def _fits(text: str, width: int) -> bool:
    return cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)[0][0] <= width - 4


def _ascii(text: str) -> str:
    """Replaces letters that OpenCV cannot draw."""
    return text.encode("ascii", "replace").decode()
