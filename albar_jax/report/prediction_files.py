"""Writes the predictions of videos as CSV files and JSON lines.

The folder gets these files:

  predictions.csv     one row for each video
  predictions.jsonl   the same as one JSON object on each line
  timelines/NAME.csv, NAME.jsonl, NAME.svg    for each video that is longer than a clip
  predict.html        the page, if asked for

Fields of a JSON object; a row of the CSV file has the same values in the columns in brackets:

  path, frames, fps    the video; fps is null if it is unknown. Only in predictions.
  start_frame, end_frame, start_seconds, end_seconds    the window: its first frame, and the frame
                       after its last one. Only in time lines.
  moving               the best classes of the clip as {`class`, `prob`}, the first is the answer
                       (class_1, prob_1, ...)
  motionless           the best classes of its still (motionless_1, motionless_prob_1, ...)
  answer_prob_motionless    probability of the answer in the still
  needs_motion         whether the answer needs the motion, see `evaluation.motion_use`
  appearance           F(still) - F(black) of the answer's logit F
  motion               F(clip) - F(still) of the answer's logit F
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from albar_jax import files
from albar_jax.evaluation.motion_use import ClassProb, MotionUse, VideoUse, WindowUse
from albar_jax.report.time_line import draw_time_line
from albar_jax.storage.csv_files import write_table
from albar_jax.storage.inside import inside, own_folder
from albar_jax.terminal.escapes import printable

TIME_LINES = "timelines"
PAGE = "predict.html"
# Characters of a file name, without the suffix.
_LONGEST_NAME = 100


def write_predictions(folder: Path, videos: Sequence[VideoUse], classes: Sequence[str]) -> None:
    """Writes predictions.csv and predictions.jsonl.

    Args:
      folder: folder of the results.
      videos: the readable videos.
      classes: class names in the order of their numbers.
    """

    def records() -> Iterator[dict[str, Any]]:
        for video in videos:
            yield video_record(video, classes)

    _write(folder, (), "predictions", records)


def write_time_line(folder: Path, name: str, video: VideoUse, classes: Sequence[str]) -> Path:
    """Writes the time line of a video as CSV, JSON lines and a picture; returns the picture.

    Args:
      folder: folder of the results.
      name: name of the files without a suffix, see `FileNames`.
      video: a video with windows.
      classes: class names in the order of their numbers.
    """
    own_folder(folder, TIME_LINES)
    _write(folder, (TIME_LINES,), name, lambda: _window_records(video, classes))

    picture = inside(folder, TIME_LINES, f"{name}.svg")
    files.write_text(picture, draw_time_line(video, classes))
    return picture


def video_record(video: VideoUse, classes: Sequence[str]) -> dict[str, Any]:
    """Returns the JSON object of a video."""
    facts = {"path": _utf8(video.path), "frames": video.num_frames, "fps": video.fps}
    return facts | _record(video.use, classes)


def window_records(video: VideoUse, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the JSON objects of the windows of a video."""
    return list(_window_records(video, classes))


def _window_records(video: VideoUse, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    for window in video.windows:
        yield _window_record(video, window, classes)


def _utf8(path: str) -> str:
    """Returns a path; one that is not UTF-8 with escapes, because a file cannot hold it."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return printable(path)
    return path


def _window_record(video: VideoUse, window: WindowUse, classes: Sequence[str]) -> dict[str, Any]:
    end = window.last + 1
    span = {
        "start_frame": window.first,
        "end_frame": end,
        "start_seconds": _rounded(video.seconds(window.first)),
        "end_seconds": _rounded(video.seconds(end)),
    }
    return span | _record(window.use, classes)


def _record(use: MotionUse, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "moving": _named(use.moving, classes),
        "motionless": _named(use.still, classes),
        "answer_prob_motionless": _rounded(use.still_prob),
        "needs_motion": use.needs_motion,
        "appearance": _rounded(use.appearance),
        "motion": _rounded(use.motion),
    }


def _named(best: Sequence[ClassProb], classes: Sequence[str]) -> list[dict[str, Any]]:
    return [{"class": classes[label], "prob": _rounded(prob)} for label, prob in best]


def _rounded(value: float | None) -> float | None:
    # float32 has no more digits, and rounding errors of sums would show.
    return None if value is None else round(value, 6)


def _write(
    folder: Path, parts: Sequence[str], name: str, records: Callable[[], Iterator[dict[str, Any]]]
) -> None:
    """Writes records as NAME.csv and NAME.jsonl; a long film has too many for the memory."""
    lines = (json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records())
    files.write_texts(inside(folder, *parts, f"{name}.jsonl"), (f"{line}\n" for line in lines))

    columns = list(_flat(next(records(), {})))
    rows = map(_flat, records())
    table = ([row[column] for column in columns] for row in rows)
    write_table(inside(folder, *parts, f"{name}.csv"), columns, table)


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """Returns the row of a record, with a column for each of its best classes."""
    row: dict[str, Any] = {}
    for field, value in record.items():
        if field == "moving":
            row |= _columns("class", "prob", value)
        elif field == "motionless":
            row |= _columns("motionless", "motionless_prob", value)
        else:
            row[field] = "" if value is None else value
    return row


def _columns(name: str, prob: str, best: list[dict[str, Any]]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for place, chosen in enumerate(best, start=1):
        columns[f"{name}_{place}"] = chosen["class"]
        columns[f"{prob}_{place}"] = chosen["prob"]
    return columns


class FileNames:
    """Unique file names for videos, made of the names of their files."""

    def __init__(self):
        self._used: set[str] = set()

    def of(self, path: str) -> str:
        """Returns a new name for a path: letters, digits, dots, dashes and underscores.

        File systems may treat capital letters as small ones, and names have a maximum length.
        """
        stem = Path(path).stem
        plain = "".join(letter if _is_plain(letter) else "_" for letter in stem)
        plain = plain.strip(".")[:_LONGEST_NAME] or "video"

        name = plain
        number = 1
        while name.lower() in self._used:
            number += 1
            name = f"{plain}-{number}"

        self._used.add(name.lower())
        return name


def _is_plain(letter: str) -> bool:
    return (letter.isascii() and letter.isalnum()) or letter in "._-"
