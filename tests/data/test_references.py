"""Claim: only local files are opened, whatever a manifest, a film or a picture refers to.

A local port listens during the tests and receives no request.
"""

import os
import struct

import av
import numpy as np
import pytest
from PIL import Image

from albar_jax.data.check import check
from albar_jax.data.decode import DecodeError, num_frames, open_video
from albar_jax.data.manifest import read_manifest
from albar_jax.errors import UserError
from albar_jax.masks import open_source
from albar_jax.masks.base import NoMask
from albar_jax.storage import access
from albar_jax.synthesis import background_source, waterbirds

# Texts that a demuxer of ffmpeg reads as a list of other files; PORT is the port of the listener.
PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:PORT/a.ts\n"
    "#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile 'http://127.0.0.1:PORT/a.mp4'\n",
    "concat of a local film": "ffconcat version 1.0\nfile 'good.mp4'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video PORT RTP/AVP 96\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
    'profiles="urn:mpeg:dash:profile:isoff-main:2011" type="static"><Period>'
    '<AdaptationSet mimeType="video/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>http://127.0.0.1:PORT/a.mp4</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "rtsp": "rtsptext\nrtsp://127.0.0.1:PORT/a",
    "asf redirector": "[Reference]\nRef1=http://127.0.0.1:PORT/a.asf\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg">'
    '<image href="http://127.0.0.1:PORT/a.png"/></svg>',
    "eps": "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(http://127.0.0.1:PORT) run\n",
}
ENDINGS = (".mp4", ".avi", ".ts", ".m3u8", ".jpg", ".png")
NAMES = [
    "http://127.0.0.1:PORT/x.mp4",
    "concat:good.mp4|good.mp4",
    "file:good.mp4",
    "pipe:0",
    "data:video/mp4;base64,AAAA",
    "subfile,,start,0,end,0,,:good.mp4",
    "img%03d.mp4",
    "lavfi:testsrc",
    "tcp://127.0.0.1:PORT",
    "-",
]


