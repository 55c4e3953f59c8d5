import numpy as np

from albar_jax.evaluation import bootstrap
from albar_jax.evaluation.metrics import Outcomes


def outcomes(values, *, name="clip{}"):
    return Outcomes(tuple(name.format(i) for i in range(len(values))), np.array(values, bool))


def test_interval_of_a_proportion_matches_the_normal_approximation():
    # 400 clips, 30 % hits: 0.3 ± 1.96 sqrt(0.3 * 0.7 / 400) = 0.3 ± 0.0449.
    low, high = bootstrap.interval([[outcomes([1] * 120 + [0] * 280)]], replicates=20000)
    np.testing.assert_allclose([low, high], [0.3 - 0.0449, 0.3 + 0.0449], atol=0.003)


def test_interval_covers_the_true_share_in_about_95_percent():
    rng = np.random.default_rng(1)
    ends = [
        bootstrap.interval([[outcomes(rng.random(200) < 0.6)]], replicates=400) for _ in range(200)
    ]
    covered = np.mean([low <= 0.6 <= high for low, high in ends])

    assert 0.90 <= covered <= 0.99


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    sets = [[outcomes(np.arange(101) % 3 == 0)]]
    assert bootstrap.interval(sets, seed=3, replicates=300) == bootstrap.interval(
        sets, seed=3, replicates=300
    )

    many = {bootstrap.interval(sets, seed=seed, replicates=50) for seed in range(10)}
    assert len(many) > 1


def test_with_only_hits_the_interval_has_no_width():
    assert bootstrap.interval([[outcomes([1, 1, 1])]]) == (1.0, 1.0)


def test_order_of_clips_does_not_matter():
    one = outcomes([1, 0, 0, 1, 1, 0, 1])
    other = Outcomes(one.ids[::-1], one.values[::-1])
    assert bootstrap.interval([[one]]) == bootstrap.interval([[other]])


def test_a_second_seed_with_the_same_outcomes_does_not_narrow_the_interval():
    one = outcomes(np.arange(60) % 2)
    assert bootstrap.interval([[one, one]]) == bootstrap.interval([[one]])


def test_copies_of_one_video_are_drawn_together():
    # 20 videos with 10 equal copies each count as 20 clips, not as 200.
    videos = outcomes(np.arange(20) % 2)
    ids = tuple(f"clip{v}__{k}" for v in range(20) for k in range(10))
    copies = Outcomes(ids, np.repeat(videos.values, 10))

    assert bootstrap.interval([[copies]]) == bootstrap.interval([[videos]])


def test_backgrounds_of_different_size_have_equal_weight():
    # Set one has 30 correct clips, set two 300 other, wrong clips. The mean is 1/2 in every draw.
    sets = [[outcomes([1] * 30)], [outcomes([0] * 300, name="other{}")]]
    assert bootstrap.interval(sets) == (0.5, 0.5)


def test_draws_without_a_clip_of_a_tiny_set_are_skipped():
    low, high = bootstrap.interval([[outcomes([1])], [outcomes([0], name="other{}")]])
    assert (low, high) == (0.5, 0.5)


def test_source_video_removes_only_the_number_of_a_copy():
    assert bootstrap.source_video("jump_03__7") == "jump_03"
    assert bootstrap.source_video("jump__high") == "jump__high"
    assert bootstrap.source_video("jump_7") == "jump_7"
    assert bootstrap.source_video("__7") == "__7"


def test_samples_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    generator = np.random.default_rng(0)
    ids = tuple(f"v{number}" for number in range(50))
    sets = [[Outcomes(ids, generator.random(50) < 0.5) for _ in range(8)]]
    at_once = bootstrap.replicate_shares(sets, replicates=100)
    monkeypatch.setattr(bootstrap, "_LARGEST_DRAW", 7 * 50)
    np.testing.assert_array_equal(bootstrap.replicate_shares(sets, replicates=100), at_once)
