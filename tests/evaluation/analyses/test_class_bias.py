import numpy as np
import pytest

from albar_jax.evaluation.analyses.class_bias import class_bias, largest_classes
from albar_jax.evaluation.suites import SUITES

QUICKSTART, HMDB51 = SUITES["quickstart"], SUITES["hmdb51"]


@pytest.fixture
def run(chosen):
    """Returns a run that uses the background for class 0, appearance for 1 and motion for 2.

    Class 3 has no altered clip.
    """
    return {
        "quickstart": chosen({"a": (0, 0), "b": (0, 0), "c": (1, 1), "d": (2, 2), "e": (3, 0)}),
        "quickstart_scuba": chosen({"a": (0, 1), "b": (0, 0), "c": (1, 1), "d": (2, 2)}),
        "quickstart_scufo": chosen({"d": (2, 0), "c": (1, 1), "b": (0, 1), "a": (0, 2)}),
        "quickstart_conflfg": chosen({"a": (0, 2), "b": (0, 1), "c": (1, 1), "d": (2, 2)}),
    }


def test_each_class_by_hand(run):
    bias = class_bias(QUICKSTART, [run], 4)
    np.testing.assert_array_equal(bias.rows["iid"], [100, 100, 100, 0])
    np.testing.assert_array_equal(bias.rows["scuba"], [50, 100, 100, np.nan])
    np.testing.assert_array_equal(bias.rows["scufo"], [0, 100, 0, np.nan])
    np.testing.assert_array_equal(bias.rows["contrasted"], [50, 0, 100, np.nan])
    np.testing.assert_array_equal(bias.background, [50, 0, 0, np.nan])
    np.testing.assert_array_equal(bias.conflict, [50, 0, 0, np.nan])
    np.testing.assert_array_equal(bias.clips, [2, 1, 1, 1])


def test_seeds_are_averaged(run, chosen):
    other = run | {
        "quickstart": chosen({"a": (0, 1), "b": (0, 1), "c": (1, 1), "d": (2, 2), "e": (3, 3)})
    }
    np.testing.assert_array_equal(
        class_bias(QUICKSTART, [run, other], 4).rows["iid"], [50, 100, 100, 50]
    )


def test_figures_with_a_missing_task_are_missing_for_all_classes(run):
    bias = class_bias(QUICKSTART, [{"quickstart": run["quickstart"]}], 4)
    assert bias.rows["scuba"] is None
    assert bias.background is None
    assert bias.conflict is None

    del run["quickstart_scuba"]
    assert class_bias(QUICKSTART, [run], 4).conflict is None


def test_confl_fg_is_compared_with_scuba_on_its_background_and_backgrounds_have_equal_weight(
    chosen,
):
    right, wrong = chosen({"a": (0, 0), "b": (0, 0)}), chosen({"a": (0, 1)})
    run = {"hmdb51_conflfg_stripe": wrong}
    run |= {
        f"hmdb51_scuba_{b}": right if b == "stripe" else wrong
        for b in ("places365", "vqgan", "stripe")
    }
    bias = class_bias(HMDB51, [run], 2)

    np.testing.assert_array_equal(bias.conflict, [100, np.nan])
    np.testing.assert_allclose(bias.rows["scuba"], [100 / 3, np.nan])


def test_the_largest_classes_come_first_and_only_those_above_zero():
    assert largest_classes(np.array([3, np.nan, 9, 0, -5])) == [2, 0]
    # The first of equal classes comes first.
    assert largest_classes(np.tile([1.0, 2.0], 50)) == [1, 3, 5]
    assert largest_classes(None) == []
