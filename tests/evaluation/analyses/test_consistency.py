import numpy as np
import pytest

from albar_jax.evaluation.analyses import consistency


@pytest.fixture
def sets(chosen):
    """Returns predictions for two videos on photographs and stripes.

    Video a has the label 0 and the predictions 0 0 1 on photographs, 0 1 on stripes. Video b has
    the label 2 and the predictions 2 2 and 2.
    """
    photographs = chosen(
        {"a__0": (0, 0), "a__1": (0, 0), "a__2": (0, 1), "b__0": (2, 2), "b__1": (2, 2)}
    )
    stripes = chosen({"b__0": (2, 2), "a__0": (0, 0), "a__1": (0, 1)})
    return [photographs, stripes]


def test_copies_agree_by_hand(sets):
    # a: pairs 00 01 01 on photographs and 01 on stripes, one of four agrees. b: one of one.
    assert consistency.copies_agree(sets) == pytest.approx((1 / 4 + 1) / 2)


def test_kinds_of_background_agree_by_hand(sets):
    # a: 0 0 1 against 0 1 has six pairs; 00 00 11 agree. b: two of two.
    assert consistency.sets_agree(sets) == pytest.approx((3 / 6 + 1) / 2)


def test_agreement_equals_counting_the_pairs_one_by_one(chosen):
    rng = np.random.default_rng(0)
    sets = [
        chosen({f"v{i % 9}__{i}": (0, int(rng.integers(3))) for i in range(30)}) for _ in range(3)
    ]
    clips = [
        (s, clip.split("__")[0], pred)
        for s, p in enumerate(sets)
        for clip, pred in zip(p.ids, p.pred, strict=True)
    ]

    for across, figure in ((False, consistency.copies_agree), (True, consistency.sets_agree)):
        pairs = {}
        for i, (set_i, video, pred_i) in enumerate(clips):
            for set_j, other, pred_j in clips[:i]:
                if video == other and (set_i != set_j) == across:
                    pairs.setdefault(video, []).append(pred_i == pred_j)
        assert figure(sets) == pytest.approx(np.mean([np.mean(agree) for agree in pairs.values()]))


def test_a_single_copy_or_a_single_set_has_nothing_to_agree_with(chosen):
    one = chosen({"a__0": (0, 0), "b__0": (1, 1)})
    assert consistency.copies_agree([one]) is None
    assert consistency.sets_agree([one]) is None
    assert consistency.copies_agree([one, one]) is None
    assert consistency.sets_agree([one, one]) == 1


def test_the_original_is_joined_by_the_source_video(sets, chosen):
    iid = chosen({"b": (2, 2), "a": (0, 1), "unused": (0, 0)})
    # Photographs: a has 0 0 1 against 1, b has 2 2 against 2: 3 of 5. Stripes: 2 of 3.
    assert consistency.original_agrees(sets, iid) == pytest.approx((3 / 5 + 2 / 3) / 2)
    assert consistency.original_agrees(sets, chosen({"elsewhere": (0, 0)})) is None


def test_a_video_is_always_right_only_if_each_clip_is(sets):
    # Only b.
    assert consistency.always_right(sets) == 1 / 2
    assert consistency.always_right(sets[1:]) == 1 / 2
