"""Claim: the key of a clip has everything that changes the clip, and nothing else."""

import cv2
import numpy as np
import pytest

from albar_jax.audit.models.base import SpecifiedClips
from albar_jax.audit.reading import Job, Question, Reader
from albar_jax.data.clip_reader import ClipSpec
from albar_jax.storage.budget import Budget


@pytest.fixture
def pictures(tmp_path):
    """A folder of two JPEG pictures of noise."""
    random = np.random.default_rng(0)
    for number in range(2):
        picture = random.integers(0, 256, (64, 64, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), picture)
    return str(tmp_path)


def read(path, **limits):
    spec = ClipSpec(2, 1, 16, 16, time=0.5, augment="none", budget=Budget(**limits))
    sampling = SpecifiedClips(
        specs_of=lambda task, order: [spec], in_words=lambda task: "", batch_size=1
    )
    reader = Reader(sampling, 1, is_known=lambda key: False)
    ((key, clip),) = reader(Job(path, (Question("t", 0, "forward"),))).clips.items()
    return key, clip.array()


def test_a_limit_that_reduces_pictures_is_in_the_key(pictures):
    whole = read(pictures)
    reduced = read(pictures, pixels=2 * 40 * 40)
    assert not np.array_equal(whole[1], reduced[1])
    assert whole[0] != reduced[0]


def test_a_limit_that_only_refuses_videos_is_not(pictures):
    assert read(pictures)[0] == read(pictures, seconds=9.0, bytes=1 << 20)[0]
