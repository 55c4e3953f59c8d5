"""Claim: sources with a file for each video, or a table, give the right masks.

These are JHMDB, npz and boxes. Files are as published, masks are written by hand.
"""

import gc
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.io
from PIL import Image

from albar_jax.data.decode import open_video
from albar_jax.errors import UserError
from albar_jax.masks import NoMask, open_source
from albar_jax.masks.rules import MaskRules, apply


@pytest.fixture
def films(tmp_path):
    """Opens a video of three frames, 6 x 8 pixels."""
    for number in range(3):
        folder = tmp_path / "films" / "walk" / "one"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6)).save(folder / f"{number:05d}.png")
    return lambda video: open_video(str(tmp_path / "films" / video))


def no_video(video):
    raise AssertionError(f"{video} was opened without need")


def write_mat(folder, masks, video="brush_hair/one"):
    path = folder / "puppet_mask" / video / "puppet_mask.mat"
    path.parent.mkdir(parents=True)
    scipy.io.savemat(path, {"part_mask": masks}, do_compression=True)
    return path


def test_jhmdb_masks_have_time_last_and_one_for_each_frame(tmp_path):
    part_mask = np.zeros((4, 5, 3), np.uint8)
    part_mask[1, 2, 0] = part_mask[3, 4, 2] = 1
    write_mat(tmp_path, part_mask)
    result = open_source(f"jhmdb:{tmp_path}", no_video).get("brush_hair/one")
    assert result.masks.shape == (3, 4, 5)
    assert result.masks.dtype == bool
    np.testing.assert_array_equal(np.argwhere(result.masks), [[0, 1, 2], [2, 3, 4]])
    np.testing.assert_array_equal(result.frame_ids, [0, 1, 2])


def test_jhmdb_is_also_found_by_its_inner_folder_and_a_single_frame_has_no_time(tmp_path):
    write_mat(tmp_path, np.eye(3, dtype=np.uint8))
    result = open_source(f"jhmdb:{tmp_path}/puppet_mask", no_video).get("brush_hair/one")
    np.testing.assert_array_equal(result.masks, np.eye(3, dtype=bool)[None])


def test_jhmdb_says_what_is_wrong_with_a_file(tmp_path):
    path = write_mat(tmp_path, np.zeros((2, 2, 2), np.uint8))
    source = open_source(f"jhmdb:{tmp_path}", no_video)
    with pytest.raises(NoMask, match=r"two.puppet_mask\.mat does not exist"):
        source.get("brush_hair/two")
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(UserError, match=r"puppet_mask\.mat is not a readable MATLAB file"):
        source.get("brush_hair/one")
    scipy.io.savemat(path, {"pos_img": np.zeros(3)})
    with pytest.raises(UserError, match="no variable part_mask"):
        source.get("brush_hair/one")


def test_npz_masks_belong_to_the_frames_they_name(tmp_path):
    (tmp_path / "walk").mkdir()
    masks = np.zeros((2, 2, 3), np.uint8)
    masks[1, 0, 2] = 255
    np.savez(tmp_path / "walk" / "one.npz", masks=masks, frame_ids=[4, 9])
    np.savez_compressed(tmp_path / "walk" / "two.npz", masks=masks > 0)
    source = open_source(f"npz:{tmp_path}", no_video)
    np.testing.assert_array_equal(source.get("walk/one").masks, masks == 255)
    np.testing.assert_array_equal(source.get("walk/one").frame_ids, [4, 9])
    np.testing.assert_array_equal(source.get("walk/two").frame_ids, [0, 1])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint64, np.int8])
