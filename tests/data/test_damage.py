"""Claim: frames that the decoder marks as damaged are never used; unusual films are read."""

import re
from pathlib import Path

import av
import barcode
import cv2
import numpy as np
import odd_films
import pytest

from albar_jax.data.check import check
from albar_jax.data.decode import DecodeError, num_frames, open_video, read_frames
from albar_jax.data.readers.pyav import PyAVVideo

# Number of frames, and the distance between keyframes.
COUNT, KEY = 40, 20
# Bytes of a damaged piece.
SIZE = 16
# Films of a pattern that moves: codec, options.
FILMS = {
    "h264.mp4": ("libx264", {"preset": "ultrafast", "x264-params": f"keyint={KEY}:scenecut=0"}),
    "h264.ts": ("libx264", {"preset": "ultrafast", "x264-params": f"keyint={KEY}:scenecut=0"}),
    "h264_b.mkv": ("libx264", {"x264-params": f"keyint={KEY}:scenecut=0:bframes=3"}),
    "hevc.mp4": (
        "libx265",
        {"preset": "ultrafast", "x265-params": f"keyint={KEY}:log-level=none:pools=none"},
    ),
    "mpeg4.avi": ("mpeg4", {"g": str(KEY), "q:v": "3"}),
    "mpeg4_b.avi": ("mpeg4", {"g": str(KEY), "bf": "2", "q:v": "3"}),
    "mpeg2.ts": ("mpeg2video", {"g": str(KEY), "bf": "2", "q:v": "3"}),
    "wmv2.wmv": ("wmv2", {"g": str(KEY), "q:v": "3"}),
    "av1.mp4": ("libsvtav1", {"g": str(KEY), "preset": "12", "svtav1-params": "lp=1"}),
    "mjpeg.avi": ("mjpeg", {"q:v": "4"}),
    "camera.mjpeg": ("mjpeg", {"q:v": "4"}),
    "hevc.ts": (
        "libx265",
        {"preset": "ultrafast", "x265-params": f"keyint={KEY}:log-level=none:pools=none"},
    ),
}


