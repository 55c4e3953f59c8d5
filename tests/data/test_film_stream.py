"""Claim: a stream of any length has the frames and errors of other readers, in little memory."""

import itertools
import struct
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import odd_films
import pytest
from test_damage import damaged
from test_damage import sound as sound
from test_decode import NUMBERS
from test_timeline import FILMS, ODD
from test_timeline import many as many

from albar_jax.data import deadline
from albar_jax.data.decode import DecodeError, open_video
from albar_jax.data.film_stream import FilmStream
from albar_jax.data.readers.streamed_film import StreamedFilm
from albar_jax.errors import StorageError
from albar_jax.storage.budget import DEFAULT, Budget
from tests.long_film import write_long_film

# Films of `test_damage` in which decoders mark damage, or fail.
DAMAGED = ["h264.mp4", "h264.ts", "h264_b.mkv", "hevc.mp4", "mpeg4_b.avi", "mpeg2.ts", "mjpeg.avi"]


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


def outcome_of_any(read, path) -> str:
    """Returns the message of the error, which may be the system's."""
    with pytest.raises((DecodeError, StorageError)) as error:
        read(path)
    return str(error.value)


def same(first, second) -> None:
    """Checks that two outcomes are the same message or the same frames."""
    if isinstance(first, str) or isinstance(second, str):
        assert first == second
    else:
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", [*FILMS, *NUMBERS, *ODD])
def test_every_film_has_the_frames_of_the_reader_that_seeks(many, name):
    np.testing.assert_array_equal(stream_all(many[name]), read_all(many[name]))


@pytest.mark.parametrize("name", ["cropped.mkv", "cropped.mp4", "vp9_10_bits.webm"])
@pytest.mark.parametrize("form", ["path", "bytes"])
def test_films_that_are_cropped_or_deep(films, name, form):
    source = films / name if form == "path" else (films / name).read_bytes()
    np.testing.assert_array_equal(stream_all(source), read_all(source))


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_has_the_error_of_the_reader_that_seeks(sound, tmp_path, name):
    path, _ = damaged(sound[name], tmp_path)
    same(outcome(read_all, path), outcome(stream_all, path))


@pytest.mark.parametrize("name", ["h264.mp4", "h264.ts", "mpeg4.avi", "mpeg2.ts"])
def test_the_lenient_decoder_shows_damaged_frames_as_the_reader_does(sound, tmp_path, name):
    path, _ = damaged(sound[name], tmp_path)
    frames = stream_all(path, "lenient")
    np.testing.assert_array_equal(frames, read_all(path, "lenient"))


@pytest.mark.parametrize("share", [0.3, 0.62, 0.97])
@pytest.mark.parametrize("name", [*DAMAGED, "camera.mjpeg"])
def test_a_film_that_is_cut_off_has_the_frames_or_error_of_the_reader(sound, tmp_path, name, share):
    path = tmp_path / name
    data = sound[name].read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    same(outcome(read_all, path), outcome(stream_all, path))


def test_a_damaged_frame_is_an_error_only_where_it_is_needed(sound, tmp_path):
    path, hit = damaged(sound["h264.mp4"], tmp_path)
    good = read_all(sound["h264.mp4"])
    with FilmStream(path) as stream:
        for frame in stream.frames():
            if frame.number < hit or frame.number >= 20:
                np.testing.assert_array_equal(frame.rgb(), good[frame.number])
        assert frame.number == len(good) - 1


def test_a_picture_that_the_decoder_leaves_out_is_an_error(films, tmp_path, monkeypatch):
    """The packets of the film say that there is such a picture, but decoding does not show it."""
    path = films / "h264_gop250.mp4"
    decode = StreamedFilm._decode_packet
    frames = itertools.count()

    def without_one(self, packet):
        return [frame for frame in decode(self, packet) if next(frames) != 30]

    monkeypatch.setattr(StreamedFilm, "_decode_packet", without_one)
    with pytest.raises(DecodeError, match="frame 30 could not be decoded"):
        stream_all(path)