def test_frame_numbers_may_be_of_any_whole_kind(tmp_path, kind):
    """Unsigned frame numbers are compared correctly.

    They would wrap around below 0: smoothing would drop the first frames, and 5, 3 would ascend.
    """
    masks = np.zeros((4, 2, 2), bool)
    masks[0] = True
    np.savez(tmp_path / "one.npz", masks=masks, frame_ids=np.arange(4, dtype=kind))
    np.savez(tmp_path / "two.npz", masks=masks, frame_ids=np.array([5, 3, 2, 1], kind))
    source = open_source(f"npz:{tmp_path}", no_video)
    smooth, _ = apply(source.get("one"), MaskRules(smooth_frames=1), 4, 2, 2)
    assert smooth.any(axis=(1, 2)).tolist() == [True, True, False, False]
    with pytest.raises(UserError, match="ascend"):
        source.get("two")


def test_probabilities_are_no_masks(tmp_path):
    np.savez(tmp_path / "one.npz", masks=np.array([[[0.0, 0.02, 0.9]]]))
    np.savez(tmp_path / "two.npz", masks=np.array([[[0.0, 0.0, 1.0]]], np.float16))
    source = open_source(f"npz:{tmp_path}", no_video)
    with pytest.raises(UserError, match=r"one\.npz: masks holds probabilities; threshold them"):
        source.get("one")
    assert source.get("two").masks.tolist() == [[[False, False, True]]]


def test_npz_masks_are_read_in_many_threads(tmp_path):
    """Fails without the lock if Python's parser is not thread-safe, as in 3.11."""
    np.savez(tmp_path / "walk.npz", masks=np.ones((2, 3, 4), bool))
    source = open_source(f"npz:{tmp_path}", no_video)
    # Frequent garbage collections: each lets another thread run in the middle of Python's parser.
    let_others_go_on, threshold = lambda *_: time.sleep(0), gc.get_threshold()
    gc.callbacks.append(let_others_go_on)
    gc.set_threshold(5)
    try:
        with ThreadPoolExecutor(8) as threads:
            result = list(threads.map(lambda _: source.get("walk"), range(4000)))
    finally:
        gc.callbacks.remove(let_others_go_on)
        gc.set_threshold(*threshold)
    assert all(each.masks.all() for each in result)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"mask": np.zeros((2, 2, 2))}, "no array 'masks'"),
        ({"masks": np.zeros((2, 2))}, "does not hold masks"),
        ({"masks": np.zeros((2, 2, 2)), "frame_ids": [1, 1]}, "must ascend"),
        ({"masks": np.zeros((2, 2, 2)), "frame_ids": [-1, 1]}, "must ascend"),
        ({"masks": np.zeros((2, 2, 2)), "frame_ids": [1]}, "do not match"),
        ({"masks": np.zeros((2, 2, 2)), "frame_ids": [0.5, 1.5]}, "whole numbers"),
        ({"masks": np.array([None, {}])}, "does not hold masks"),
    ],
)
def test_npz_of_another_content_is_refused(tmp_path, arrays, reason):
    np.savez(tmp_path / "one.npz", **arrays)
    with pytest.raises(UserError, match=reason):
        open_source(f"npz:{tmp_path}", no_video).get("one")