def pictures() -> list[np.ndarray]:
    noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3)).astype(np.uint8)
    pattern = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.5), None, 0, 255, cv2.NORM_MINMAX)
    return [np.ascontiguousarray(np.roll(pattern, 3 * number, 1)) for number in range(COUNT)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> dict[str, Path]:
    folder, shown = tmp_path_factory.mktemp("films"), pictures()
    return {
        name: odd_films.encode(
            folder / name,
            codec,
            shown,
            options=options,
            pixels="yuvj420p" if codec == "mjpeg" else "yuv420p",
        )
        for name, (codec, options) in FILMS.items()
    }


def damaged(path: Path, folder: Path) -> tuple[Path, int]:
    """Writes a copy with wrong data in the largest of the packets 1 to 8.

    The data are wrong from the middle of the packet on. In HEVC they are wrong from its start,
    because the decoder accepts any other data.

    Returns:
      The copy, and the number of the packet.
    """
    with av.open(str(path)) as film:
        packets = [bytes(packet) for packet in film.demux(video=0) if packet.size]
    hit = max(range(1, 9), key=lambda number: len(packets[number]))
    packet, data = packets[hit], bytearray(path.read_bytes())
    noise, pieces = np.random.default_rng(3), 0
    first = 6 if path.stem == "hevc" else len(packet) // 2
    for start in range(
        first,
        len(packet) - SIZE,
        SIZE,
        # A transport stream divides packets.
    ):
        at = data.find(packet[start : start + SIZE])
        if at > 0:
            data[at : at + SIZE] = noise.integers(1, 255, SIZE, dtype=np.uint8).tobytes()
            pieces += 1
    assert pieces
    copy = folder / f"{hit}_{path.name}"
    copy.write_bytes(data)
    return copy, hit


@pytest.mark.parametrize("name", FILMS)
def test_damage_is_found_and_named_by_its_number_in_the_film(sound, tmp_path, name):
    path, hit = damaged(sound[name], tmp_path)
    verdict = next(check([str(path)], jobs=1, deadline=60))
    assert verdict.frames == 0
    number = int(re.search(r"at frame (\d+)$", verdict.reason)[1])
    # B-frames are sent after frames that are shown later.
    assert abs(number - hit) <= 3
    with pytest.raises(DecodeError, match=rf"^{path}: .*at frame {number}$"):
        read_frames(path, range(COUNT))
    assert next(check([str(sound[name])], jobs=1, deadline=60)).frames == COUNT


@pytest.mark.parametrize("name", ["h264.mp4", "h264_b.mkv", "hevc.mp4", "mpeg4.avi", "mjpeg.avi"])
def test_frames_that_do_not_need_what_is_damaged_are_read(sound, tmp_path, name):
    path, _ = damaged(sound[name], tmp_path)
    good = read_frames(sound[name], range(COUNT))
    later = range(COUNT - 8, COUNT)
    np.testing.assert_array_equal(read_frames(path, later), good[COUNT - 8 :])


@pytest.mark.parametrize(
    "name", ["h264.mp4", "h264.ts", "h264_b.mkv", "mpeg4.avi", "mpeg4_b.avi", "mpeg2.ts"]
)
def test_frames_that_are_predicted_from_a_damaged_one_are_refused(sound, tmp_path, name):
    """Decoders mark only the first of them."""
    path, _ = damaged(sound[name], tmp_path)
    good = read_frames(sound[name], range(COUNT)).astype(int)
    with av.open(str(path)) as film:
        film.streams.video[0].codec_context.thread_type = "NONE"
        decoded = [
            (frame.is_corrupt, frame.to_ndarray(format="rgb24")) for frame in film.decode(video=0)
        ]
    unmarked = [
        number
        for number, (is_marked, picture) in enumerate(decoded)
        if not is_marked and abs(picture - good[number]).mean() > 1
    ]
    assert unmarked
    for number in unmarked:
        with pytest.raises(DecodeError, match="damaged at frame"), open_video(path) as video:
            video.read([number])


def test_the_time_gives_the_number_of_a_frame_that_cannot_be_decoded(sound, tmp_path):
    """The decoder still holds back frames that are shown before it."""
    path, hit = damaged(sound["hevc.ts"], tmp_path)
    with av.open(str(path)) as film:
        times = [packet.pts for packet in film.demux(video=0) if packet.size]
    with pytest.raises(DecodeError, match=f"at frame {sorted(times).index(times[hit])}$"):
        num_frames(path)


def test_a_damaged_frame_after_a_seek_has_its_number_in_the_film(films, tmp_path):
    path, data = tmp_path / "film.mp4", (films / "h264_gop250.mp4").read_bytes()
    with PyAVVideo(str(films / "h264_gop250.mp4"), "film") as video:
        packet = bytes(video._timeline.packets[270])
    path.write_bytes(data.replace(packet[8:], bytes(len(packet) - 8)))
    with pytest.raises(DecodeError, match=r"at frame 2[67]\d$"):
        read_frames(path, range(255, 290))
    assert barcode.read(read_frames(path, [200])[0]) == 200


def cut(source: Path, path: Path, first: int) -> Path:
    """Writes the packets of a film from number `first` on."""
    with av.open(str(source)) as film, av.open(str(path), "w") as file:
        stream = file.add_stream_from_template(film.streams.video[0], opaque=True)
        for place, packet in enumerate(packet for packet in film.demux(video=0) if packet.size):
            packet.pts = packet.dts if packet.pts is None else packet.pts
            packet.dts = int((place - 20) / 25 / packet.time_base)
            packet.stream = stream
            if place >= first:
                file.mux(packet)
    return path


X264 = "keyint=12:scenecut=0:bframes=3:b-adapt=0"
X265 = "keyint=12:scenecut=0:bframes=3:b-adapt=0:log-level=none:pools=none"
CUT = {
    "h264": ("libx264", {"x264-params": X264}),
    "h264_open_gop": ("libx264", {"x264-params": f"{X264}:open-gop=1"}),
    "hevc": ("libx265", {"preset": "ultrafast", "x265-params": f"{X265}:open-gop=0"}),
    "hevc_open_gop": ("libx265", {"preset": "ultrafast", "x265-params": f"{X265}:open-gop=1"}),
    "mpeg2": ("mpeg2video", {"g": "12", "bf": "2"}),
    "mpeg4": ("mpeg4", {"g": "12"}),
    "mpeg4_b": ("mpeg4", {"g": "12", "bf": "2"}),
    "vp9": ("libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    "av1": ("libsvtav1", {"g": "12", "preset": "12", "svtav1-params": "lp=1"}),
}


@pytest.mark.parametrize("name", CUT)
def test_film_that_begins_between_keyframes_is_read_from_the_next_one_on(tmp_path, name):
    codec, options = CUT[name]
    whole = odd_films.encode(tmp_path / "whole.mkv", codec, odd_films.barcodes(36), options=options)
    shown = read_frames(whole, range(36))
    for first in (1, 5):
        path = cut(whole, tmp_path / f"{first}.mkv", first)
        count = num_frames(path)
        assert count >= 12
        np.testing.assert_array_equal(read_frames(path, range(count)), shown[36 - count :])
        assert next(check([str(path)], jobs=1, deadline=60)).frames == count


@pytest.mark.parametrize("share", [0.4, 0.57, 0.7])
@pytest.mark.parametrize("name", ["h264.ts", "mpeg2.ts", "camera.mjpeg"])
def test_film_that_is_cut_off_is_read_up_to_there(sound, tmp_path, name, share):
    path, data = tmp_path / name, sound[name].read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    count = num_frames(path)
    good = read_frames(sound[name], range(COUNT)).astype(int)
    assert abs(read_frames(path, range(count - 3)) - good[: count - 3]).mean() < 1
    assert next(check([str(path)], jobs=1, deadline=60)).frames == count > 5


def test_film_by_x264_before_core_151_is_decoded_equally_from_every_start(films):
    """Only its first packet tells how to decode 4:4:4."""
    path = films / "h264_444_old_x264.mp4"
    whole = read_frames(path, range(num_frames(path)))
    for number in range(len(whole)):
        np.testing.assert_array_equal(read_frames(path, [number])[0], whole[number])


def test_a_false_start_is_detected_and_the_film_decoded_from_its_first_packet(films):
    path = films / "h264_gop250.mp4"
    with PyAVVideo(str(path), "film") as video:
        video._timeline.starts.clear()
        # Frame 25 is predicted from frames before it.
        video._timeline.starts.update({0: 0, 25: 25})
        assert [barcode.read(frame) for frame in video.read([40, 33, 120])] == [40, 33, 120]


def units(packet: av.Packet) -> list[tuple[int, int]]:
    """Returns (offset in the film, size) of each unit in a packet of an MP4."""
    data, at, pieces = bytes(packet), 0, []
    while at + 4 < len(data):
        size = int.from_bytes(data[at : at + 4])
        pieces.append((packet.pos + at + 4, size))
        at += 4 + size
    return pieces


@pytest.mark.parametrize(
    ("codec", "header"), [("libx264", b"\x65"), ("libx265", bytes([9 << 1, 1]))]
)
def test_headers_that_no_encoder_writes_are_damage(tmp_path, codec, header):
    """The cases are a slice of zeros, and a picture that cannot follow an IDR."""
    options = (
        {"x264-params": "bframes=0:keyint=99"}
        if codec == "libx264"
        else {"x265-params": "log-level=none"}
    )
    path = odd_films.encode(tmp_path / "film.mp4", codec, pictures(), options=options)
    with av.open(str(path)) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for at, size in units(packets[1]):
        data[at : at + size] = (
            header.ljust(size, b"\0") if codec == "libx264" else header + data[at + 2 : at + size]
        )
    path.write_bytes(data)
    with pytest.raises(DecodeError, match="film.mp4"):
        read_frames(path, range(COUNT))


@pytest.mark.parametrize("name", ["h264.mp4", "h264_b.mkv", "mpeg4.avi", "hevc.ts"])
def test_the_lenient_decoder_reads_damaged_frames_as_ffmpeg_conceals_them(sound, tmp_path, name):
    path, _ = damaged(sound[name], tmp_path)
    with av.open(str(path)) as film:
        context = film.streams.video[0].codec_context
        # As the program ffmpeg does.
        context.options = {"flags": "+output_corrupt"}
        # Several threads conceal in another way.
        context.thread_count = 1
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    with pytest.raises(DecodeError):
        read_frames(path, range(COUNT))
    with open_video(path, "lenient") as video:
        assert len(video) == len(shown)
        np.testing.assert_array_equal(video.read(range(len(video))), shown)
