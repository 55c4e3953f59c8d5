"""Reads and writes events.csv: the anomalous events of videos, as ranges of frames.

    id,class,start,end
    Abuse028_x264,Abuse,165,240

Frames are counted from 1, and both ends belong to the event, as in UCF-Crime's own annotation.
"""

import dataclasses
import os
from collections.abc import Iterable

from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage.csv_files import read_table, to_text, whole

FILE = "events.csv"
COLUMNS = ("id", "class", "start", "end")


@dataclasses.dataclass(frozen=True)
class Event:
    """An anomalous event.

    Attributes:
      id: id of its video.
      label: class of the event.
      start: its first frame, counted from 1.
      end: its last frame, at least `start`.
    """

    id: str
    label: str
    start: int
    end: int


def read_events(path: str | os.PathLike[str]) -> tuple[Event, ...]:
    """Reads events.csv.

    Raises:
      UserError: the file is malformed, or an event ends before it starts; the message names the
        line.
    """
    table = read_table(path, COLUMNS)
    events = []
    for number, row in enumerate(table.rows):
        where = table.where(number)
        if not row["id"]:
            raise UserError(f"{where} lacks the id of a video")

        start, end = frames_of(where, row["start"], row["end"])
        events.append(Event(composed(row["id"]), row["class"], start, end))

    return tuple(events)


def text_of(events: Iterable[Event]) -> str:
    """Returns the content of events.csv."""
    rows = ((event.id, event.label, event.start, event.end) for event in events)
    return to_text([COLUMNS, *rows])


def frames_of(where: str, start: str, end: str) -> tuple[int, int]:
    """Parses the first and the last frame of an event, both counted from 1.

    Args:
      where: name of the line for messages.
      start: the first frame; 0 is read as 1.
      end: the last frame.

    Raises:
      UserError: one is not a frame number, or the event ends before it starts.
    """
    numbers = []
    for text in (start, end):
        number = whole(text)
        if number is None or number < 0:
            raise UserError(f"{where} has the frame {text!r}; frames are numbers from 1")
        # A few annotations count the first frame as 0.
        numbers.append(max(number, 1))

    first, last = numbers
    if first > last:
        raise UserError(
            f"{where} has an event from frame {first} to frame {last}, which ends before it "
            "starts; correct the line"
        )
    return first, last
