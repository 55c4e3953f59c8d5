import numpy as np

from albar_jax.evaluation import bootstrap
from albar_jax.evaluation.metrics import Outcomes


def outcomes(values, *, name="clip{}"):
    return Outcomes(tuple(name.format(i) for i in range(len(values))), np.array(values, bool))


def test_interval_of_a_proportion_matches_the_normal_approximation():
    # 400 clips, 30 % hits: 0.3 ± 1.96 sqrt(0.3 * 0.7 / 400) = 0.3 ± 0.0449.
    low, high = bootstrap.interval([[outcomes([1] * 120 + [0] * 280)]], replicates=20000)
    np.testing.assert_allclose([low, high], [0.3 - 0.0449, 0.3 + 0.0449], atol=0.003)


def test_interval_covers_the_truth_about_as_often_as_it_says():
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


def test_all_right_leaves_no_width():
    assert bootstrap.interval([[outcomes([1, 1, 1])]]) == (1.0, 1.0)


def test_order_of_clips_does_not_matter():
    one = outcomes([1, 0, 0, 1, 1, 0, 1])
    other = Outcomes(one.ids[::-1], one.values[::-1])
    assert bootstrap.interval([[one]]) == bootstrap.interval([[other]])


def test_a_second_seed_with_the_same_answers_adds_no_certainty():
    one = outcomes(np.arange(60) % 2)
    assert bootstrap.interval([[one, one]]) == bootstrap.interval([[one]])


def test_copies_of_one_video_move_together():
    # 20 videos x 10 copies that all agree are worth 20 clips, not 200.
    videos = outcomes(np.arange(20) % 2)
    ids = tuple(f"clip{v}__{k}" for v in range(20) for k in range(10))
    copies = Outcomes(ids, np.repeat(videos.values, 10))
    assert bootstrap.interval([[copies]]) == bootstrap.interval([[videos]])


def test_backgrounds_weigh_equally_whatever_their_size():
    # Set one: 30 clips, all right. Set two: 300 other clips, all wrong. The mean over sets is 1/2 in every draw.
    sets = [[outcomes([1] * 30)], [outcomes([0] * 300, name="other{}")]]
    assert bootstrap.interval(sets) == (0.5, 0.5)


def test_a_draw_that_misses_a_tiny_set_is_no_obstacle():
    low, high = bootstrap.interval([[outcomes([1])], [outcomes([0], name="other{}")]])
    assert (low, high) == (0.5, 0.5)


def test_source_video_takes_off_only_the_number_of_a_copy():
    assert bootstrap.source_video("jump_03__7") == "jump_03"
    assert bootstrap.source_video("jump__high") == "jump__high"
    assert bootstrap.source_video("jump_7") == "jump_7"
    assert bootstrap.source_video("__7") == "__7"