def _film(path, form="mp4"):
    with av.open(f"file:{path}", "w", format=form) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for value in range(4):
            frame = av.VideoFrame.from_ndarray(
                np.full((32, 32, 3), 50 * value, np.uint8), format="rgb24"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Returns the current folder with a film in it."""
    monkeypatch.chdir(tmp_path)
    _film("good.mp4")
    return tmp_path


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_playlists_under_the_names_of_films_and_pictures_open_nothing(folder, listener, kind):
    port, heard = listener
    content = PLAYLISTS[kind].replace("PORT", str(port)).encode()
    for ending in ENDINGS:
        (folder / f"x{ending}").write_bytes(content)
        for source in (f"x{ending}", content):
            with pytest.raises(DecodeError):
                num_frames(source)
    assert heard == []


@pytest.mark.parametrize("name", NAMES)
def test_names_that_ffmpeg_reads_as_urls_are_ordinary_files(folder, listener, name):
    port, heard = listener
    name = name.replace("PORT", str(port))
    (folder / "manifest.csv").write_text(f'path,label\n"{name}",a\n')
    with pytest.raises(UserError, match="do not exist"):
        read_manifest("manifest.csv")
    with pytest.raises((DecodeError, access.StorageError)):
        num_frames(name)
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    os.link("good.mp4", name)
    (found_path,) = read_manifest("manifest.csv").paths
    assert num_frames(found_path) == num_frames("good.mp4") == 4
    (verdict,) = check([found_path], jobs=1, deadline=60)
    assert (verdict.frames, verdict.reason) == (4, "")
    assert heard == []


def test_external_tracks_of_a_film_are_not_opened(folder):
    _film("other.mov", "mov")
    content = _with_external_track((folder / "other.mov").read_bytes(), str(folder / "good.mp4"))
    (folder / "x.mov").write_bytes(content)
    # The film is valid: without our options, ffmpeg does read the other file.
    with av.open("x.mov", options={"enable_drefs": "1", "use_absolute_path": "1"}) as container:
        assert any(packet.size for packet in container.demux(video=0))
    with pytest.raises(DecodeError, match="has no frames"):
        num_frames("x.mov")


def _with_external_track(content, target):
    """Returns a QuickTime film whose only track is in another file.

    The reference is an alias record of type 2 with an absolute path.
    """
    path = target.encode()
    alias = (
        bytes(10)
        + bytes([1])
        + b"v".ljust(27, b"\0")
        + bytes(12)
        + bytes([1])
        + b"f".ljust(63, b"\0")
        + bytes(16)
    )
    alias += (
        struct.pack(">HH", 0, 1)
        + bytes(16)
        + struct.pack(">HH", 2, len(path))
        + path
        + bytes(len(path) % 2)
    )
    alias += struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    dref = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    return _replaced(content, [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"], dref)


def _replaced(content, names, box):
    parts, at = [], 0
    while at < len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        body = content[at + 8 : at + size]
        if name == names[0]:
            body = _replaced(body, names[1:], box) if names[1:] else box[8:]
        parts.append(struct.pack(">I4s", 8 + len(body), name) + body)
        at += size
    return b"".join(parts)


def test_a_subtitle_within_a_film_that_is_a_playlist_is_not_opened(folder, listener):
    port, heard = listener
    _film("x.avi", "avi")
    playlist = PLAYLISTS["hls"].replace("PORT", str(port)).encode()
    name = "x.srt\0".encode("utf-16-le")
    subtitle = (
        b"GAB2\0"
        + struct.pack("<HI", 2, len(name))
        + name
        + struct.pack("<HI", 4, len(playlist))
        + playlist
    )
    content = (folder / "x.avi").read_bytes()
    place = content.index(b"movi") + 4
    chunk = b"01tx" + struct.pack("<I", len(subtitle)) + subtitle + bytes(len(subtitle) % 2)
    (folder / "x.avi").write_bytes(content[:place] + chunk + content[place:])
    assert num_frames("x.avi") == 4
    assert heard == []


@pytest.mark.parametrize("kind", ["svg", "eps", "hls", "bmp", "tiff", "gif", "pdf"])
def test_pictures_of_other_formats_are_not_opened_under_any_name(folder, listener, kind):
    port, heard = listener
    (folder / "m" / "v").mkdir(parents=True)
    path = folder / "m" / "v" / "00000.png"
    if kind in PLAYLISTS:
        path.write_text(PLAYLISTS[kind].replace("PORT", str(port)))
    else:
        Image.new("RGB", (8, 8), (9, 99, 199)).save(path, kind.upper())
    assert background_source._read_color(str(path)) is None
    with pytest.raises(DecodeError):
        waterbirds._read(str(path))
    with pytest.raises(UserError, match="is not a readable PNG"):
        open_source(f"png:{folder / 'm'}", lambda name: open_video("good.mp4")).get("v")
    # ffmpeg reads it as a film, too.
    if kind != "gif":
        with pytest.raises(DecodeError):
            num_frames(str(path))
    assert heard == []


def test_pipes_and_devices_are_never_read(folder):
    os.mkfifo("pipe.png")
    os.symlink("/dev/zero", "zero.png")
    os.symlink("good.mp4", "link.mp4")
    for name in ("pipe.png", "zero.png"):
        with pytest.raises(DecodeError, match="it is not a regular file"):
            num_frames(name)
        with pytest.raises(OSError, match="it is not a regular file"):
            access.StoredFile(name)
        with pytest.raises(OSError, match="it is not a regular file"):
            access.read_bytes(name)
        assert background_source._read_color(name) is None
    # Links to regular files are allowed, because users link to their own videos.
    assert num_frames("link.mp4") == 4


@pytest.mark.parametrize("name", ["../secret", "/etc/secret", "a/../../secret", "x" * 300, "nul\0"])
def test_masks_are_looked_for_only_in_their_folder(folder, name):
    (folder / "m").mkdir()
    for spec in ("npz", "png", "jhmdb"):
        np.savez("secret.npz", masks=np.ones((4, 8, 8), bool))
        with pytest.raises(NoMask, match="cannot name a file in"):
            open_source(f"{spec}:{folder / 'm'}", None).get(name)


def test_videos_of_a_manifest_may_lie_anywhere_and_are_only_read(folder):
    (folder / "data").mkdir()
    absolute = folder / "good.mp4"
    (folder / "data" / "near.mp4").symlink_to(absolute)
    before = absolute.stat()
    lines = f"path,label,id\n../good.mp4,a,1\n{absolute},a,2\nnear.mp4,a,3\n"
    (folder / "data" / "manifest.csv").write_text(lines)
    manifest = read_manifest(folder / "data" / "manifest.csv")
    assert [num_frames(path) for path in manifest.paths] == [4, 4, 4]
    after = absolute.stat()
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