class MakesFolder:
    """An object whose pickle makes a folder when it is loaded."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_nothing_in_an_npz_is_run(tmp_path):
    np.savez(tmp_path / "one.npz", masks=np.array([MakesFolder(tmp_path / "it ran")]))
    with pytest.raises(UserError, match="does not hold masks"):
        open_source(f"npz:{tmp_path}", no_video).get("one")
    assert not (tmp_path / "it ran").exists()


def test_a_damaged_npz_is_refused(tmp_path):
    (tmp_path / "one.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(UserError, match="does not hold masks"):
        open_source(f"npz:{tmp_path}", no_video).get("one")


BOXES = """video,frame,x1,y1,x2,y2,score
walk/one,2,-3,1.2,2.9,3.8,0.9
walk/one,0,1,0,3,2,0.8
walk/one,0,6.5,5,100,100,0.3
walk/two,0,0,0,1,1,0.5
"""


def boxes(tmp_path, films, options="", text=BOXES):
    (tmp_path / "boxes.csv").write_text(text)
    return open_source(f"boxes:{tmp_path}/boxes.csv{options}", films)


def test_boxes_fill_the_frame_between_their_corners(tmp_path, films):
    result = boxes(tmp_path, films).get("walk/one")
    expected = np.zeros((2, 6, 8), bool)
    # The two boxes of frame 0 are united.
    expected[0, 0:2, 1:3] = True
    # Boxes end at the edge of the frame.
    expected[0, 5:6, 6:8] = True
    expected[1, 1:3, 0:2] = True
    np.testing.assert_array_equal(result.masks, expected)
    np.testing.assert_array_equal(result.frame_ids, [0, 2])


def test_boxes_that_seem_to_count_from_one_need_an_option(tmp_path, films):
    """The last of three frames is 2 counted from 0, and 3 counted from 1.

    A guess might shift all boxes of the table by one frame.
    """
    text = "video,frame,x1,y1,x2,y2\nwalk/one,1,0,0,2,2\nwalk/one,3,1,0,2,2\n"
    with pytest.raises(
        UserError, match=r"has 3 frames and a box in frame 3, .* end the source with \?first=1"
    ):
        boxes(tmp_path, films, text=text).get("walk/one")
    assert boxes(tmp_path, films, "?first=1", text).get("walk/one").frame_ids.tolist() == [0, 2]
    assert boxes(tmp_path, films, "?first=0", text).get("walk/one").frame_ids.tolist() == [1, 3]
    from_zero = text.replace("walk/one,1,", "walk/one,0,")
    assert boxes(tmp_path, films, text=from_zero).get("walk/one").frame_ids.tolist() == [0, 3]


def test_boxes_below_the_score_are_left_out(tmp_path, films):
    result = boxes(tmp_path, films, "?min_score=0.8").get("walk/one")
    assert result.masks.sum(axis=(1, 2)).tolist() == [4, 4]
    with pytest.raises(NoMask, match="no box for walk/two"):
        boxes(tmp_path, films, "?min_score=0.8").get("walk/two")


def test_boxes_may_count_frames_from_one(tmp_path, films):
    text = "video,frame,x1,y1,x2,y2\nwalk/one,1,0,0,1,1\n"
    assert boxes(tmp_path, films, "?first=1", text).get("walk/one").frame_ids.tolist() == [0]
    assert boxes(tmp_path, films, "", text).get("walk/one").frame_ids.tolist() == [1]


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("video,frame,x1,y1,x2\n", "", "lacks y2"),
        ("video,frame,x1,y1,x2,y2\n", "?min_score=0.5", "lacks score"),
        ("video,frame,x1,y1,x2,y2\nwalk/one,0,1,1,b,2\n", "", "line 2 of .*boxes.csv is not a box"),
        (
            "video,frame,x1,y1,x2,y2\nwalk/one,0,1,1\n",
            "",
            "line 2 of .*boxes.csv has 4 fields, but the header",
        ),
        (
            "video,frame,x1,y1,x2,y2\nwalk/one,0,1,1,nan,2\n",
            "",
            "line 2 of .*boxes.csv is not a box",
        ),
        (
            "video,frame,x1,y1,x2,y2\nwalk/one,0,1,1,2,2\n",
            "?first=1",
            "line 2 of .*boxes.csv is not a box: the frame is 0;",
        ),
        (BOXES, "?min_score=high", "min_score of boxes must be a number, not 'high'"),
        (BOXES, "?first=2", "0 or 1, not '2'"),
    ],
)
def test_a_mistake_in_a_table_of_boxes_is_named(tmp_path, films, text, options, reason):
    with pytest.raises(UserError, match=reason):
        boxes(tmp_path, films, options, text)


def test_boxes_of_a_video_that_cannot_be_read_are_no_masks(tmp_path, films):
    (tmp_path / "films" / "walk" / "two").mkdir()
    with pytest.raises(NoMask, match="holds no images"):
        boxes(tmp_path, films).get("walk/two")
