"""Claim: leakage is measured against better masks, and only estimated without them."""

import numpy as np
import pytest
import stand_ins

from albar_jax.synthesis import leakage


def test_shares_of_a_case_worked_by_hand():
    """The actor has 20 of 100 pixels; the mask has 30, and shares 15 with the actor."""
    true, mask = np.zeros((1, 10, 10), bool), np.zeros((1, 10, 10), bool)
    true[0, :2] = True
    mask[0, 0] = mask[0, 5:7] = True
    mask[0, 1, :5] = mask[0, 6, 5:] = True
    mask[0, 6, 5:] = False
    found = leakage.measure(mask, true)
    assert found == {
        "background_kept": 15 / 80,
        "background_in_mask": 15 / 30,
        "actor_lost": 5 / 20,
    }


def test_a_perfect_mask_keeps_no_background():
    true = stand_ins.person(0)
    assert leakage.measure(true, true) == {
        "background_kept": 0,
        "background_in_mask": 0,
        "actor_lost": 0,
    }


def test_a_box_fills_its_box_and_an_ellipse_does_not():
    box = np.zeros((2, 30, 40), bool)
    box[:, 5:25, 10:30] = True
    assert leakage.estimate(box)["box_fill"] == 1
    assert leakage.estimate(stand_ins.person(0))["box_fill"] == pytest.approx(np.pi / 4, abs=0.03)


def test_the_margin_is_what_lies_within_two_pixels_of_the_edge():
    box = np.zeros((1, 30, 40), bool)
    # 20 x 20 pixels. The inner 16 x 16 are farther from the edge.
    box[:, 5:25, 10:30] = True
    share_kept = leakage.estimate(box)["kept_if_wide"]
    assert share_kept == pytest.approx((400 - 256) / (1200 - 256))


def test_the_border_of_the_picture_is_no_edge():
    mask = np.ones((1, 20, 20), bool)
    mask[0, 10, 10] = False
    # Pixels within two of the hole: OpenCV rounds off the disc.
    inner = 17
    assert leakage.estimate(mask)["kept_if_wide"] == pytest.approx((inner - 1) / inner)


def test_a_share_of_nothing_is_undefined(tmp_path, capsys):
    """A mask of all pixels keeps all background. It must not count as one that keeps none."""
    everything = np.ones((1, 20, 20), bool)
    assert np.isnan(leakage.estimate(everything)["kept_if_wide"])
    assert np.isnan(leakage.measure(everything, everything)["background_kept"])
    manifest = stand_ins.videos(tmp_path, 2)
    all_pixels = np.ones((stand_ins.FRAMES, stand_ins.HEIGHT, stand_ins.WIDTH), bool)
    np.savez(tmp_path / "masks/action0/clip_0.npz", masks=all_pixels)
    scuba = stand_ins.scuba(tmp_path, manifest, tmp_path / "set")
    assert (
        "note: in 2 clips the masks cover more than 95 % of the frames" in capsys.readouterr().out
    )
    assert stand_ins.run("leakage", "--scuba", scuba, "--jobs", 1) == 0
    first, second = stand_ins.read_csv(tmp_path / "set.leakage.csv")
    assert (first["kept_if_wide"], first["box_fill"]) == ("", "1.0000")
    printed = capsys.readouterr().out
    assert f"{100 * float(second['kept_if_wide']):.1f} % of the background would survive" in printed
    assert "note: 1 of the videos have no background by these masks" in printed


def test_boxes_leave_more_than_pixel_masks(tmp_path, capsys):
    """The command compares clips cut out along boxes with pixel masks. (ALBAR Sec. 4)"""
    manifest = stand_ins.videos(tmp_path)
    boxes = []
    for number in range(4):
        name = f"action{number % 2}/clip_{number}"
        for frame in range(stand_ins.FRAMES):
            x1, y1, x2, y2 = stand_ins.box(number, frame)
            boxes.append({"video": name, "frame": frame, "x1": x1, "y1": y1, "x2": x2, "y2": y2})
    file = stand_ins.write_csv(tmp_path / "boxes.csv", boxes)
    words = ("--manifest", manifest, "--backgrounds", "stripe", "--jobs", 1)
    assert (
        stand_ins.run("scuba", *words, "--masks", f"boxes:{file}", "--out", tmp_path / "set") == 0
    )
    words = ("--scuba", tmp_path / "set.csv", "--jobs", 1)
    capsys.readouterr()
    assert stand_ins.run("leakage", *words) == 0
    assert "measured only against better masks" in capsys.readouterr().out
    assert stand_ins.run("leakage", *words, "--true-masks", f"npz:{tmp_path / 'masks'}") == 0
    rows = stand_ins.read_csv(tmp_path / "set.leakage.csv")
    assert len(rows) == 4
    for number, row in enumerate(rows):
        true = stand_ins.person(number)
        share_kept = np.zeros_like(true)
        for frame, mask in enumerate(share_kept):
            x1, y1, x2, y2 = stand_ins.box(number, frame)
            mask[y1:y2, x1:x2] = True
        expected = leakage.measure(share_kept, true)
        assert {name: float(row[name]) for name in expected} == pytest.approx(expected, abs=1e-4)
        assert expected["background_in_mask"] > 0.15
    assert "of the true background survives" in capsys.readouterr().out
