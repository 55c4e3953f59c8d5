"""Videos of any length: padding changes no score, and few programs are compiled."""

import jax
import numpy as np
import pytest

from albar_jax.downstream.mgfn import network, scoring
from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.features.snippets import with_magnitude

from .mgfn_golden import write_features

# One layer of each kind.
CONFIG = MgfnConfig(dims=(8, 16), depths=(1, 1), blocks=("glance", "focus"), dim_head=8)
CHANNELS = 6


@pytest.fixture(scope="module")
def mgfn():
    apply, weights = network.create(CONFIG, CHANNELS, jax.random.key(0))
    return jax.jit(apply), weights


def drawn(rows, crops=3):
    rng = np.random.default_rng(rows)
    return rng.normal(size=(rows, crops, CHANNELS)).astype(np.float32)


def as_input(rows):
    """Returns one video in the layout of the network, with magnitudes."""
    return with_magnitude(rows).swapaxes(0, 1)[None]


@pytest.mark.parametrize("length", [11, 12, 13, 32])
def test_padding_changes_nothing(mgfn, length):
    apply, weights = mgfn
    video = as_input(drawn(11))
    exact = apply(weights, video)
    # Zeros as padding would hide a missing mask.
    padded = as_input(100 * drawn(length))
    padded[:, :, :11] = video
    outputs = apply(weights, padded, np.array([11], np.int32))

    np.testing.assert_allclose(outputs.scores[:, :11], exact.scores, atol=1e-6)
    np.testing.assert_allclose(outputs.features[:, :, :11], exact.features, atol=1e-5)


def test_scores_of_many_lengths_are_those_without_padding(mgfn, tmp_path):
    apply, weights = mgfn
    videos = {f"v{rows}": drawn(rows) for rows in (1, 2, 11, 17)}
    features = write_features(tmp_path, videos)
    scorer = scoring.Scorer(apply, features, CONFIG, features.names)
    scores = scorer(weights)
    scorer(weights)
    # One program for up to 16 rows and one for up to 32, for all epochs.
    assert scorer._score._cache_size() == 2

    assert scores.keys() == videos.keys()
    for name, values in scores.items():
        exact = apply(weights, as_input(videos[name])).scores[0]
        np.testing.assert_allclose(values, exact, atol=1e-6)


def test_long_videos_run_crop_by_crop_with_the_same_scores(mgfn, tmp_path, monkeypatch):
    apply, weights = mgfn
    features = write_features(tmp_path, {"long": drawn(20)})
    whole = scoring.Scorer(apply, features, CONFIG, ["long"])(weights)["long"]

    monkeypatch.setattr(scoring, "_MOST_NUMBERS", 1)
    by_crop = scoring.Scorer(apply, features, CONFIG, ["long"])(weights)["long"]
    np.testing.assert_allclose(by_crop, whole, atol=1e-6)


def test_padded_lengths_are_few():
    lengths = {scoring.padded_length(rows) for rows in range(1, 10_001)}
    assert sorted(lengths) == [2**n for n in range(4, 15)]
    assert all(rows <= scoring.padded_length(rows) < max(2 * rows, 17) for rows in range(1, 200))
