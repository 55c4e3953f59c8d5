"""Claim: skipping packets and cutting before the conversion changes no frame and no pixel."""

import itertools
import sys
from collections import Counter, deque
from collections.abc import Sequence

import av
import barcode
import numpy as np
import odd_films
import pytest
from av.video.frame import PictureType
from test_decode import NUMBERS, index_sets

from albar_jax.data.decode import open_video
from albar_jax.data.readers import film, frame_headers, pyav, timeline
from albar_jax.data.readers.film import Film
from albar_jax.data.readers.pyav import PyAVVideo

# Generated films of 60 frames: name -> codec, keyframe distance, consecutive B-frames, options.
FILMS = {
    "pyramid.mp4": ("libx264", 20, 7, {"x264-params": "b-pyramid=strict:b-adapt=0:scenecut=0"}),
    "intra_refresh.mp4": ("libx264", 20, 2, {"x264-params": "intra-refresh=1"}),
    "headers_repeated.mp4": ("libx264", 20, 2, {"x264-params": "repeat-headers=1"}),
    "interlaced.mp4": ("libx264", 20, 2, {"x264-params": "tff=1"}),
    "h264.avi": ("libx264", 20, 2, {}),
    "h264.mkv": ("libx264", 20, 2, {}),
    "hevc_open_gop.mp4": (
        "libx265",
        20,
        4,
        {"x265-params": "open-gop=1:temporal-layers=2:log-level=error"},
    ),
    "hevc_closed_gop.mp4": ("libx265", 20, 4, {"x265-params": "open-gop=0:radl=2:log-level=error"}),
    "hevc_headers_repeated.mkv": (
        "libx265",
        20,
        3,
        {"x265-params": "open-gop=1:repeat-headers=1:log-level=error"},
    ),
    "hevc_intra_refresh.mp4": (
        "libx265",
        20,
        2,
        {"x265-params": "intra-refresh=1:log-level=error"},
    ),
    "vp9_alt_ref.webm": (
        "libvpx-vp9",
        20,
        0,
        {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "5"},
    ),
    "vp9.mp4": ("libvpx-vp9", 20, 0, {"deadline": "realtime", "cpu-used": "8"}),
    "av1.mp4": (
        "libsvtav1",
        20,
        0,
        {"preset": "8", "crf": "15", "svtav1-params": "lp=1:irefresh-type=2"},
    ),
    "av1_forward_keys.mkv": (
        "libsvtav1",
        32,
        0,
        {"preset": "8", "crf": "15", "svtav1-params": "lp=1:irefresh-type=1"},
    ),
    "mpeg4_interlaced.avi": ("mpeg4", 20, 2, {"flags": "+ildct+ilme", "qmin": "4", "qmax": "4"}),
    "mpeg4.mkv": ("mpeg4", 20, 2, {}),
    "mpeg2.mpg": ("mpeg2video", 20, 2, {}),
}
# Films made from these: the numbers that they show, or none if decoders may show some twice or not
# at all.
ODD = {
    "times_as_sent.mp4": None,
    "null_packet.avi": range(60),
    "null_packets_of_packed.avi": [*range(57), 58],
    "vp9_cut.mkv": range(20, 60),
    "mjpeg_of_shared_tables.avi": range(20),
    "still.avi": None,
    "headers_told.mp4": range(24),
    "headers_between.mkv": range(24),
    "cut_open_gop.mkv": range(12, 60),
    "cut_hevc_open_gop.mkv": range(40, 60),
    "cut_intra_refresh.mkv": None,
    "delay_unsaid.avi": None,
    "delay_unsaid.mp4": range(60),
    "delay_unsaid_as_sent.mp4": None,
}
# Films whose frames can only be counted by decoding.
TOLD = {"headers_between.mkv", "delay_unsaid.mp4", "null_packet.avi", "null_packets_of_packed.avi"}
UNTOLD = {"h264.avi", "mpeg2.mpg", "h264_trimmed.mp4"} | ODD.keys() - TOLD


def write_film(path, name: str, pictures) -> None:
    codec, interval, b_frames, options = FILMS[name]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = barcode.WIDTH, barcode.HEIGHT, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = interval, b_frames
        stream.codec_context.thread_count = 1
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def write_with_times_as_sent(source, path) -> None:
    """Writes reordered pictures with times in decoding order, as a faulty program does."""
    with av.open(str(source)) as container, av.open(str(path), "w") as copy:
        stream = copy.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.size:
                packet.pts, packet.stream = packet.dts, stream
                copy.mux(packet)


