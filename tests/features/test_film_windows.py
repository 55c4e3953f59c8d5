"""Claim: windows have the frames of their rule and the pixels of evaluation, decoded once."""

from collections import Counter
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from albar_jax.data import film_stream
from albar_jax.data.clip_reader import ClipSpec, read_clip
from albar_jax.data.decode import DecodeError, read_frames
from albar_jax.errors import UserError
from albar_jax.features.crops import Cropper, View
from albar_jax.features.film_windows import FilmWindows
from albar_jax.features.windows import BLACK, PRESETS, Windows

VIEW = View(size=56, short_side=64)


def write_film(path: Path, count: int, size=(96, 144)) -> Path:
    """Writes a film of noise that changes with each frame."""
    rng = np.random.default_rng(count)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        for _ in range(count):
            small = rng.integers(0, 256, (6, 9, 3), np.uint8)
            picture = cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Returns a function that writes a film of some frames, or returns the one written before."""
    folder = tmp_path_factory.mktemp("films")
    written = {}

    def film(count: int, size=(96, 144)) -> Path:
        key = count, size
        if key not in written:
            written[key] = write_film(folder / f"{count}-{size[0]}.mp4", count, size)
        return written[key]

    return film


def read_windows(path, windows, view=VIEW):
    with FilmWindows(path, windows, view) as film:
        rows = list(film)
        return rows, film.num_frames


ALL = [
    PRESETS["dense"]["mgfn"],
    PRESETS["dense"]["tridet"],
    PRESETS["author"]["mgfn"],
    PRESETS["span"]["mgfn"],
    # Windows with gaps between them, of one frame, and of frames that no window shares.
    Windows(frames=3, stride=2, hop=25),
    Windows(frames=1, stride=7, hop=1),
    Windows(frames=5, stride=3, hop=2, centred=False),
    Windows(frames=2, stride=40, hop=9),
]


@pytest.mark.parametrize("count", [1, 5, 31, 70])
@pytest.mark.parametrize("windows", ALL, ids=str)
def test_every_window_has_the_frames_of_the_rule(films, windows, count):
    path = films(count)
    rows, num_frames = read_windows(path, windows)
    frames = read_frames(path, range(count))
    crop = Cropper(VIEW)
    top, left, height, width = crop.choose_box(*frames.shape[1:3])
    pictures = [crop.cut(f[top : top + height, left : left + width]) for f in frames]

    assert num_frames == count
    numbers = windows.numbers(count)
    assert [row.row for row in rows] == list(range(len(numbers)))
    for row in rows:
        np.testing.assert_array_equal(row.numbers, numbers[row.row])
        assert row.clips.shape == (1, windows.frames, 56, 56, 3)
        for place, number in enumerate(row.numbers):
            expected = 0 if number == BLACK else pictures[number]
            np.testing.assert_array_equal(row.clips[:, place], expected)


@pytest.mark.parametrize("shape", ["keep", "square"])
def test_a_window_is_the_clip_that_evaluation_reads(films, shape):
    """The central clip of 64 frames is the only window of the preset span, and of 16 x 4."""
    path = films(64)
    view = View(size=56, short_side=64, shape=shape)
    spec = ClipSpec(size=56, short_side=64, time=0.5, augment="none", shape=shape)
    clip = read_clip(path, spec, np.random.default_rng(0))
    for windows in (PRESETS["span"]["plain"], Windows(frames=32, stride=2, hop=64)):
        (row,), _ = read_windows(path, windows, view)
        np.testing.assert_array_equal(row.clips[0], clip)


@pytest.mark.parametrize("size", [(96, 144), (144, 96), (96, 96)])
def test_three_crops_are_the_three_views_of_evaluation(films, size):
    path = films(16, size)
    view = View(crops=3, size=56, short_side=64)
    windows = Windows(frames=8, stride=2, hop=16)
    (row,), _ = read_windows(path, windows, view)
    for number, place in enumerate((0.0, 0.5, 1.0)):
        spec = ClipSpec(8, 2, 56, 64, time=0.5, augment="none", place=place)
        clip = read_clip(path, spec, np.random.default_rng(0))
        np.testing.assert_array_equal(row.clips[number], clip)


def test_ten_crops_have_the_order_of_the_public_features():
    """Each corner and the centre has a colour of its own, and a bright right edge."""
    picture = np.zeros((64, 96, 3), np.uint8)
    spots = [(0, 0), (0, 56), (12, 28), (24, 0), (24, 56)]
    for number, (top, left) in enumerate(spots, start=1):
        picture[top + 10 : top + 30, left + 10 : left + 30] = 40 * number
        # The right edge of each crop.
        picture[top : top + 40, left + 39] = 250

    cropper = Cropper(View(crops=10, size=40, short_side=64))
    assert cropper.choose_box(64, 96) == (0, 0, 64, 96)
    crops = cropper.cut(picture)

    assert crops.shape == (10, 40, 40, 3)
    for number, (top, left) in enumerate(spots):
        inner = picture[top : top + 40, left : left + 40]
        np.testing.assert_array_equal(crops[number], inner)
        np.testing.assert_array_equal(crops[number + 5], inner[:, ::-1])


def test_frames_that_no_window_needs_are_decoded_but_not_converted(films, monkeypatch):
    converted = Counter()
    convert = film_stream._FrameConverter._convert

    def counted(self, frame):
        converted["frames"] += 1
        return convert(self, frame)

    monkeypatch.setattr(film_stream._FrameConverter, "_convert", counted)
    windows = Windows(frames=4, stride=2, hop=35)
    rows, _ = read_windows(films(70), windows)
    assert converted["frames"] == len({n for row in rows for n in row.numbers.tolist()}) == 8


def test_only_frames_of_open_windows_are_in_memory(films):
    with FilmWindows(films(70), PRESETS["dense"]["tridet"], VIEW) as film:
        held = [len(film._pictures) for _ in film]
    # A window spans 64 frames, of which every second one is used.
    assert max(held) <= 33
    assert len(held) == 17


def test_folders_of_pictures_are_films_without_times(films, tmp_path):
    frames = read_frames(films(31), range(31))
    for number, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / f"{number:03}.png"), frame[..., ::-1])
    windows = PRESETS["dense"]["tridet"]
    expected, _ = read_windows(films(31), windows)
    with FilmWindows(str(tmp_path), windows, VIEW) as film:
        rows = list(film)
        assert film.fps is None
        assert film.expected_frames == film.num_frames == 31
    for row, other in zip(rows, expected, strict=True):
        np.testing.assert_array_equal(row.clips, other.clips)


def test_a_damaged_film_raises_its_error_when_a_window_needs_the_damage(films, tmp_path):
    data = films(70).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DecodeError, match="cut.mp4"):
        read_windows(path, PRESETS["dense"]["plain"])


@pytest.mark.parametrize(("size", "short_side"), [(0, 64), (65, 64), (64, 0)])
def test_crops_that_do_not_fit_are_refused(size, short_side):
    with pytest.raises(UserError, match="from 1 to the short side"):
        View(size=size, short_side=short_side)
