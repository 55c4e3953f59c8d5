"""Claim: frames kept in memory change no clip, stay within their limit, and follow the files."""

import dataclasses
import os
import shutil

import numpy as np
import pytest
from test_damage import damaged
from test_decode import bad_files
from test_loader import FILMS, TRAIN, assert_same, manifest_of

from albar_jax.data.decode import DecodeError, open_video
from albar_jax.data.kept_frames import MAX_VIDEO, KeptFrames, KeptVideo
from albar_jax.data.loader import train_batches
from albar_jax.errors import StorageError

LIMIT = 1 << 26


def batches_of(manifest, keep_bytes):
    spec = dataclasses.replace(TRAIN, keep_bytes=keep_bytes)
    with train_batches(manifest, spec, seed=3, batch_size=4, num_steps=9) as batches:
        return list(batches)


def test_batches_are_the_same_with_kept_frames(films, tmp_path):
    paths = [films / name for name in FILMS]
    manifest = manifest_of([*paths, *bad_files(tmp_path, films)])
    for batch, kept in zip(batches_of(manifest, 0), batches_of(manifest, LIMIT), strict=True):
        np.testing.assert_array_equal(batch.pop("reason", 0), kept.pop("reason", 0))
        assert_same([batch], [kept])


def test_a_film_is_decoded_once_until_it_is_written_again(films, tmp_path):
    path = tmp_path / "film.avi"
    shutil.copy(films / "mjpeg.avi", path)
    kept = KeptFrames()
    for _ in range(2):
        with kept.open(path, limit=LIMIT) as video:
            assert isinstance(video, KeptVideo)

    shutil.copy(films / "vp9.webm", path)
    os.utime(path, ns=(1, 1))
    with kept.open(path, limit=LIMIT) as video, open_video(path) as again:
        np.testing.assert_array_equal(video.read([2, 0, 2]), again.read([2, 0, 2]))


def test_kept_frames_are_cut_like_decoded_ones(films):
    def box(height, width):
        return 1, 2, height // 2, width // 3

    def halve(picture):
        return picture[: len(picture) // 2]

    path = films / "mjpeg.avi"
    with KeptFrames().open(path, limit=LIMIT) as video, open_video(path) as decoded:
        assert isinstance(video, KeptVideo)
        assert len(video) == len(decoded)
        np.testing.assert_array_equal(video.read([3, 1], box), decoded.read([3, 1], box))
        np.testing.assert_array_equal(video.read([1], box, halve), decoded.read([1], box, halve))
        with pytest.raises(IndexError, match="there is no frame"):
            video.read([len(decoded)])


def test_films_above_the_limit_are_decoded_each_time(films):
    path = films / "mjpeg.avi"
    with open_video(path) as video:
        size = video.read(range(len(video))).nbytes
    assert size <= MAX_VIDEO

    for limit, is_kept in ((0, False), (size - 1, False), (size, True)):
        with KeptFrames().open(path, limit=limit) as video:
            assert isinstance(video, KeptVideo) == is_kept

    # Together they are above the limit.
    kept = KeptFrames()
    with kept.open(path, limit=size) as first, kept.open(films / "vp9.webm", limit=size) as second:
        assert isinstance(first, KeptVideo)
        assert not isinstance(second, KeptVideo)


def test_a_missing_or_misnamed_film_gives_the_reader_s_reason(tmp_path):
    for path in (tmp_path / "none.avi", "nul\0.avi", tmp_path):
        with pytest.raises((DecodeError, StorageError)) as expected:
            open_video(path)
        with pytest.raises(expected.type) as error:
            KeptFrames().open(path, limit=LIMIT)
        assert str(error.value) == str(expected.value)


def test_a_film_that_cannot_be_kept_takes_no_memory_from_others(films, tmp_path):
    path = films / "xvid_bframes.avi"
    with open_video(path) as video:
        size = video.read(range(len(video))).nbytes

    # Its first frame is readable, and later ones are not.
    copy, _ = damaged(path, tmp_path)
    kept = KeptFrames()
    with kept.open(copy, limit=size) as video:
        assert not isinstance(video, KeptVideo)
        video.read([0])
    with kept.open(path, limit=size) as video:
        assert isinstance(video, KeptVideo)
