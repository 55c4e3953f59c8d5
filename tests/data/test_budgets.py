"""Claim: pixels, bytes and memory of a clip are bounded; a video beyond a limit is unreadable."""

import io
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from albar_jax.data.clip_reader import ClipSpec, read_clip
from albar_jax.data.decode import DecodeError, open_video
from albar_jax.data.readers import archives
from albar_jax.storage import access
from albar_jax.storage.budget import Budget, BudgetError

CLIP = ClipSpec(num_frames=2, stride=1, size=32, short_side=40, augment="none", time=0.0)


def limited(**limits) -> ClipSpec:
    return ClipSpec(
        num_frames=2,
        stride=1,
        size=32,
        short_side=40,
        augment="none",
        time=0.0,
        budget=Budget(**limits),
    )


def read(source, spec=CLIP) -> np.ndarray:
    return read_clip(source, spec, np.random.default_rng(0))


def picture(height: int = 240, width: int = 320) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    waves = [
        128 + 100 * np.sin(rows / (20 + 7 * band)) * np.cos(columns / (30 - 5 * band))
        for band in range(3)
    ]
    return np.stack(waves, -1).astype(np.uint8)


def folder_of(path: Path, form: str, count: int = 2, **size) -> Path:
    path.mkdir()
    for number in range(count):
        Image.fromarray(np.roll(picture(**size), 9 * number, 0)).save(
            path / f"{number}.{form}", quality=95
        )
    return path


def film(path: Path, *, codec: str = "mpeg4", side: int = 64, frames: int = 4) -> Path:
    with av.open(path, "w") as file:
        stream = file.add_stream(codec, rate=10)
        stream.width = stream.height = side
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(
                np.full((side, side, 3), 30 * number % 256, np.uint8), format="rgb24"
            )
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def test_jpegs_within_the_budget_are_decoded_in_full_and_others_at_reduced_size(tmp_path):
    folder = folder_of(tmp_path / "jpg", "jpg")
    full = read(folder)
    np.testing.assert_array_equal(read(folder, limited(pixels=2 * 240 * 320)), full)
    for pixels, tolerance in ((2 * 120 * 160, 2.0), (2 * 60 * 80, 4.0), (2 * 30 * 40, 8.0)):
        reduced = read(folder, limited(pixels=pixels))
        assert (reduced != full).any()
        assert abs(reduced.astype(float) - full).mean() < tolerance
    with pytest.raises(
        DecodeError,
        match=r"2 frames of 40 x 30 have 2,400 pixels; config\.loader\.clip_pixels allows 2,3",
    ):
        read(folder, limited(pixels=2_399))


def test_pictures_and_films_that_cannot_be_reduced_are_refused(tmp_path):
    for source in (folder_of(tmp_path / "png", "png"), film(tmp_path / "film.mp4")):
        read(source, limited(pixels=2 * 240 * 320))
        with pytest.raises(
            DecodeError, match=rf"{source}.* pixels; config\.loader\.clip_pixels allows 999"
        ):
            read(source, limited(pixels=999))


def test_whole_frames_are_never_reduced(tmp_path):
    """Synthesis reads whole frames and pastes masks of the same size into them."""
    folder = folder_of(tmp_path / "jpg", "jpg")
    with open_video(folder, budget=Budget(pixels=240 * 320)) as video:
        assert video.read([0]).shape == (1, 240, 320, 3)
        with pytest.raises(DecodeError, match="clip_pixels"):
            video.read([0, 1])


def test_a_film_of_more_bytes_than_the_budget_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "sparse.y4m"
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W8000 H8000 F25:1 C420\nFRAME\n")
        file.truncate(9 << 30)
    with pytest.raises(
        DecodeError,
        match=r"sparse\.y4m: it has 9,663,676,416 bytes; config\.loader\.clip_bytes allows",
    ):
        read(path)


