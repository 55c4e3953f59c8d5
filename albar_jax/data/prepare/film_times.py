"""Reads frame rates and durations of films."""

import dataclasses
from collections.abc import Mapping

from tqdm import tqdm

from albar_jax.data.film_stream import FilmStream
from albar_jax.data.readers.base import DecodeError
from albar_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Times:
    """The times of a film.

    Attributes:
      fps: average number of frames in a second.
      duration: duration in seconds.
    """

    fps: float
    duration: float


def read_times(paths: Mapping[str, str]) -> tuple[dict[str, Times], list[str]]:
    """Reads the times of films, without decoding them.

    Args:
      paths: path of each film, by id.

    Returns:
      The times by id, and a sentence for each film that cannot be read.

    Raises:
      UserError: a film has no frame rate, so its segments in seconds have no frames.
      StorageError: the system failed to read a film.
    """
    times = {}
    unreadable = []
    for name, path in tqdm(paths.items(), desc="reading times", unit="video"):
        try:
            with FilmStream(path) as film:
                fps = film.fps
                frames = film.expected_frames
        except DecodeError as error:
            unreadable.append(f"{name} is left out: {error}")
            continue

        if not fps:
            raise UserError(f"{path} has no frame rate; give the published film")
        times[name] = Times(fps, round(frames / fps, 3))
    return times, unreadable
