"""Writes the log of a run: metrics.jsonl, and scalars and images for TensorBoard."""

import contextlib
import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog

from albar_jax.errors import UserError, naming
from albar_jax.files import read_lines, write_text
from albar_jax.schema import fields
from albar_jax.storage import json_files
from albar_jax.storage.inside import open_own, own_folder
from albar_jax.storage.temporary import sync

# Seconds between flushes of TensorBoard's file.
FLUSH_SECONDS = 60.0


class RunLog:
    """A log under `workdir`; does nothing on processes other than the first.

    Args:
      workdir: folder of the run.
      resumed_step: step of the checkpoint from which the run resumes. Later rows are dropped,
        because these steps are logged again.
      active: whether this process writes.
    """

    def __init__(self, workdir: Path, resumed_step: int, *, active: bool):
        self._active = active
        if not active:
            return

        self._path = Path(workdir) / "metrics.jsonl"
        lines = []
        for row in read_history(workdir):
            if row["step"] <= resumed_step:
                lines.append(json.dumps(row) + "\n")
        write_text(self._path, "".join(lines))

        folder = own_folder(Path(workdir).absolute(), "tensorboard")
        self._events = Path(folder, "events")
        # Write in this thread, because a full disk kills SummaryWriter's thread and the run would
        # hang.
        with naming(self._events):
            self._board = EventsWriter(str(self._events))
        self._flushed = -math.inf
        # TensorBoard drops older events after this step.
        self._add(resumed_step + 1, session_log=SessionLog(status=SessionLog.START))

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Appends one row of scalars, measured after `step` steps."""
        if not self._active:
            return

        with naming(self._path), open_own(self._path) as file:
            file.write(json.dumps({"step": step, **metrics}).encode() + b"\n")

        for name, value in metrics.items():
            self._add(step, summary=summary.scalar(name, value))
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        """Adds an RGB image, uint8 (H, W, 3), to TensorBoard."""
        if self._active:
            self._add(step, summary=summary.image(name, image, dataformats="HWC"))

    def sync(self) -> None:
        """Syncs the rows of metrics to the disk; called before a checkpoint is saved."""
        if self._active:
            with naming(self._path):
                sync(self._path)

    def close(self) -> None:
        """Flushes everything to the disk and closes the files."""
        if self._active:
            self.sync()
            self._flush()
            self._board.close()

    def _flush(self) -> None:
        with naming(self._events):
            self._board.flush()
        self._flushed = time.monotonic()

    def _add(self, step: int, **content: Any) -> None:
        with naming(self._events):
            self._board.write_event(Event(wall_time=time.time(), step=step, **content))


def read_history(workdir: Path) -> list[dict[str, Any]]:
    """Returns the rows of metrics.jsonl, oldest first; [] if the file does not exist.

    Skips damaged lines, such as a line that was being written when the process was killed.
    """
    path = Path(workdir) / "metrics.jsonl"
    try:
        lines = read_lines(path)
    except FileNotFoundError:
        return []

    rows = []
    for line in lines:
        # NaN is allowed because a loss may be NaN.
        with contextlib.suppress(UserError):
            rows.append(_row(json_files.parse(line, path, finite=False)))

    return rows


def _row(content: Any) -> dict[str, Any]:
    """Returns a row of numbers; raises UserError for anything else."""
    if not isinstance(content, dict) or not all(map(_is_number, content.values())):
        raise UserError("a row of metrics holds values other than numbers")
    fields.check(fields.StepsDone, content.get("step"), "step")

    return content


def _is_number(value: Any) -> bool:
    if not json_files.is_number(value):
        return False

    # A number that is too large for a float cannot be plotted. NaN is allowed.
    return not abs(value) > sys.float_info.max


def contact_sheet(video: np.ndarray, rows: int = 4, columns: int = 8) -> np.ndarray:
    """Draws an image of a batch: one clip per row, evenly spaced frames from left to right.

    Args:
      video: uint8 (B, T, H, W, 3).
      rows: maximum number of clips.
      columns: maximum number of frames.

    Returns:
      uint8 (H', W', 3).
    """
    num_frames = min(columns, video.shape[1])
    frames = np.linspace(0, video.shape[1] - 1, num_frames).round().astype(int)
    selected = video[:rows][:, frames]
    b, t, h, w, _ = selected.shape

    return selected.transpose(0, 2, 1, 3, 4).reshape(b * h, t * w, 3)
