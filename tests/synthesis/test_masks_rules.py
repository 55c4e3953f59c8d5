"""Claim: mask rules do what they say.

Each option is checked by hand, the published rule of Kinetics-400 against StillMix's loop.
"""

import numpy as np
import pytest
from PIL import Image

from albar_jax.data import transforms
from albar_jax.data.clip_reader import Cut
from albar_jax.data.decode import DecodeError
from albar_jax.errors import UserError
from albar_jax.masks import Masks, NoMask, pixels
from albar_jax.masks.person_masks import PersonMasks
from albar_jax.masks.rules import KINETICS400, MaskRules, apply


def row(*frames, frame_ids=None):
    """Returns masks of one row each, drawn as "x..x"."""
    masks = np.array([[[pixel == "x" for pixel in frame]] for frame in frames])
    return Masks(masks, np.arange(len(frames)) if frame_ids is None else np.array(frame_ids))


def applied(masks, num_frames, **rules):
    result, num_usable = apply(masks, MaskRules(**rules), num_frames, *masks.masks.shape[1:])
    assert result.dtype == bool
    return [
        "".join(".x"[int(pixel)] for pixel in frame[0]) for frame in result
    ], num_usable.tolist()


def test_by_default_masks_stay_and_frames_without_one_are_dropped():
    assert applied(row("x..", "...", "..x", frame_ids=[1, 2, 4]), 6) == (
        ["x..", "...", "..x"],
        [1, 2, 4],
    )


def test_masks_beyond_the_end_of_the_video_are_left_out():
    assert applied(row("x..", "..x", frame_ids=[1, 4]), 4) == (["x.."], [1])
    assert applied(row("x..", "..x", frame_ids=[1, 4]), 4, missing="hold") == (
        ["x.."] * 4,
        [0, 1, 2, 3],
    )
    with pytest.raises(NoMask, match="no mask for any of its 1 frames"):
        applied(row("x..", "..x", frame_ids=[1, 4]), 1)


def test_missing_masks_are_empty_or_held():
    masks = row("x..", "..x", frame_ids=[1, 3])
    assert applied(masks, 5, missing="empty") == (
        ["...", "x..", "...", "..x", "..."],
        [0, 1, 2, 3, 4],
    )
    assert applied(masks, 5, missing="hold") == (
        ["x..", "x..", "x..", "..x", "..x"],
        [0, 1, 2, 3, 4],
    )


def test_an_empty_mask_is_not_missing():
    assert applied(row("x..", "..."), 3, missing="hold")[0] == ["x..", "...", "..."]


def test_smoothing_reaches_over_frames_and_not_over_missing_ones():
    masks = row("x....", ".x...", "...x.", "....x", frame_ids=[0, 1, 3, 4])
    assert applied(masks, 5, smooth_frames=1) == (
        ["xx...", "xx...", "...xx", "...xx"],
        [0, 1, 3, 4],
    )
    assert applied(masks, 5, smooth_frames=2)[0] == ["xx...", "xx.x.", ".x.xx", "...xx"]


def test_smoothing_the_union_is_the_union_of_smoothed_masks():
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 9, 4, 5)) < 0.2
    rules = MaskRules(smooth_frames=2)
    ids = np.arange(9)
    together, _ = apply(Masks(one | other, ids), rules, 9, 4, 5)
    apart = [apply(Masks(masks, ids), rules, 9, 4, 5)[0] for masks in (one, other)]
    np.testing.assert_array_equal(together, apart[0] | apart[1])


def test_a_video_is_valid_when_enough_of_its_frames_have_enough_area():
    masks = row("xx........", "x.........", "xxx.......", "..........")
    # The other frames stay.
    assert len(applied(masks, 4, min_area=0.2, min_valid_share=0.5)[0]) == 4
    with pytest.raises(
        NoMask, match="2 of its 4 frames have a mask of 20% of the frame or more; 51% of them must"
    ):
        applied(masks, 4, min_area=0.2, min_valid_share=0.51)
    # A frame without a mask counts as invalid.
    with pytest.raises(NoMask, match="2 of its 5 frames"):
        applied(masks, 5, min_area=0.2, min_valid_share=0.5)
    assert applied(masks, 4, min_valid_share=0.75)
    with pytest.raises(NoMask, match="3 of its 4 frames have a mask; 76%"):
        applied(masks, 4, min_valid_share=0.76)


def published_kinetics(segmentation, saliency):
    """Runs StillMix's loop for one video, with frame numbers from 1.

    Returns the masks, and whether the video is used.
    """
    frames = len(segmentation)
    masks, valid = [], 0
    for number in range(1, frames + 1):
        near = range(max(1, number - 1), min(frames, number + 1) + 1)
        summed = [
            sum(source[other - 1].astype(float) for other in near)
            for source in (segmentation, saliency)
        ]
        mask = np.minimum(np.minimum(summed[0], 1) + np.minimum(summed[1], 1), 1)
        valid += mask.sum() >= 0.1 * mask.size
        masks.append(mask > 0)
    return np.stack(masks), valid >= 0.9 * frames


