"""A picture to look at: some clips of a set, a row each, from their first frame to their last."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from albar_jax.data.decode import open_video
from albar_jax.files import replacing
from albar_jax.synthesis.journal import Row

CLIPS, FRAMES = 8, 6
_HEIGHT, _WIDTH, _CAPTION = 120, 160, 20
_INK, _PAPER = 40, 255


def write(path: Path, rows: Sequence[Row], manifest: Path) -> None:
    """Writes a PNG of clips from all over the set."""
    chosen = [rows[int(i * len(rows) / CLIPS)] for i in range(CLIPS)] if len(rows) > CLIPS else rows
    sheet = np.concatenate([_strip(row, manifest.parent / row["path"]) for row in chosen])
    with replacing(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())


def _strip(row: Row, path: Path) -> np.ndarray:
    with open_video(path) as video:
        frames = video.read(np.linspace(0, len(video) - 1, min(FRAMES, len(video))).round())
    caption = np.full((_CAPTION, FRAMES * _WIDTH, 3), _PAPER, np.uint8)
    text = f"{row['label']}  {row['id']}".encode("ascii", "replace").decode()  # OpenCV draws no other letters
    cv2.putText(caption, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (_INK,) * 3, 1, cv2.LINE_AA)
    blank = [np.full((_HEIGHT, _WIDTH, 3), _PAPER, np.uint8)] * (FRAMES - len(frames))
    return np.concatenate([caption, np.concatenate([*map(_thumbnail, frames), *blank], axis=1)])


def _thumbnail(frame: np.ndarray) -> np.ndarray:
    """Fits a frame into its place, whatever its shape, uint8 (_HEIGHT, _WIDTH, 3)."""
    height, width = frame.shape[:2]
    scale = min(_HEIGHT / height, _WIDTH / width)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    top, left = (_HEIGHT - size[1]) // 2, (_WIDTH - size[0]) // 2
    place = np.full((_HEIGHT, _WIDTH, 3), _PAPER, np.uint8)
    place[top : top + size[1], left : left + size[0]] = small
    return place