def write_odd(folder, films) -> None:
    """Writes films whose headers change or lack information, and films that begin in the middle."""
    pictures = odd_films.barcodes(60)
    x264 = "keyint=6:scenecut=0:bframes=2:b-adapt=0"
    parts = []
    for crf, extra, numbers in [
        (20, "", slice(0, 12)),
        (34, ":repeat-headers=1", slice(12, 24)),
        (34, "", slice(12, 24)),
    ]:
        options = {"crf": str(crf), "x264-params": x264 + extra}
        path = folder / f"part_{len(parts)}.mp4"
        parts.append(odd_films.encode(path, "libx264", pictures[numbers], options=options))
    odd_films.splice(folder / "headers_told.mp4", [parts[0], parts[2]], told=True)
    odd_films.splice(folder / "headers_between.mkv", parts[:2])
    for source, first in [(films / "h264_open_gop.mp4", 11), (folder / "hevc_open_gop.mp4", 39)]:
        odd_films.splice(
            folder / f"cut_{source.stem.removeprefix('h264_')}.mkv", [source], first=first
        )
    odd_films.splice(folder / "cut_intra_refresh.mkv", [folder / "intra_refresh.mp4"], first=30)
    write_film(folder / "delay_unsaid.avi", "mpeg4.mkv", pictures)
    odd_films.hide_delay_of_mpeg4(folder / "delay_unsaid.avi")
    odd_films.with_null_packets(
        films / "xvid_no_bframes.avi", folder / "null_packet.avi", behind=[0, 7, 8]
    )
    odd_films.with_null_packets(
        films / "xvid_bframes.avi", folder / "null_packets_of_packed.avi", for_empty=True
    )
    odd_films.splice(folder / "vp9_cut.mkv", [folder / "vp9.mp4"], first=3)
    odd_films.share_tables(films / "mjpeg.avi", folder / "mjpeg_of_shared_tables.avi")
    late = odd_films.encode(
        folder / "delay_unsaid.mp4",
        "libx264",
        pictures,
        options={"x264-params": "keyint=60:scenecut=0:bframes=2:b-adapt=0"},
        kinds=[PictureType.I] + [PictureType.P] * 30,
    )
    odd_films.hide_delay_of_h264(late)
    write_with_times_as_sent(late, folder / "delay_unsaid_as_sent.mp4")


@pytest.fixture(scope="module")
def many(films, tmp_path_factory):
    """Returns the path of every film by its name."""
    folder = tmp_path_factory.mktemp("films")
    numbers = [barcode.draw(i) for i in range(60)]
    for name in FILMS:
        write_film(folder / name, name, numbers)
    write_with_times_as_sent(folder / "pyramid.mp4", folder / "times_as_sent.mp4")
    # Nothing moves, so some pictures are as short as the empty pictures of MPEG-4.
    write_film(folder / "still.avi", "mpeg4.mkv", numbers[:1] * 60)
    write_odd(folder, films)
    return {path.name: path for path in [*folder.iterdir(), *(films / name for name in NUMBERS)]}


names = pytest.mark.parametrize("name", [*FILMS, *NUMBERS, *ODD])


def open_whole(path, monkeypatch) -> PyAVVideo:
    """Opens a film so that all of it is decoded from the first frame on."""
    with monkeypatch.context() as patch:
        patch.setattr(film, "timeline_of", lambda *_: None)
        return PyAVVideo(str(path), path.name)


@pytest.fixture
def decoded(monkeypatch) -> Counter:
    """Counts the frames that decoders return."""
    counts = Counter()
    decode = Film.decode

    def counted(*args):
        for frame in decode(*args):
            counts["frames"] += 1
            yield frame

    monkeypatch.setattr(Film, "decode", counted)
    return counts


@names
def test_frames_are_the_same_as_after_decoding_everything(many, name, monkeypatch):
    with open_whole(many[name], monkeypatch) as video:
        whole = video.read(range(len(video)))
    if shown := range(60) if name in FILMS else ODD.get(name):
        assert [barcode.read(frame) for frame in whole] == list(shown)
    with PyAVVideo(str(many[name]), name) as video:
        assert len(video) == len(whole)
        for wanted in [range(len(whole)), range(0, len(whole), 2), *index_sets(len(whole))]:
            np.testing.assert_array_equal(video.read(wanted), whole[list(wanted)])