def test_the_preset_of_kinetics_does_what_was_published():
    rng = np.random.default_rng(1)
    num_usable = 0
    for _ in range(200):
        segmentation, saliency = rng.random((2, 10, 4, 5)) < rng.uniform(0, 0.06)
        expected, keep = published_kinetics(segmentation, saliency)
        union = Masks(segmentation | saliency, np.arange(10))
        try:
            result, frames = apply(union, KINETICS400, 10, 4, 5)
        except NoMask:
            assert not keep
        else:
            assert keep
            np.testing.assert_array_equal(result, expected)
            assert len(frames) == 10
        num_usable += keep
    # Both outcomes occurred.
    assert 40 < num_usable < 160


def test_masks_grow_by_pixels_of_the_frame_after_the_area_was_judged():
    masks = np.zeros((1, 7, 7), bool)
    masks[0, 3, 3] = True
    disc = np.hypot(*(np.mgrid[:7, :7] - 3)) <= 2
    result, _ = apply(Masks(masks, np.arange(1)), MaskRules(dilate=2), 1, 7, 7)
    np.testing.assert_array_equal(result[0], disc)
    with pytest.raises(NoMask):
        apply(
            Masks(masks, np.arange(1)),
            MaskRules(dilate=2, min_area=0.1, min_valid_share=1),
            1,
            7,
            7,
        )
    corner = np.zeros((1, 2, 2), bool)
    corner[0, 0, 0] = True
    assert pixels.grow(corner, 1)[0].tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize("size", [(4, 6), (8, 12), (3, 5), (9, 7), (2, 3), (1, 1)])
def test_masks_take_the_size_of_the_frame_by_their_nearest_pixel(size):
    masks = np.random.default_rng(0).random((3, 4, 6)) < 0.5
    masks[0] = True
    result, _ = apply(Masks(masks, np.arange(3)), MaskRules(), 3, *size)
    for mask, resized in zip(masks, result, strict=True):
        image = Image.fromarray(mask.astype(np.uint8)).resize(size[::-1], Image.Resampling.NEAREST)
        np.testing.assert_array_equal(resized, np.asarray(image) > 0)


def test_masks_of_a_film_that_was_not_turned_are_refused():
    """Masks squeezed into an upright frame would show anything but the actor."""
    for height, width in ((36, 64), (18, 32), (72, 127)):
        lying = Masks(np.ones((1, height, width), bool), np.arange(1))
        with pytest.raises(
            NoMask, match=f"{width} x {height} pixels and its frames 36 x 64.*rotation"
        ):
            apply(lying, MaskRules(), 1, 64, 36)
        apply(lying, MaskRules(), 1, 36, 64)
    # A network sees the frame squeezed to a square.
    squeezed = Masks(np.ones((1, 56, 56), bool), np.arange(1))
    assert apply(squeezed, MaskRules(), 1, 64, 36)[0].shape == (1, 64, 36)
    assert apply(Masks(np.ones((1, 100, 99), bool), np.arange(1)), MaskRules(), 1, 99, 100)[0].all()


def test_a_training_clip_with_such_masks_cannot_be_used(tmp_path):
    np.savez(tmp_path / "one.npz", masks=np.ones((2, 36, 64), bool))
    people = PersonMasks(f"npz:{tmp_path}", ["one"], ["one.mp4"])
    rng = np.random.default_rng(0)
    crop = transforms.draw_crop("none", 64, 36, rng=rng, short_side=36, size=32, place=0.5)
    with pytest.raises(
        DecodeError, match="its masks cannot be used: its masks have 64 x 36 pixels"
    ):
        people.read(0, Cut(np.arange(2), 2, 64, 36, crop, 32), rng)


@pytest.mark.parametrize("num_masks", [0, 2])
def test_a_video_without_anyone_has_no_mask(num_masks):
    with pytest.raises(
        NoMask, match="its masks are empty" if num_masks else "no mask for any of its 3 frames"
    ):
        apply(
            Masks(np.zeros((num_masks, 2, 2), bool), np.arange(num_masks)),
            MaskRules(smooth_frames=1),
            3,
            2,
            2,
        )


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"smooth_frames": -1}, "smooth_frames is -1"),
        ({"dilate": -2}, "dilate is -2"),
        ({"min_area": 10, "min_valid_share": 0.9}, "min_area is 10, but is a share"),
        ({"min_valid_share": -0.1}, "min_valid_share is -0.1"),
        ({"min_area": 0.1}, "min_area 0.1 has no effect alone"),
        ({"missing": "keep"}, "drop, empty, hold, not 'keep'"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rules, reason):
    with pytest.raises(UserError, match=reason):
        MaskRules(**rules)
