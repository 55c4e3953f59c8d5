"""Claim: run-length codes of pycocotools give the masks that are drawn here, in both formats."""

import json

import numpy as np
import pytest
from PIL import Image

from albar_jax.data.decode import open_video
from albar_jax.errors import UserError
from albar_jax.masks import NoMask, open_source
from albar_jax.masks.run_length import decode

SMALL = np.zeros((5, 7), bool)
SMALL[1:4, 2:5] = SMALL[0, 0] = SMALL[3, 6] = True
# Made by pycocotools 2.0.11: mask.encode(np.asfortranarray(SMALL))["counts"].
SMALL_CODE = "01:2H0007NH"
SMALL_RUNS = [0, 1, 10, 3, 2, 3, 2, 3, 9, 1, 1]

ROWS, COLUMNS = np.mgrid[:100, :120]
LARGE = (ROWS - 50) ** 2 / 900 + (COLUMNS - 60) ** 2 / 2000 < 1
LARGE[5:9, 100:119] = True
LARGE_CODE = (
    "]c1;f26K4M2M4M2N2N2N2N2N2N2O0O2N2O0O2O0O2O0O2O0O2O000O2O"
    "000O2O0000000O2O0000000000000000000000000000000000000000"
    "0001N100000001N10001N10001N101N101N101N101N2N101N2N2N2N2N2N"
    "ROWODg0=YOEc0=]ODa0=_OE==CF7=I_10000000000000000000000000o2"
)


@pytest.mark.parametrize(
    ("counts", "mask"),
    [(SMALL_CODE, SMALL), (SMALL_RUNS, SMALL), (LARGE_CODE, LARGE), ([6], np.zeros((2, 3), bool))],
)
def test_a_code_becomes_the_mask_it_was_made_of(counts, mask):
    np.testing.assert_array_equal(decode(counts, *mask.shape), mask)


@pytest.mark.parametrize(
    "counts",
    [
        [5],
        [7],
        [2, -1, 5],
        "",
        "6 ",
        "6P",
        "6\x7f",
        "P",
        "o" * 100,
        [2**62, 2**62],
        ["a"],
        [1 << 40],
    ],
)
def test_a_code_that_does_not_fit_is_refused(counts):
    with pytest.raises((ValueError, OverflowError)):
        decode(counts, 2, 3)


def code(mask):
    """Returns the runs of a mask, uncompressed."""
    flat = np.concatenate([[False], np.asarray(mask, bool).T.ravel()])
    ends = np.flatnonzero(np.diff(flat)).tolist()
    return {"size": list(np.shape(mask)), "counts": np.diff([0, *ends, flat.size - 1]).tolist()}


A, B, EMPTY = np.array([[1, 0, 0]] * 2), np.array([[0, 0, 1]] * 2), np.zeros((2, 3))

VIDEOS = {
    "videos": [
        {"id": 5, "file_names": [f"walk/one/{number:05d}.jpg" for number in (0, 5, 10)]},
        {"id": 6, "file_names": ["walk/two/00000.jpg"]},
    ],
    "annotations": [
        {"video_id": 5, "category_id": 1, "segmentations": [code(A), None, None]},
        {"video_id": 5, "category_id": 2, "segmentations": [code(B), code(B), None]},
    ],
}

IMAGES = {
    "images": [
        {"id": 7, "file_name": "walk/one/00002.jpg", "height": 2, "width": 3},
        {"id": 8, "file_name": "walk/one/00000.jpg", "height": 2, "width": 3},
        {"id": 9, "file_name": "run/one/00001.jpg", "height": 2, "width": 3},
    ],
    "annotations": [
        {"image_id": 7, "category_id": 1, "segmentation": code(A), "iscrowd": 1},
        {"image_id": 7, "category_id": 2, "segmentation": code(B)},
        {"image_id": 9, "category_id": 1, "segmentation": code(A)},
    ],
}


def rle(tmp_path, content, options="", opener=None):
    (tmp_path / "masks.json").write_text(json.dumps(content))
    return open_source(f"rle:{tmp_path}/masks.json{options}", opener)


def test_segmentation_i_of_a_video_belongs_to_frame_i(tmp_path):
    result = rle(tmp_path, VIDEOS).get("walk/one")
    np.testing.assert_array_equal(result.masks, np.array([A + B, B, EMPTY]) > 0)
    assert result.frame_ids.tolist() == [0, 1, 2]
    assert rle(tmp_path, VIDEOS, "?first=1").get("walk/one").frame_ids.tolist() == [0, 1, 2]
    result = rle(tmp_path, VIDEOS, "?ids=1").get("walk/one")
    np.testing.assert_array_equal(result.masks, np.array([A, EMPTY, EMPTY]) > 0)


def test_the_number_in_the_name_of_an_image_is_its_frame(tmp_path):
    result = rle(tmp_path, IMAGES).get("walk/one")
    np.testing.assert_array_equal(result.masks, np.array([EMPTY, A + B]) > 0)
    assert result.frame_ids.tolist() == [0, 2]
    assert rle(tmp_path, IMAGES, "?ids=2").get("walk/one").masks.sum() == 2


def test_numbers_of_images_from_one_are_recognised_by_the_length_of_the_video(tmp_path):
    Image.new("RGB", (3, 2)).save(tmp_path / "film.png")
    result = rle(tmp_path, IMAGES, opener=lambda video: open_video(str(tmp_path / "film.png"))).get(
        "run/one"
    )
    assert result.frame_ids.tolist() == [0]
    assert rle(tmp_path, IMAGES, "?first=0").get("run/one").frame_ids.tolist() == [1]


@pytest.mark.parametrize("video", ["walk/two", "absent"])
def test_a_video_without_a_code_has_no_mask(tmp_path, video):
    with pytest.raises(NoMask, match=f"no mask for {video}"):
        rle(tmp_path, VIDEOS).get(video)


def damaged(segmentation):
    return {
        "images": IMAGES["images"],
        "annotations": [{"image_id": 7, "category_id": 1, "segmentation": segmentation}],
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "not a file of run-length codes"),
        ([{"image_id": 1, "segmentation": code(A)}], "not a file of run-length codes"),
        ({"images": []}, "lacks 'annotations'"),
        (damaged([[1, 2, 3, 4, 5, 6]]), "polygons"),
        (damaged({"counts": [6]}), "lacks 'size'"),
        (damaged(code(A)) | {"images": []}, "lacks 7"),
        (
            {"images": [{"id": 1, "file_name": "walk/frame.jpg"}], "annotations": []},
            "has no number",
        ),
    ],
)
def test_another_content_is_refused_when_it_is_opened(tmp_path, content, reason):
    with pytest.raises(UserError, match=reason):
        rle(tmp_path, content)


def test_a_damaged_code_is_named_with_its_video(tmp_path):
    for counts in ([5], "zzz", None):
        with pytest.raises(UserError, match="a mask of walk/one is damaged"):
            rle(tmp_path, damaged({"size": [2, 3], "counts": counts})).get("walk/one")
    with pytest.raises(UserError, match="different sizes"):
        rle(
            tmp_path,
            IMAGES | {"annotations": [*IMAGES["annotations"], *damaged(code(A.T))["annotations"]]},
        ).get("walk/one")


def test_text_that_is_no_json_is_refused(tmp_path):
    for text in ("{", "[" * 100_000):
        (tmp_path / "masks.json").write_text(text)
        with pytest.raises(UserError, match="not a file of run-length codes"):
            open_source(f"rle:{tmp_path}/masks.json", None)
