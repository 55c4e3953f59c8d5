"""Claim: video files keep the pictures.

The loss is small, no frame leaves traces in another, and the same frames give the same bytes.
"""

import os
import subprocess
import sys

import av
import numpy as np
import pytest

from albar_jax.synthesis.composite import compose
from albar_jax.toy.clips import draw_mover
from albar_jax.toy.encode import write_mjpeg
from albar_jax.toy.world import World


@pytest.fixture
def frames():
    world = World(3)
    return compose(*draw_mover(world.mover("train", 5), 32), world.background("train", 5)[1])


def decode(path):
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def packets(path):
    with av.open(str(path)) as container:
        return [
            (bytes(packet), packet.is_keyframe)
            for packet in container.demux(video=0)
            if packet.size
        ]


def test_decoded_clip_is_close_in_every_colour(tmp_path):
    for index in range(16):
        world = World(3)
        clip = compose(
            *draw_mover(world.mover("train", index), 32), world.background("train", index)[1]
        )
        write_mjpeg(tmp_path / "clip.avi", clip)
        error = decode(tmp_path / "clip.avi").astype(float) - clip
        per_channel = 10 * np.log10(255**2 / np.mean(error**2, axis=(0, 1, 2)))
        assert per_channel.min() > 37, index
        # No shift of colours or of their range.
        assert np.abs(error.mean(axis=(0, 1, 2))).max() < 1.5


def test_file_holds_eight_independent_pictures_at_a_constant_rate(tmp_path, frames):
    write_mjpeg(tmp_path / "clip.avi", frames)
    assert all(is_key for _, is_key in packets(tmp_path / "clip.avi"))
    with av.open(str(tmp_path / "clip.avi")) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.average_rate, stream.codec_context.pix_fmt) == (
            8,
            8,
            "yuvj444p",
        )
        stamps = [frame.pts for frame in container.decode(stream)]
    assert stamps == list(range(8))
    assert (tmp_path / "clip.avi").stat().st_size < 40_000


def test_changing_one_frame_changes_no_other(tmp_path, frames):
    write_mjpeg(tmp_path / "before.avi", frames)
    changed = frames.copy()
    changed[3] = 255 - changed[3]
    write_mjpeg(tmp_path / "after.avi", changed)
    before, after = packets(tmp_path / "before.avi"), packets(tmp_path / "after.avi")
    assert [one == other for one, other in zip(before, after, strict=True)] == [
        i != 3 for i in range(8)
    ]


def test_equal_frames_become_equal_pictures_wherever_they_stand(tmp_path, frames):
    write_mjpeg(tmp_path / "moving.avi", frames)
    write_mjpeg(tmp_path / "still.avi", np.broadcast_to(frames[4], frames.shape))
    still = packets(tmp_path / "still.avi")
    assert set(still) == {packets(tmp_path / "moving.avi")[4]}
    assert np.ptp(decode(tmp_path / "still.avi").astype(int), axis=0).max() == 0


def test_same_frames_make_the_same_bytes_and_no_version_is_written(tmp_path, frames):
    write_mjpeg(tmp_path / "one.avi", frames)
    write_mjpeg(tmp_path / "two.avi", frames)
    data = (tmp_path / "one.avi").read_bytes()
    assert data == (tmp_path / "two.avi").read_bytes()
    assert b"Lav" not in data


FILM = """
import sys
from pathlib import Path
from albar_jax.synthesis.clip_writer import open_clip
from albar_jax.synthesis.composite import compose
from albar_jax.toy.clips import draw_mover
from albar_jax.toy.world import World

for index in range(24):
    colors, mask = draw_mover(World(3).mover("test", index), 32)
    frames = compose(colors, mask, World(3).novel_background(index)[1])
    with open_clip(Path(sys.argv[1]) / f"{index}.mp4", "mp4") as add:
        add(frames.repeat(3, axis=1).repeat(3, axis=2))
"""


def test_a_film_has_the_same_bytes_whatever_the_memory_held_before(tmp_path):
    for byte in ("0", "200"):
        (tmp_path / byte).mkdir()
        # Fills memory that is allocated.
        environment = os.environ | {"MALLOC_PERTURB_": byte}
        subprocess.run([sys.executable, "-c", FILM, tmp_path / byte], env=environment, check=True)
    films = sorted((tmp_path / "0").iterdir())
    assert len(films) == 24
    assert all(film.read_bytes() == (tmp_path / "200" / film.name).read_bytes() for film in films)
