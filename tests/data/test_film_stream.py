"""Claim: a stream of any length has the frames and errors of other readers, in little memory."""

import numpy as np
import pytest
from test_damage import sound as sound
from test_decode import NUMBERS
from test_timeline import FILMS, ODD
from test_timeline import many as many

from albar_jax.data.decode import DecodeError, open_video
from albar_jax.data.film_stream import FilmStream
from albar_jax.storage.budget import DEFAULT


def read_all(path, decoder="auto", budget=DEFAULT) -> np.ndarray:
    with open_video(path, decoder, budget) as video:
        return video.read(range(len(video)))


def stream_all(path, decoder="auto", budget=DEFAULT) -> np.ndarray:
    with FilmStream(path, decoder=decoder, budget=budget) as stream:
        numbers, frames = zip(*stream, strict=True)
        assert list(numbers) == list(range(len(frames)))
        return np.stack(frames)


def outcome(read, *args):
    """Returns the frames, or the message of the error."""
    try:
        return read(*args)
    except DecodeError as error:
        return str(error)


@pytest.mark.parametrize("name", [*FILMS, *NUMBERS, *ODD])
def test_every_film_has_the_frames_of_the_reader_that_seeks(many, name):
    np.testing.assert_array_equal(stream_all(many[name]), read_all(many[name]))


@pytest.mark.parametrize("name", ["cropped.mkv", "cropped.mp4", "vp9_10_bits.webm"])
@pytest.mark.parametrize("form", ["path", "bytes"])
def test_films_that_are_cropped_or_deep(films, name, form):
    source = films / name if form == "path" else (films / name).read_bytes()
    np.testing.assert_array_equal(stream_all(source), read_all(source))