def patched(path: Path, box: bytes, *numbers: int) -> bytes:
    """Writes a film with other numbers after the flags of a box; returns its path."""
    data = bytearray(path.read_bytes())
    struct.pack_into(f">{len(numbers)}I", data, data.index(box) + 8, *numbers)
    return bytes(data)


def test_a_small_mp4_whose_tables_describe_millions_of_samples_is_refused(tmp_path):
    path = film(tmp_path / "film.mp4")
    assert len(read(path)) == 2
    with pytest.raises(
        DecodeError, match=r"its tables list 67,108,863 samples; the limit is 8,388,608"
    ):
        read(patched(path, b"stsz", 1, (1 << 26) - 1))
    with pytest.raises(DecodeError, match=r"its tables list 17,179,869,180 samples"):
        read(patched(path, b"elst", (1 << 32) - 1))


def test_a_jpeg_of_many_scans_is_refused(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "JPEG", progressive=True)
    start, _, scan = buffer.getvalue().rpartition(b"\xff\xda")
    scan = b"\xff\xda" + scan.removesuffix(b"\xff\xd9")
    path = tmp_path / "scans.jpg"
    path.write_bytes(start + scan * 50 + b"\xff\xd9")
    assert len(read(path)) == 2
    path.write_bytes(start + scan * 2_000 + b"\xff\xd9")
    with pytest.raises(DecodeError, match=r"scans\.jpg: it has more than 100 scans"):
        read(path)


def test_a_zip_member_is_never_unpacked_beyond_the_size_that_it_claims(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.jpg", bytes(30 << 20))
    data = buffer.getvalue().replace(struct.pack("<I", 30 << 20), struct.pack("<I", 1_000))
    archive = zipfile.ZipFile(io.BytesIO(data))
    tracemalloc.start()
    try:
        with pytest.raises(zipfile.BadZipFile):
            archives.read_member(archive, archive.getinfo("0.jpg"))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_zip_of_too_many_members_is_refused_before_its_directory_is_read():
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 1 << 30, 0, 0)
    with pytest.raises(BudgetError, match="its directory has 1,073,741,824 bytes"):
        archives.check_directory(io.BytesIO(end))


def test_a_member_of_more_bytes_than_the_budget_is_refused(tmp_path):
    path = tmp_path / "frames.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(folder_of(tmp_path / "jpg", "jpg") / "0.jpg", "0.jpg")
    with pytest.raises(
        DecodeError, match=r"0\.jpg: an image has .* bytes; config\.loader\.clip_bytes allows 100"
    ):
        read(path, limited(bytes=100))


def test_pipes_and_devices_are_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/zero"):
        for opener in (access.StoredFile, access.read_bytes):
            with pytest.raises(OSError, match="not a regular file"):
                opener(path)
        with pytest.raises(DecodeError, match="not a regular file"):
            read(path)


def test_a_file_too_large_to_be_read_at_once_is_refused(tmp_path):
    path = tmp_path / "annotations.json"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(OSError, match="more than 2,147,483,648 bytes"):
        access.read_bytes(path)


MEMORY = """
import resource, sys
import numpy as np
from albar_jax.data.clip_reader import ClipSpec, read_clip
read = lambda path: read_clip(path, ClipSpec(augment="none", time=0.0), np.random.default_rng(0))
read(sys.argv[1])
limit = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize() + (200 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
for path in sys.argv[2:]:
    print(read(path).shape)
"""


def test_memory_of_a_clip_does_not_grow_with_its_number_of_frames(tmp_path):
    """32 frames of 2048 x 2048 take 400 MB.

    The child may use at most 200 MB more than for a small film.
    """
    large = folder_of(tmp_path / "jpg", "jpg", 1, height=2048, width=2048)
    for number in range(1, 32):
        (large / f"{number}.jpg").hardlink_to(large / "0.jpg")
    small = film(tmp_path / "small.avi", codec="mjpeg")
    huge = film(tmp_path / "huge.avi", codec="mjpeg", side=2048, frames=32)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, small, large, huge],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.splitlines() == ["(32, 224, 224, 3)"] * 2, done.stderr[-500:]