@names
def test_a_box_has_the_same_pixels_as_in_the_whole_picture(many, name):
    rng = np.random.default_rng(0)
    with open_video(many[name]) as video:
        wanted = [3, len(video) - 1]
        whole = video.read(wanted)
        height, width = whole.shape[1:3]
        for _ in range(8):
            (top, bottom), (left, right) = (
                np.sort(rng.choice(n + 1, 2, replace=False)) for n in (height, width)
            )
            sizes = []
            box = top, left, bottom - top, right - left
            part = video.read(wanted, lambda *size, box=box, sizes=sizes: sizes.append(size) or box)
            np.testing.assert_array_equal(part, whole[:, top:bottom, left:right])
            assert sizes == [(height, width)]


def test_each_decoding_begins_with_the_first_headers(many, monkeypatch):
    monkeypatch.setattr(pyav, "KEPT_PIXELS", 0)
    with PyAVVideo(str(many["headers_told.mp4"]), "film") as video:
        for _ in range(2):
            assert [barcode.read(frame) for frame in video.read([23, 4])] == [23, 4]


def test_a_box_at_the_edge_of_a_picture_of_odd_width(tmp_path):
    path = odd_films.encode(tmp_path / "film.avi", "mpeg4", odd_films.barcodes(2, (114, 163)))
    with PyAVVideo(str(path), "film") as video:
        whole = video.read([1])
        assert whole.shape == (1, 114, 163, 3)
        with av.open(str(path)) as film:
            reference = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)][1]
        np.testing.assert_array_equal(whole[0], reference)
        for left in (159, 160, 161, 162):
            part = video.read([1], lambda height, width, left=left: (3, left, 45, width - left))
            np.testing.assert_array_equal(part, whole[:, 3:48, left:])


@names
def test_frames_are_counted_without_decoding_where_that_is_sure(many, name, decoded):
    with PyAVVideo(str(many[name]), name) as video:
        assert decoded["frames"] == (len(video) if name in UNTOLD else 0)


@pytest.mark.parametrize(
    ("name", "wanted", "least", "most"),
    [
        # From the keyframe 250 on.
        ("h264_gop250.mp4", [259], 1, 10),
        # Nothing in between.
        ("h264_gop250.mp4", [2, 259], 2, 13),
        (
            "pyramid.mp4",
            [45, 47],
            2,
            6,
            # 0, 40, 44, 46, and the two frames, which are no references.
        ),
        (
            "headers_repeated.mp4",
            [45],
            2,
            8,
            # 0, and from 40 on: repeated headers change nothing.
        ),
        # From the start: the headers change.
        ("headers_between.mkv", [23], 13, 24),
        (
            "h264_open_gop.mp4",
            [59],
            13,
            40,
            # From the start: frames shown before its keyframes need earlier frames.
        ),
        # From 40 on.
        ("hevc_closed_gop.mp4", [45, 59], 8, 20),
        ("hevc_open_gop.mp4", [45, 59], 8, 22),
        (
            "hevc_open_gop.mp4",
            [39],
            8,
            40,
            # Predicted from frames before the keyframe 40, and sent after it.
        ),
        ("hevc_headers_repeated.mkv", [45], 2, 12),
        ("vp9_alt_ref.webm", [45], 6, 6),
        ("vp9.mp4", [3, 45], 10, 10),
        ("av1.mp4", [45], 6, 12),
        (
            "av1_forward_keys.mkv",
            [59],
            20,
            60,
            # A keyframe that is shown later than it is sent is no start.
        ),
        ("null_packet.avi", [30], 1, 31),
        # 20 of the 40 B-frames.
        ("mpeg4_asp.mp4", list(range(0, 60, 2)), 30, 41),
        ("xvid_bframes.avi", [30], 1, 20),
        ("mjpeg.avi", [2, 17], 2, 2),
    ],
)
def test_frames_that_nothing_needs_are_not_decoded(many, name, wanted, least, most, decoded):
    with PyAVVideo(str(many[name]), name) as video:
        video.read(wanted)
    assert least <= decoded["frames"] <= most


