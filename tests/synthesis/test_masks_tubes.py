"""Claim: boxes of UCF101-24 give masks of the first box, as published, or of the union."""

import pickle

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.masks import NoMask, open_source

VIDEO = "Fencing/v_Fencing_g01_c01"
# Frame (from 1), x1, y1, x2, y2. The second tube begins before the first one and has two boxes in
# one frame.
FIRST = np.array([[3, 1.9, 0.5, 4.9, 2.2], [4, 0, 0, 2, 2]], np.float32)
SECOND = np.array([[2, 5, 1, 7, 3], [3, 5, 1, 7, 3], [6, 4, 3, 100, 100]], np.float32)


def content(**changes):
    return {
        "labels": ["Basketball", "Fencing"],
        "gttubes": {VIDEO: {1: [FIRST, SECOND], 0: [FIRST + 1]}, "Basketball/other": {1: [FIRST]}},
        "nframes": {VIDEO: 9},
        "train_videos": [[VIDEO]],
        "test_videos": [[]],
        "resolution": {VIDEO: (5, 8)},
    } | changes


def tubes(tmp_path, options="", **changes):
    (tmp_path / "UCF101v2-GT.pkl").write_bytes(pickle.dumps(content(**changes), 2))
    return open_source(f"tubes:{tmp_path}/UCF101v2-GT.pkl{options}", None)


def expected(*boxes):
    masks = np.zeros((5, 5, 8), bool)
    for frame, rows, columns in boxes:
        masks[frame, slice(*rows), slice(*columns)] = True
    return masks


@pytest.mark.parametrize(
    ("options", "third"),
    [
        ("", [(1, (0, 2), (1, 4))]),
        ("?boxes=first", [(1, (0, 2), (1, 4))]),
        ("?boxes=union", [(1, (0, 2), (1, 4)), (1, (1, 3), (5, 7))]),
    ],
)
def test_masks_reach_from_the_first_to_the_last_frame_with_a_box(tmp_path, options, third):
    result = tubes(tmp_path, options).get(VIDEO)
    # Frame 5 has no box.
    others = [(0, (1, 3), (5, 7)), (2, (0, 2), (0, 2)), (4, (3, 5), (4, 8))]
    np.testing.assert_array_equal(result.masks, expected(*others, *third))
    np.testing.assert_array_equal(result.frame_ids, [1, 2, 3, 4, 5])


def test_only_tubes_of_the_videos_own_class_count(tmp_path):
    with pytest.raises(NoMask, match="no tube for Basketball/other"):
        tubes(tmp_path).get("Basketball/other")


@pytest.mark.parametrize("video", ["Fencing/absent", "absent"])
def test_a_video_without_tubes_has_no_mask(tmp_path, video):
    with pytest.raises(NoMask, match=f"no tube for {video}"):
        tubes(tmp_path).get(video)


@pytest.mark.parametrize(
    "changes",
    [
        {"gttubes": {VIDEO: {1: [FIRST[:, :4]]}}},
        {"gttubes": {VIDEO: {1: [FIRST - 3]}}},
        {"gttubes": {VIDEO: {1: [FIRST * np.nan]}}},
        {"gttubes": {VIDEO: {1: [np.array([[3, 1, 1, np.inf, 2]])]}}},
        {"gttubes": {VIDEO: {1: ["text"]}}},
        {"gttubes": {VIDEO: 1}},
        {"gttubes": 1},
        {"labels": 1},
        {"resolution": {}},
        {"resolution": {VIDEO: (5,)}},
    ],
)
def test_damaged_tubes_are_named(tmp_path, changes):
    with pytest.raises(UserError, match=rf"GT\.pkl: the tubes of {VIDEO} are damaged"):
        tubes(tmp_path, **changes).get(VIDEO)


def test_another_pickle_or_option_is_refused(tmp_path):
    with pytest.raises(UserError, match="boxes of tubes is first or union, not 'all'"):
        tubes(tmp_path, "?boxes=all")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"gttubes": {}}, 2))
    with pytest.raises(UserError, match="not the pickle of UCF101-24"):
        open_source(f"tubes:{tmp_path}/a.pkl", None)
