import itertools

import numpy as np
import pytest

from albar_jax.evaluation.analyses import permutation
from albar_jax.evaluation.metrics import Outcomes


def outcomes(values, *, name="clip{}"):
    return Outcomes(tuple(name.format(i) for i in range(len(values))), np.array(values, bool))


def difference_of(first, second, *, draws=9999, **options):
    """Tests the difference of two models, given the outcomes of each, [set][run]."""
    means = [tuple(map(permutation.clip_means, runs)) for runs in zip(first, second, strict=True)]
    return permutation.difference(means, draws=draws, **options)


def compare(first, second, **options):
    return difference_of([[outcomes(first)]], [[outcomes(second)]], **options)


def test_p_by_hand():
    # The first model is better on four clips: two of 16 relabellings are as extreme.
    difference = compare([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 1, 0])
    assert (difference.value, difference.p_value, difference.videos, difference.exact) == (
        pytest.approx(4 / 6),
        2 / 16,
        4,
        True,
    )

    # Three for the first, one for the second: |sum| >= 2 except for the 6 ties at 0.
    difference = compare([1, 1, 1, 0], [0, 0, 0, 1])
    assert (difference.value, difference.p_value) == (pytest.approx(2 / 4), 10 / 16)


def test_models_that_agree_do_not_differ():
    difference = compare([1, 0, 1], [1, 0, 1])
    assert (difference.value, difference.p_value, difference.videos) == (0, 1, 0)


def test_the_order_of_the_models_changes_only_the_sign():
    one, other = (
        compare([1, 1, 1, 0, 1], [0, 0, 1, 1, 0]),
        compare([0, 0, 1, 1, 0], [1, 1, 1, 0, 1]),
    )
    assert one.value == -other.value
    assert one.p_value == other.p_value

    ours, theirs = np.random.default_rng(0).random((2, 60)) < [[0.6], [0.4]]
    one, other = compare(ours, theirs), compare(theirs, ours)

    assert not one.exact
    assert one.p_value == other.p_value


def test_a_sample_is_close_to_the_exact_p(monkeypatch):
    first, second = [1] * 8 + [0] * 3 + [1] * 5, [0] * 8 + [1] * 3 + [1] * 5
    exact = compare(first, second)
    monkeypatch.setattr(permutation, "_MAX_EXACT", 0)
    sampled = compare(first, second, draws=50000)

    assert exact.exact
    assert not sampled.exact
    assert sampled.p_value == pytest.approx(exact.p_value, abs=0.01)


def test_a_sampled_p_is_never_zero_and_depends_only_on_the_seed():
    first, second = [1] * 60, [0] * 60
    difference = compare(first, second, draws=999)

    assert difference.p_value == 1 / 1000

    first, second = [1] * 32 + [0] * 22, [0] * 32 + [1] * 22
    assert compare(first, second, seed=4) == compare(first, second, seed=4)
    assert len({compare(first, second, seed=seed, draws=99).p_value for seed in range(9)}) > 1


def test_all_clips_made_from_a_video_are_swapped_together():
    # Two videos with ten copies each count as two, not as twenty.
    ids = tuple(f"video{v}__{k}" for v in range(2) for k in range(10))
    difference = difference_of(
        [[Outcomes(ids, np.ones(20, bool))]], [[Outcomes(ids, np.zeros(20, bool))]]
    )

    assert (difference.value, difference.p_value, difference.videos) == (pytest.approx(1), 2 / 4, 2)


def test_sets_weigh_equally_and_seeds_are_averaged():
    # Set one has 2 clips, set two 4 others. The seeds of the first model have (1, 1) and (1, 0) in
    # set one, and only hits in set two.
    first = [
        [outcomes([1, 1]), outcomes([1, 0])],
        [outcomes([1] * 4, name="x{}"), outcomes([1] * 4, name="x{}")],
    ]
    second = [[outcomes([0, 0])], [outcomes([1, 1, 0, 0], name="x{}")]]
    difference = difference_of(first, second)

    assert difference.value == pytest.approx((3 / 4 - 0 + 1 - 1 / 2) / 2)

    weights = [0.5 / 2, 0.25 / 2, 0.25 / 2, 0.25 / 2]
    sums = [abs(np.dot(signs, weights)) for signs in itertools.product((1, -1), repeat=4)]

    assert difference.p_value == np.mean(np.array(sums) >= abs(difference.value) - 1e-9)


def test_clips_that_one_model_lacks_are_ignored_and_counted():
    first = Outcomes(("a", "b", "c"), np.array([1, 1, 1], bool))
    second = Outcomes(("c", "b", "x"), np.array([0, 1, 0], bool))
    difference = difference_of([[first]], [[second]])

    # b is 1-1 and c is 1-0; a and x are unpaired.
    assert (difference.value, difference.unpaired) == (pytest.approx(1 / 2), 2)
    assert difference_of([[first]], [[Outcomes(("y",), np.array([True]))]]) is None


def test_true_ties_are_called_different_in_about_5_percent():
    rng = np.random.default_rng(0)
    pairs = [(rng.random(60) < 0.5, rng.random(60) < 0.5) for _ in range(300)]
    called = np.mean([compare(*pair, draws=299).p_value < 0.05 for pair in pairs])

    assert 0.02 <= called <= 0.08
