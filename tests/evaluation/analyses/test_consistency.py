import numpy as np
import pytest

from albar_jax.evaluation.analyses import consistency


@pytest.fixture
def sets(chosen):
    """Video a: copies 0 0 1 on photographs, 0 1 on stripes; video b: 2 2 on photographs, 2 on stripes; label 0 or 2."""
    photographs = chosen(
        {"a__0": (0, 0), "a__1": (0, 0), "a__2": (0, 1), "b__0": (2, 2), "b__1": (2, 2)}
    )
    stripes = chosen({"b__0": (2, 2), "a__0": (0, 0), "a__1": (0, 1)})
    return [photographs, stripes]


def test_copies_agree_by_hand(sets):
    # a: of the pairs 00 01 01 on photographs and 01 on stripes, one of four agrees; b: one of one.
    assert consistency.copies(sets) == pytest.approx((1 / 4 + 1) / 2)


def test_kinds_of_background_agree_by_hand(sets):
    # a: 0 0 1 against 0 1 makes six pairs, of which 00 00 11 agree; b: both of two.
    assert consistency.sets_agree(sets) == pytest.approx((3 / 6 + 1) / 2)


def test_pairs_agree_as_when_they_are_counted_one_by_one(chosen):
    rng = np.random.default_rng(0)
    sets = [
        chosen({f"v{i % 9}__{i}": (0, int(rng.integers(3))) for i in range(30)}) for _ in range(3)
    ]
    clips = [
        (s, clip.split("__")[0], pred)
        for s, p in enumerate(sets)
        for clip, pred in zip(p.ids, p.pred, strict=True)
    ]
    for across, figure in ((False, consistency.copies), (True, consistency.sets_agree)):
        pairs = {}
        for i, (set_i, video, pred_i) in enumerate(clips):
            for set_j, other, pred_j in clips[:i]:
                if video == other and (set_i != set_j) == across:
                    pairs.setdefault(video, []).append(pred_i == pred_j)
        assert figure(sets) == pytest.approx(np.mean([np.mean(agree) for agree in pairs.values()]))


def test_a_single_copy_or_a_single_set_has_nothing_to_agree_with(chosen):
    one = chosen({"a__0": (0, 0), "b__0": (1, 1)})
    assert consistency.copies([one]) is None
    assert consistency.sets_agree([one]) is None
    assert consistency.copies([one, one]) is None
    assert consistency.sets_agree([one, one]) == 1


def test_the_original_is_joined_by_the_source_video(sets, chosen):
    iid = chosen({"b": (2, 2), "a": (0, 1), "unused": (0, 0)})
    # Photographs: a answers 0 0 1 against 1, b 2 2 against 2: 3 of 5. Stripes: b 2, a 0 1: 2 of 3.
    assert consistency.original(sets, iid) == pytest.approx((3 / 5 + 2 / 3) / 2)
    assert consistency.original(sets, chosen({"elsewhere": (0, 0)})) is None


def test_a_video_is_always_right_only_if_each_clip_is(sets):
    assert consistency.always_right(sets) == 1 / 2  # b, not a
    assert consistency.always_right(sets[1:]) == 1 / 2