def test_frames_that_come_in_another_order_than_their_times_are_refused(films, monkeypatch):
    with PyAVVideo(str(films / "h264_gop250.mp4"), "film") as video:
        packets = video._timeline.packets
        packets[20].pts, packets[30].pts = packets[30].pts, packets[20].pts
        with pytest.raises(pyav.DecodeError, match="order of their times"):
            video.read(range(40))


def test_the_decoder_is_flushed_where_packets_are_skipped(tmp_path, decoded):
    """HEVC stores picture numbers modulo 256, so after a long jump they are unexpected."""
    options = {
        "preset": "ultrafast",
        "x265-params": "open-gop=1:keyint=50:bframes=4:log-level=none:pools=none",
    }
    path = odd_films.encode(
        tmp_path / "film.mp4", "libx265", odd_films.barcodes(260), options=options
    )
    with PyAVVideo(str(path), "film") as video:
        assert [barcode.read(frame) for frame in video.read([250, 2, 201])] == [250, 2, 201]
    assert decoded["frames"] < 80


def unit(kind: int, data: bytes) -> bytes:
    return bytes((kind << 3 | 2, len(data))) + data


SEQUENCE = unit(1, b"\0\0\0")
AV1 = {
    "shown key": (SEQUENCE + unit(6, b"\x10"), True),
    "key without a sequence header": (unit(6, b"\x10"), False),
    "key that is shown later": (SEQUENCE + unit(3, b"\0") + unit(6, b"\x30"), False),
    "frame from before that is shown now": (SEQUENCE + unit(3, b"\x80"), False),
    "other frame": (SEQUENCE + unit(6, b"\x30"), False),
}
VP9 = {
    "shown key": (b"\x82", True),
    "shown key of profile 3": (b"\xb1", True),
    "hidden key and another": (b"\x80\x86\xc1\1\1\xc1", True),
    "other frame": (b"\x86", False),
    "hidden frame and another": (b"\x84\x86\xc1\1\1\xc1", False),
    "frame from before that is shown now": (b"\x88", False),
}


@pytest.mark.parametrize(("codec", "cases"), [("av1", AV1), ("vp9", VP9)])
def test_only_keyframes_that_replace_everything_are_starts(codec, cases):
    first, _ = cases["shown key"]
    for name, (data, is_start) in cases.items():
        packets = [av.Packet(first), av.Packet(data)]
        assert frame_headers.starts_of(codec, packets) == ([0, 1] if is_start else [0]), name


@pytest.mark.parametrize(
    ("codec", "first", "data"),
    [
        ("vp9", b"\x82", b"\x84"),
        ("vp9", b"\x82", b"\x86\x86\xc1\1\1\xc1"),
        ("av1", SEQUENCE + unit(6, b"\x10"), unit(6, b"\x20")),
        ("vp9", b"\x86", b"\x82"),
    ],
)
def test_films_without_a_sure_timeline_are_decoded_whole(codec, first, data):
    assert frame_headers.starts_of(codec, [av.Packet(first), av.Packet(data)]) == []


class PassingPackets(Sequence):
    """Packets of a film, made anew at each iteration; counts those that are held for long."""

    def __init__(self, packets):
        self._packets = packets
        self.num_held = 0

    def __iter__(self):
        last = deque()
        for packet in self._packets:
            passing = av.Packet(bytes(packet))
            passing.pts = packet.pts
            last.append(passing)
            yield passing
            del passing
            # A B-frame may wait for its place.
            if len(last) > 3:
                oldest = last.popleft()
                # This name, and the argument of the function.
                self.num_held += sys.getrefcount(oldest) > 2

    def __len__(self):
        return len(self._packets)

    def __getitem__(self, place):
        return next(itertools.islice(self, place, None))


@pytest.mark.parametrize("name", ["xvid_bframes.avi", "mjpeg.avi", "h264_gop250.mp4", "vp9.webm"])
def test_whether_the_frames_are_sure_is_found_without_holding_packets(films, name):
    with av.open(str(films / name)) as film:
        passing = PassingPackets([packet for packet in film.demux(video=0) if packet.size])
        assert timeline.is_sure(film.format.name, film.streams.video[0], passing)
    assert len(passing) >= 10
    assert not passing.num_held
