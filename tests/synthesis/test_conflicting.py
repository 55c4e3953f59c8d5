"""Claim: Confl-FG puts a still of another class behind the actor, where the actor hides it least, and says whom."""

import layouts
import numpy as np
import pytest
import stand_ins

from albar_jax.synthesis.composite import behind
from albar_jax.synthesis.masks.base import NoMask
from albar_jax.synthesis.placing import cut_out, place


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    places = stand_ins.pictures(root / "places")
    scuba = stand_ins.scuba(root, stand_ins.videos(root), root / "scuba", backgrounds=places)
    assert stand_ins.run("conflfg", "--scuba", scuba, "--out", root / "conflfg", "--jobs", 1) == 0
    return root


def test_pixels_are_those_of_a_composite_made_by_hand(sets):
    rows = stand_ins.read_csv(sets / "conflfg.csv")
    scuba = {row["id"]: row for row in stand_ins.read_csv(sets / "scuba.csv")}
    assert [row["id"] for row in rows] == list(scuba)
    for row in rows:
        clip = stand_ins.frames_of(sets / "scuba.csv", scuba[row["id"]])
        own, other = int(row["id"].split("_")[1]), int(row["donor"].split("_")[1])
        actor, number = stand_ins.person(own), int(row["donor_frame"])
        donor = layouts.film(other % 2, other, stand_ins.FRAMES)[number]
        shift = int(row["left"]) - np.flatnonzero(stand_ins.person(other)[number].any(axis=0))[0]
        still, mask = np.roll(donor, shift, axis=1), np.roll(stand_ins.person(other)[number], shift, axis=1)
        weight = (mask & ~actor)[..., None]
        expected = (still * weight + clip * (1.0 - weight)).astype(np.uint8)
        written = stand_ins.members(sets / row["path"])
        assert list(written.values()) == [stand_ins.jpeg(frame) for frame in expected]
        assert float(row["visible"]) == pytest.approx((mask & ~actor).sum() / mask.sum() / len(actor), abs=1e-4)


def test_a_still_hides_the_background_and_nothing_of_the_actor():
    rng = np.random.default_rng(0)
    clip, still = rng.integers(0, 256, (3, 6, 8, 3), np.uint8), rng.integers(0, 256, (6, 8, 3), np.uint8)
    actor, mask = rng.random((3, 6, 8)) < 0.5, rng.random((6, 8)) < 0.5
    made = behind(still, mask, actor, clip)
    assert (made[actor] == clip[actor]).all()
    for frame, mine, before in zip(made, actor, clip, strict=True):
        assert (frame[mask & ~mine] == still[mask & ~mine]).all()
        assert (frame[~mask] == before[~mask]).all()


def test_label_is_of_the_moving_action_and_the_donor_of_another(sets):
    for row in stand_ins.read_csv(sets / "conflfg.csv"):
        assert row["label"] == row["id"].split("/")[0]
        assert row["donor_label"] == row["donor"].split("/")[0] != row["label"]


def test_donors_and_frames_are_drawn_by_seed_and_id(sets, tmp_path):
    def choices(path):
        return [(row["donor"], row["donor_frame"]) for row in stand_ins.read_csv(path)]

    for seed in (0, 1):
        words = ("--scuba", sets / "scuba.csv", "--out", tmp_path / str(seed), "--seed", seed, "--jobs", 1)
        assert stand_ins.run("conflfg", *words) == 0
    assert choices(tmp_path / "0.csv") == choices(sets / "conflfg.csv") != choices(tmp_path / "1.csv")
    assert len(set(choices(sets / "conflfg.csv"))) > 4


def test_one_class_alone_has_nobody_to_lend(sets, tmp_path, capsys):
    rows = [row for row in stand_ins.read_csv(sets / "scuba.csv") if row["label"] == "action0"]
    for row in rows:
        row["path"] = str(sets / row["path"])
    manifest = stand_ins.write_csv(tmp_path / "one.csv", rows)
    assert stand_ins.run("conflfg", "--scuba", manifest, "--out", tmp_path / "out") == 2
    assert "Confl-FG needs two" in capsys.readouterr().err


def figure(left, top=10, height=20, width=8, size=(40, 60)):
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = True
    picture = np.random.default_rng(0).integers(1, 256, (*size, 3), np.uint8)
    return picture, mask


def test_a_still_stays_where_it_is_if_nobody_is_there():
    picture, mask = figure(left=30)
    moved, placed, left = place(cut_out(picture, mask, 40, 60), np.zeros((3, 40, 60), bool))
    assert left == 30
    assert (placed == mask).all()
    assert (moved[placed] == picture[mask]).all()


def test_a_still_goes_sideways_to_the_nearest_place_where_the_actor_never_is():
    picture, mask = figure(left=30)
    actor = np.zeros((3, 40, 60), bool)
    for number, frame in enumerate(actor):
        frame[:, 26 + 3 * number : 40 + 3 * number] = True  # over columns 26 to 45
    moved, placed, left = place(cut_out(picture, mask, 40, 60), actor)
    assert not (placed & actor).any()
    assert 46 <= left <= 48 or 16 <= left <= 18  # 12 to the left, or 16 to the right: the left
    assert left <= 18
    assert (np.flatnonzero(placed.any(axis=1)) == np.arange(10, 30)).all()
    assert (moved[placed] == picture[mask]).all()


def test_a_still_of_a_larger_film_is_scaled_by_the_height_of_the_frame():
    picture, mask = figure(left=60, top=20, height=40, width=16, size=(80, 120))
    foreground = cut_out(picture, mask, 40, 60)
    assert foreground.mask.shape == (20, 8)
    assert (foreground.top, foreground.left) == (10, 30)


def test_a_still_that_is_too_broad_is_scaled_to_fit_and_stands_on_its_ground():
    picture, mask = figure(left=5, top=20, height=20, width=50)
    foreground = cut_out(picture, mask, 40, 25)
    assert foreground.mask.shape == (10, 25)
    assert (foreground.top, foreground.left) == (30, 0)


def test_a_foreground_that_vanishes_is_none():
    picture, mask = figure(left=1, top=1, height=1, width=1, size=(400, 600))
    with pytest.raises(NoMask, match="too small"):
        cut_out(picture, mask, 40, 60)