def test_folders_and_archives_of_pictures(films, tmp_path):
    frames = read_all(films / "mjpeg.avi")
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{number}.png"), frame[..., ::-1])
    with zipfile.ZipFile(tmp_path / "frames.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)

    for source in (folder, tmp_path / "frames.zip", folder / "3.png"):
        np.testing.assert_array_equal(stream_all(source), read_all(source))
    cv2.imwrite(str(folder / "7.png"), frames[0, :50])
    same(outcome(read_all, folder), outcome(stream_all, folder))


@pytest.mark.parametrize("name", ["empty.mp4", "text.mp4", "list.m3u8", "missing.avi", "song.m4a"])
def test_files_that_are_no_films_have_the_same_errors(films, tmp_path, name):
    contents = {
        "empty.mp4": b"",
        "text.mp4": b"not a film" * 50,
        "list.m3u8": f"#EXTM3U\n#EXTINF:1,\nfile://{films / 'mjpeg.avi'}\n".encode(),
    }
    path = tmp_path / name
    if name in contents:
        path.write_bytes(contents[name])
    if name == "song.m4a":
        odd_films.song(path, odd_films.barcodes(1)[0])
    read, streamed = (outcome_of_any(call, path) for call in (read_all, stream_all))
    assert read == streamed
    assert name in streamed


def test_a_broken_link_is_an_unreadable_video_and_no_fault_of_the_disk(films, tmp_path):
    film = tmp_path / "broken.mp4"
    film.symlink_to("nowhere.mp4")
    with pytest.raises(DecodeError, match=r"broken\.mp4: it is a broken link to nowhere\.mp4"):
        FilmStream(film)
    cv2.imwrite(str(tmp_path / "1.png"), read_all(films / "mjpeg.avi")[0])
    (tmp_path / "2.png").symlink_to("gone.png")
    with pytest.raises(DecodeError, match=r": 2\.png is a broken link to gone\.png"):
        FilmStream(tmp_path)
    (tmp_path / "2.png").unlink()
    (tmp_path / "2.png").symlink_to("1.png")
    assert len(stream_all(tmp_path)) == 2


def test_a_film_opens_no_other_file(films, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text(f"ffconcat version 1.0\nfile {films / 'mjpeg.avi'}\n")
    with pytest.raises(DecodeError, match=r"list\.txt"), FilmStream(path):
        pass


def test_pixels_of_the_frames_that_are_held_have_a_limit(films):
    path = films / "mjpeg.avi"
    height, width = read_all(path).shape[1:3]
    budget = Budget(pixels=4 * height * width)
    with FilmStream(path, budget=budget, at_once=4) as stream:
        assert len(list(stream)) == stream.expected_frames
    with (
        pytest.raises(DecodeError, match=r"mjpeg\.avi: 5 frames of .*clip_pixels allows"),
        FilmStream(path, budget=budget, at_once=5) as stream,
    ):
        list(stream)


def test_a_film_may_be_larger_than_the_limit_on_bytes_but_not_its_packets(films, tmp_path):
    """Tables of a small file that refer to the same bytes many times would fill any memory."""
    path = films / "mjpeg.avi"
    budget = Budget(bytes=1000)
    np.testing.assert_array_equal(stream_all(path, budget=budget), read_all(path))

    repeated = repeat_packet(tmp_path / "film.mp4", count=200)
    assert len(stream_all(repeated)) == 200
    with pytest.raises(DecodeError, match=r"film\.mp4: its video stream has .*clip_bytes allows"):
        stream_all(repeated, budget=budget)


def repeat_packet(path: Path, count: int) -> Path:
    """Writes a film of one picture whose fragments all refer to the same bytes."""
    options = {"movflags": "frag_every_frame+empty_moov+default_base_moof"}
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    with av.open(str(path), "w", container_options=options) as container:
        stream = container.add_stream("mjpeg", rate=25, options={"q:v": "2"})
        stream.height, stream.width = noise.shape[:2]
        stream.pix_fmt = "yuvj420p"
        for packet in stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")):
            container.mux(packet)

    data = path.read_bytes()
    start = data.index(b"moof") - 4
    end = data.index(b"mdat") - 4
    fragment = bytearray(data[start:end])
    tail = data.index(b"mfra") - 4
    time = fragment.index(b"tfdt") + 8
    offset = fragment.index(b"trun") + 12
    first = struct.unpack_from(">i", fragment, offset)[0]
    duration = 512
    with path.open("wb") as file:
        file.write(data[:tail])
        for number in range(1, count):
            struct.pack_into(">Q", fragment, time, number * duration)
            struct.pack_into(">i", fragment, offset, start + first - file.tell())
            file.write(fragment)
    return path


def test_a_decoder_that_hangs_makes_the_film_unreadable(films, monkeypatch):
    release = threading.Event()
    decode = StreamedFilm._decode_packet

    def hang(self, packet):
        release.wait(30)
        return decode(self, packet)

    monkeypatch.setattr(StreamedFilm, "_decode_packet", hang)
    try:
        with (
            pytest.raises(deadline.LateError, match=r"mjpeg\.avi: it takes longer than 0.3 s"),
            FilmStream(films / "mjpeg.avi", budget=Budget(seconds=0.3)) as stream,
        ):
            list(stream)
    finally:
        release.set()


def test_the_frame_rate_is_the_average(films):
    for name, rate in {"mjpeg.avi": 25, "h264_444_old_x264.mp4": 10}.items():
        with FilmStream(films / name) as stream:
            assert stream.fps == rate


MEASURE = """
import sys
from albar_jax.features.crops import View
from albar_jax.features.film_windows import FilmWindows
from albar_jax.features.windows import Windows

windows = Windows(frames=8, stride=2, hop=64)
with FilmWindows(sys.argv[1], windows, View(size=32, short_side=32)) as film:
    rows = sum(1 for _ in film)
    print(rows, film.num_frames)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
MINUTE = 60 * 30


def test_a_film_of_half_an_hour_needs_the_memory_of_one_minute(tmp_path):
    peaks = []
    for minutes in (1, 30):
        path = write_long_film(
            tmp_path / f"{minutes}.mkv",
            minutes,
            "mpeg4",
            rate=30,
            size=64,
            pix_fmt="yuv420p",
            options={"q:v": "8", "g": "30"},
        )
        command = [sys.executable, "-c", MEASURE, str(path)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows, frames, peak = map(int, printed.split())
        assert (rows, frames) == (minutes * MINUTE // 64, minutes * MINUTE)
        peaks.append(peak)

    # With its packets in memory, the film would need as much again.
    assert path.stat().st_size > 0.5 * 1024 * peaks[0]
    assert peaks[1] <= 1.3 * peaks[0], peaks
