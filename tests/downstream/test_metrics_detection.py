"""Claim: mAP is the published program's, on values of its own run; its oddity is a switch."""

import json
from pathlib import Path

import numpy as np
import pytest

from albar_jax.downstream.metrics_detection import (
    THRESHOLDS,
    interpolated,
    mean_average_precision,
    temporal_iou,
    without_duplicates,
)
from albar_jax.features.segments import LabelledSegments, SegmentTruth, read_segments

GOLDEN = np.load(
    Path(__file__).parents[1] / "reference" / "downstream" / "tridet.npz", allow_pickle=False
)


def video(name: str, segments: list, labels: list[int], split: str = "test") -> LabelledSegments:
    return LabelledSegments(
        name, split, 30.0, 100.0, np.float64(segments).reshape(-1, 2), np.int64(labels)
    )


def detections(rows: list) -> dict:
    """Returns predictions, given rows of [video, start, end, label, score]."""
    names = dict.fromkeys(row[0] for row in rows)
    return {
        name: {
            "segments": np.float64([row[1:3] for row in rows if row[0] == name]).reshape(-1, 2),
            "labels": np.int64([row[3] for row in rows if row[0] == name]),
            "scores": np.float64([row[4] for row in rows if row[0] == name]),
        }
        for name in names
    }


def test_map_is_the_published_programs(tmp_path):
    path = tmp_path / "truth.json"
    path.write_text(str(GOLDEN["map/ground_truth_json"]))
    predictions = detections(json.loads(str(GOLDEN["map/predictions"])))
    found = mean_average_precision(read_segments(path), predictions)
    assert found.thresholds == THRESHOLDS
    assert found.classes == ("x", "y")
    np.testing.assert_allclose(found.table, GOLDEN["map/ap"], rtol=1e-12)
    np.testing.assert_allclose(found.means, GOLDEN["map/map"], rtol=1e-12)
    assert found.average == pytest.approx(float(GOLDEN["map/average"]), rel=1e-12)


def test_interpolation_is_the_published_programs():
    found = interpolated(GOLDEN["map/interp_precision"], GOLDEN["map/interp_recall"])
    assert found == pytest.approx(float(GOLDEN["map/interp_ap"]), rel=1e-12)


def test_predictions_of_absent_classes_count_only_with_the_published_numbering():
    truth = SegmentTruth(("absent", "present"), (video("a", [[0, 10]], [1]),))
    wrong = detections([["a", 0, 10, 0, 0.9]])
    assert mean_average_precision(truth, wrong).average == 0
    # "present" is renumbered to 0, and a wrong label scores.
    assert mean_average_precision(truth, wrong, published_numbering=True).average == 1
    right = detections([["a", 0, 10, 1, 0.9]])
    assert mean_average_precision(truth, right, published_numbering=True).average == 1


def test_a_segment_is_found_once_and_the_next_best_counts():
    truth = SegmentTruth(("x",), (video("a", [[0, 10], [1, 11]], [0, 0]),))
    both = detections([["a", 0, 10, 0, 0.9], ["a", 0, 10, 0, 0.8]])
    # The second prediction finds the other segment, whose IoU is 9/11.
    assert mean_average_precision(truth, both, [0.5]).average == 1
    assert mean_average_precision(truth, both, [0.9]).average == 0.5


def test_predictions_outside_of_the_truth_are_false():
    truth = SegmentTruth(("x",), (video("a", [[0, 10]], [0]), video("b", [[0, 1]], [0], "train")))
    rows = [["b", 0, 1, 0, 0.99], ["a", 0, 10, 0, 0.9]]
    assert mean_average_precision(truth, detections(rows), [0.5]).average == 0.5
    assert mean_average_precision(truth, detections(rows[:1]), [0.5], split="train").average == 1
    assert mean_average_precision(truth, {}, [0.5]).average == 0


def test_duplicates_are_of_one_class_and_one_millisecond():
    segments = [[0, 10], [0.0005, 10.0005], [0.002, 10], [0, 10], [5, 5]]
    kept = without_duplicates(video("a", segments, [0, 0, 0, 1, 0]))
    np.testing.assert_array_equal(kept.segments, [[0, 10], [0.002, 10], [0, 10]])
    np.testing.assert_array_equal(kept.labels, [0, 0, 1])


def test_without_segments_the_mean_is_undefined_and_says_why():
    found = mean_average_precision(SegmentTruth(("x",), (video("a", [], []),)), {})
    assert found.average is None
    assert found.means == [None] * 5
    assert "no segments" in found.reason


def test_segments_without_length_share_nothing():
    point = np.float64([[5, 5]])
    np.testing.assert_array_equal(temporal_iou(point, np.float64([[5, 5], [0, 10]])), [[0, 0]])
