"""Claim: a folder, a .zip and a single image are videos; a bad one is a DecodeError."""

import io
import os
import resource
import struct
import zipfile
import zlib

import barcode
import numpy as np
import pytest
from barcode import numbers
from PIL import Image

from albar_jax.data.clips import placed_indices
from albar_jax.data.decode import DecodeError, num_frames, open_video, read_frames
from albar_jax.data.readers import frames, image

JUNK = ("Thumbs.db", ".hidden.jpg", "list.txt", "flow_x_00001.jpg", "__MACOSX/clip/1.jpg")


def encode(picture: np.ndarray, kind: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return file.getvalue()


def barcodes(pattern: str, numbers) -> dict[str, bytes]:
    return {pattern % number: encode(barcode.draw(number), quality=90) for number in numbers}


def write_folder(path, members: dict[str, bytes]):
    for name, data in members.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return path


def write_zip(path, members: dict[str, bytes], method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "pattern",
    [
        "frame%06d.jpg",
        "%06d.jpg",
        "img_%05d.jpg",
        "frame%d.jpg",
        "v_Fencing_g01_c02-%d.JPEG",
        "7 (%d).jpg",
    ],
)
def test_frames_come_in_the_order_of_their_numbers(tmp_path, pattern):
    # A gap in the numbers adds no frame.
    shown = [1, 2, 3, 9, 10, 11, 20, 100]
    members = barcodes(pattern, reversed(shown))
    junk = dict.fromkeys(JUNK, b"junk")
    for video in (
        write_folder(tmp_path / "folder", members | junk),
        write_zip(tmp_path / "a.zip", members | junk),
    ):
        assert num_frames(video) == len(shown)
        assert numbers(read_frames(video, range(len(shown)))) == shown
        assert numbers(read_frames(video, [7, 0, 0, 3])) == [100, 1, 1, 9]


def test_folder_zip_and_bytes_give_the_same_frames_as_pil(tmp_path):
    members = barcodes("clip__0/frame%06d.jpg", range(1, 6))
    archive = write_zip(tmp_path / "clip__0.zip", members)
    write_folder(tmp_path, members)
    expected = np.stack(
        [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in members.values()]
    )
    for source in (tmp_path / "clip__0", archive, archive.read_bytes()):
        np.testing.assert_array_equal(read_frames(source, range(5)), expected)


def test_one_image_is_a_video_of_one_frame_that_fills_a_clip(tmp_path):
    # Its name does not matter.
    path = tmp_path / "still.mp4"
    path.write_bytes(encode(barcode.draw(77), "PNG"))
    for source in (path, path.read_bytes()):
        with open_video(source) as video:
            clip = video.read(placed_indices(len(video), 4, 2, 0.5))
        np.testing.assert_array_equal(clip, [barcode.draw(77)] * 4)


def test_a_zip_is_recognised_by_its_first_bytes(tmp_path):
    path = write_zip(tmp_path / "clip.mp4", barcodes("%d.jpg", range(3)))
    assert numbers(read_frames(path, [2])) == [2]


def test_only_the_images_asked_for_are_decoded(tmp_path):
    members = barcodes("%d.jpg", range(4)) | {"4.jpg": b"junk"}
    for video in (
        write_folder(tmp_path / "folder", members),
        write_zip(tmp_path / "a.zip", members),
    ):
        assert numbers(read_frames(video, [3, 1])) == [3, 1]
        with pytest.raises(DecodeError, match=r"4\.jpg: it is not a JPEG or PNG image"):
            read_frames(video, [4])


def gradient(channels: int) -> np.ndarray:
    y, x = np.mgrid[:32, :48]
    return np.stack([x * 5, y * 7, (x + y) * 3, 255 - x * 5], axis=-1).astype(np.uint8)[
        ..., :channels
    ]


def test_every_kind_of_picture_becomes_rgb_of_8_bits(tmp_path):
    colour, grey = gradient(3), gradient(1)[..., 0]
    deep = (grey.astype(np.uint16) << 8) + 99
    turned = Image.Exif()
    # Orientation: a quarter turn.
    turned[0x0112] = 6
    cases = {
        "grey": (encode(grey, "PNG"), np.repeat(grey[..., None], 3, axis=-1)),
        "alpha": (encode(gradient(4), "PNG"), colour),
        "16 bits": (encode(deep, "PNG"), np.repeat(grey[..., None], 3, axis=-1)),
        "palette": (encode_palette(grey), np.repeat(grey[..., None], 3, axis=-1)),
        "turned": (encode(colour, "PNG", exif=turned), colour),
    }
    for name, (data, expected) in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        np.testing.assert_array_equal(read_frames(path, [0])[0], expected, err_msg=name)
    turned_jpeg = encode(colour, exif=turned)
    assert read_frames(turned_jpeg, [0]).shape == (1, 32, 48, 3)


def encode_palette(grey: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(grey).convert("P").save(file, "PNG")
    return file.getvalue()


def empty_png(side: int) -> bytes:
    """Returns a few bytes whose header claims a picture of side x side pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = (
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (header, data, b"IEND")
    )
    return frames.IMAGE[1] + b"".join(chunks)


def bad_members() -> dict[str, tuple[dict[str, bytes], str]]:
    good = barcodes("frame%d.jpg", range(1, 3))
    jpeg, png = good["frame1.jpg"], encode(barcode.draw(1), "PNG")
    small = encode(np.zeros((8, 8, 3), np.uint8))
    return {
        "nothing": ({}, "it holds no images"),
        "no_images": ({"a.txt": b"a"}, "it holds no images"),
        "two_series": (good | {"mask1.png": png}, "names differ"),
        "same_number": (good | {"frame01.jpg": jpeg}, "have the same number"),
        "no_number": (good | {"cover.jpg": jpeg}, "'cover.jpg' has no number"),
        "sizes": (
            {"frame1.jpg": jpeg, "frame2.jpg": small},
            r"different sizes; the first that differs is frame2\.jpg",
        ),
        "cut_jpeg": (
            good | {"frame2.jpg": jpeg[: len(jpeg) // 2]},
            r"frame2\.jpg: it is (cut off|damaged)",
        ),
        "cut_png": (good | {"frame2.jpg": png[: len(png) // 2]}, r"frame2\.jpg: it is damaged"),
        "text": (
            good | {"frame2.jpg": b"text" * 99},
            r"frame2\.jpg: it is not a JPEG or PNG image",
        ),
        "empty": (good | {"frame2.jpg": b""}, r"frame2\.jpg: it is not a JPEG or PNG image"),
        "huge": (good | {"frame2.jpg": empty_png(60_000)}, r"frame2\.jpg: .*pixels"),
        "large": (good | {"frame2.jpg": empty_png(9_000)}, r"frame2\.jpg: .*9000 x 9000 pixels"),
        "long": (
            good | {"frame2.jpg": jpeg + bytes(frames.MAX_BYTES)},
            r"frame2\.jpg: an image has .* bytes",
        ),
    }


def refused(source, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason) as caught, open_video(source) as video:
        video.read(range(len(video)))
    message = str(caught.value)
    assert message.startswith(f"{source}: "), message
    assert "\n" not in message


def test_bad_images_are_a_decode_error_with_path_and_reason(tmp_path):
    for name, (members, reason) in bad_members().items():
        folder = tmp_path / name
        folder.mkdir()
        refused(write_folder(folder, members), reason)
        refused(write_zip(tmp_path / f"{name}.zip", members), reason)


def test_a_truncated_image_is_refused_even_if_opencv_decodes_it(monkeypatch):
    data = encode(barcode.draw(1))
    # As OpenCV 4 does.
    monkeypatch.setattr(image.cv2, "imdecode", lambda *_: barcode.draw(1))
    for cut in (len(data) // 2, len(data) - 2):
        with pytest.raises(DecodeError, match="it is cut off"):
            read_frames(data[:cut], [0])
    assert read_frames(data, [0]).shape == (1, barcode.HEIGHT, barcode.WIDTH, 3)


def test_bad_archives_are_a_decode_error_with_path_and_reason(tmp_path):
    good = write_zip(tmp_path / "good.zip", barcodes("%d.jpg", range(3)))
    data = good.read_bytes()
    encrypted = bytearray(data)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[encrypted.find(mark) + flags] |= 1
    newer = bytearray(data)
    newer[newer.find(b"PK\x01\x02") + 6] = 99
    middle = data.find(b"1.jpg") + 200
    damaged = data[:middle] + bytes(50) + data[middle + 50 :]
    cases = {
        "cut.zip": (data[: len(data) // 2], "not a zip file"),
        "encrypted.zip": (bytes(encrypted), r"0\.jpg: it is encrypted"),
        "newer.zip": (bytes(newer), "zip file version 9.9"),
        "damaged.zip": (damaged, r"1\.jpg: (Bad CRC|Error -3)"),
        "empty.zip": (b"PK\x05\x06" + bytes(18), "it holds no images"),
    }
    for name, (content, reason) in cases.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, reason)
    refused(
        write_zip(tmp_path / "lzma.zip", barcodes("%d.jpg", range(2)), zipfile.ZIP_LZMA),
        "compressed by method 14",
    )


def test_no_damage_to_an_archive_raises_anything_else():
    """Any other error would stop a run of days."""
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    write_zip(file, {f"{i}.png": encode(gradient(3), "PNG") for i in range(3)})
    good, refusals = file.getvalue(), 0
    for _ in range(800):
        data = bytearray(good)
        for place in rng.integers(4, len(data), size=rng.integers(1, 9)):
            data[place] = rng.integers(256)
        try:
            with open_video(bytes(data)) as video:
                video.read(range(len(video)))
        except DecodeError:
            refusals += 1
    assert 100 < refusals < 800


def test_pipe_among_the_frames_is_refused_and_not_waited_for(tmp_path):
    folder = write_folder(tmp_path / "pipe", barcodes("%d.jpg", range(2)))
    os.mkfifo(folder / "2.jpg")
    refused(folder, r"2\.jpg is not a regular file")


@pytest.mark.parametrize("name", [b"IDAT", b"tEXt"])
def test_a_png_chunk_that_claims_two_gigabytes_takes_no_memory(tmp_path, name):
    data = encode(barcode.draw(0), "PNG")
    at = data.index(b"IDAT") - 4
    lie = struct.pack(">I", 0x80FFFFFF) + name + b"x" * 100
    path = tmp_path / "lie.png"
    path.write_bytes(data[:at] + lie + data[at:])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DecodeError, match="a chunk claims to be longer than the file"):
        read_frames(path, [0])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10
