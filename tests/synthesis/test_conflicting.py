"""Claim: Confl-FG puts a still of another class behind the actor, and records its donor.

The still is where the actor hides least of it.
"""

import cv2
import layouts
import numpy as np
import pytest
import stand_ins

from albar_jax.masks.base import NoMask
from albar_jax.storage import access
from albar_jax.synthesis.composite import behind
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.placing import cut_out, place


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    places = stand_ins.pictures(root / "places")
    scuba = stand_ins.scuba(root, stand_ins.videos(root), root / "scuba", backgrounds=places)
    assert stand_ins.run("conflfg", "--scuba", scuba, "--out", root / "conflfg", "--jobs", 1) == 0
    return root


def test_pixels_equal_a_composite_made_by_hand(sets):
    rows = stand_ins.read_csv(sets / "conflfg.csv")
    scuba = {row["id"]: row for row in stand_ins.read_csv(sets / "scuba.csv")}
    assert [row["id"] for row in rows] == list(scuba)
    for row in rows:
        clip = stand_ins.frames_of(sets / "scuba.csv", scuba[row["id"]])
        own, other = int(row["id"].split("_")[1]), int(row["donor"].split("_")[1])
        actor, number = stand_ins.person(own), int(row["donor_frame"])
        donor = layouts.film(other % 2, other, stand_ins.FRAMES)[number]
        shift = int(row["left"]) - np.flatnonzero(stand_ins.person(other)[number].any(axis=0))[0]
        still, mask = (
            np.roll(donor, shift, axis=1),
            np.roll(stand_ins.person(other)[number], shift, axis=1),
        )
        weight = (mask & ~actor)[..., None]
        expected = (still * weight + clip * (1.0 - weight)).astype(np.uint8)
        written = stand_ins.members(sets / row["path"])
        assert list(written.values()) == [stand_ins.jpeg(frame) for frame in expected]
        assert float(row["visible"]) == pytest.approx(
            (mask & ~actor).sum() / mask.sum() / len(actor), abs=1e-4
        )


def block(frames):
    """Returns masks with the actor as a block of 4 rows at the left edge, of these widths."""
    masks = np.zeros((len(frames), stand_ins.HEIGHT, stand_ins.WIDTH), bool)
    for mask, width in zip(masks, frames, strict=True):
        mask[20:24, :width] = True
    return masks


def blocks(root, *widths):
    """Makes SCUBA clips of videos of two classes in alternation, two of each.

    The actor of each video is a block.
    """
    manifest = stand_ins.videos(root, len(widths))
    for number, frames in enumerate(widths):
        np.savez(root / f"masks/action{number % 2}/clip_{number}.npz", masks=block(frames))
    return stand_ins.scuba(root, manifest, root / "scuba")


def conflfg(scuba, out, *more):
    assert stand_ins.run("conflfg", "--scuba", scuba, "--out", out, "--jobs", 1, *more) == 0
    return stand_ins.read_csv(out.with_name(f"{out.name}.csv"))


# 1 % of 48 x 64 pixels are 31. A block of 8 columns has 32. The first class has large actors, the
# second has one large actor.
WIDTHS = ((10,) * 5, (6,) * 5, (12,) * 5, (2, 6, 7, 0, 0), (9,) * 5, (1, 16, 1, 1, 1))


def test_donors_that_are_barely_visible_are_passed_over_and_counted(tmp_path, capsys):
    rows = conflfg(blocks(tmp_path, *WIDTHS), tmp_path / "out")
    assert len(rows) == 12
    donors = {row["donor"] for row in rows if row["label"] == "action0"}
    assert donors == {"action1/clip_5"}
    assert {row["donor_frame"] for row in rows if row["label"] == "action0"} == {"1"}
    passed_over = sum(int(row["passed_over"]) for row in rows)
    assert passed_over > 2
    assert {row["passed_over"] for row in rows if row["label"] == "action1"} == {"0"}
    printed = capsys.readouterr().out
    assert f"{passed_over} donors were rejected, because less than 1 % would be visible" in printed
    least = min(float(row["visible_area"]) for row in rows)
    assert f"every still foreground is visible on at least {100 * least:.4g} % of the" in printed


def test_no_donor_is_drawn_twice_before_all_were_drawn(tmp_path):
    """Only one of three donors is large enough, and it is always found.

    Draws with replacement might miss it in a hundred draws.
    """
    blocks(tmp_path, *WIDTHS)
    scuba = stand_ins.scuba(tmp_path, tmp_path / "manifest.csv", tmp_path / "many", "--copies", 6)
    rows = conflfg(scuba, tmp_path / "out")
    assert {int(row["passed_over"]) for row in rows} == {0, 1, 2}


def test_the_manifest_says_on_how_much_of_the_frames_a_still_shows(tmp_path):
    rows = conflfg(blocks(tmp_path, *WIDTHS), tmp_path / "out")
    for row in rows:
        own, other = int(row["id"].split("_")[1]), int(row["donor"].split("_")[1])
        actor, still = block(WIDTHS[own]), block(WIDTHS[other])[int(row["donor_frame"])]
        shown = (np.roll(still, int(row["left"]), axis=1) & ~actor).mean(axis=(1, 2))
        assert shown.mean() >= 0.01
        assert float(row["visible_area"]) == pytest.approx(shown.mean(), abs=1e-6)
        assert float(row["visible_area_min"]) == pytest.approx(shown.min(), abs=1e-6)


def test_a_donor_that_the_actor_hides_is_passed_over(tmp_path, capsys):
    """The actor covers the rows of one donor, except 12 of 64 columns.

    The other donor is taller than the actor.
    """
    wide = (stand_ins.WIDTH - 12,) * 5
    blocks(tmp_path, wide, (20,) * 5, wide, (8,) * 5)
    tall = np.zeros((stand_ins.FRAMES, stand_ins.HEIGHT, stand_ins.WIDTH), bool)
    tall[:, 10:30, :8] = True
    np.savez(tmp_path / "masks/action1/clip_3.npz", masks=tall)
    scuba = stand_ins.scuba(tmp_path, tmp_path / "manifest.csv", tmp_path / "tall", "--copies", 9)
    # 2.6 % of the first donor would be visible.
    rows = conflfg(scuba, tmp_path / "two", "--min-visible", 0.02)
    assert {row["donor"] for row in rows if row["label"] == "action0"} == {"action1/clip_3"}
    assert "; 0 donors" not in capsys.readouterr().out
    rows = conflfg(scuba, tmp_path / "one")
    assert {row["donor"] for row in rows if row["label"] == "action0"} == {
        "action1/clip_1",
        "action1/clip_3",
    }


def test_a_clip_without_a_donor_of_enough_size_is_left_out_and_listed(tmp_path, capsys):
    scuba = blocks(tmp_path, (10,) * 5, (6,) * 5, (12,) * 5, (7,) * 5)
    rows = conflfg(scuba, tmp_path / "out")
    assert {row["label"] for row in rows} == {"action1"}
    assert "note: 2 videos have no clips" in capsys.readouterr().out
    failed = (tmp_path / "out.failed.tsv").read_text()
    assert (
        failed.count(
            "100 foregrounds of other classes were drawn, and none would be visible on 1 % of the "
            "frames"
        )
        == 2
    )
    assert [path.stem for path in (tmp_path / "out").glob("clip_[02]*")] == []
    assert len(conflfg(scuba, tmp_path / "less", "--min-visible", 0.005)) == 8


def test_no_donor_at_all_is_one_sentence(tmp_path, capsys):
    scuba = blocks(tmp_path, (3,) * 5, (3,) * 5)
    assert stand_ins.run("conflfg", "--scuba", scuba, "--out", tmp_path / "out", "--jobs", 1) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(
        "error: none of the 2 videos can be used, 'action0/clip_0' first: 100 foregrounds"
    )
    assert error.endswith("a lower --min-visible allows smaller ones")


def test_an_actor_who_leaves_no_room_is_reported_at_once(tmp_path):
    scuba = blocks(tmp_path, (10,) * 5, (10,) * 5, (10,) * 5)
    masks = np.ones((5, stand_ins.HEIGHT, stand_ins.WIDTH), bool)
    np.savez(tmp_path / "masks/action0/clip_0.npz", masks=masks)
    assert len(conflfg(scuba, tmp_path / "out")) == 4
    printed = (tmp_path / "out.failed.tsv").read_text()
    assert "its actor leaves 0 % of the frames free; a still foreground needs 1 %" in printed


def test_the_share_of_a_foreground_is_measured_in_its_new_frame(tmp_path):
    """A donor of 0.65 % is large enough in a frame of half the width.

    It has twice the share in a frame of the same height.
    """
    scuba = blocks(tmp_path, (40,) * 5, (5,) * 5)
    narrow = stand_ins.read_csv(scuba)[:2]
    for row in narrow:
        archive = tmp_path / row["path"]
        frames = [
            cv2.imdecode(np.frombuffer(data, np.uint8), 1)
            for data in stand_ins.members(archive).values()
        ]
        stand_ins.write_images(tmp_path / "videos/action0/clip_0", np.stack(frames)[:, :, ::2])
    np.savez(tmp_path / "masks/action0/clip_0.npz", masks=block((20,) * 5)[:, :, ::2])
    scuba = stand_ins.scuba(tmp_path, tmp_path / "manifest.csv", tmp_path / "narrow")
    rows = conflfg(scuba, tmp_path / "out")
    shares = [float(row["visible_area"]) for row in rows if row["label"] == "action0"]
    assert shares == [pytest.approx(20 / (48 * 32), abs=1e-6)] * 2


def test_two_processes_and_shards_make_the_same_clips(tmp_path):
    scuba = blocks(tmp_path, *WIDTHS)
    conflfg(scuba, tmp_path / "one" / "set")
    conflfg(scuba, tmp_path / "two" / "set", "--jobs", 2)
    for shard in ("2/2", "1/2"):
        words = (
            "--scuba",
            scuba,
            "--out",
            tmp_path / "shards" / "set",
            "--jobs",
            1,
            "--shard",
            shard,
        )
        assert stand_ins.run("conflfg", *words) == 0
    drawn = [
        stand_ins.hashes(*(tmp_path / name / file for file in ("set", "set.csv", "set.png")))
        for name in ("one", "two", "shards")
    ]
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.parametrize("share", [-0.1, 1.5, "nan"])
def test_a_number_that_is_not_a_share_is_refused(sets, tmp_path, capsys, share):
    words = ("--scuba", sets / "scuba.csv", "--out", tmp_path / "out", "--min-visible", share)
    assert stand_ins.run("conflfg", *words) == 2
    assert "--min-visible is" in capsys.readouterr().err


def test_a_still_hides_the_background_and_nothing_of_the_actor():
    rng = np.random.default_rng(0)
    clip, still = (
        rng.integers(0, 256, (3, 6, 8, 3), np.uint8),
        rng.integers(0, 256, (6, 8, 3), np.uint8),
    )
    actor, mask = rng.random((3, 6, 8)) < 0.5, rng.random((6, 8)) < 0.5
    composed = behind(still, mask, actor, clip)
    assert (composed[actor] == clip[actor]).all()
    for frame, own_mask, before in zip(composed, actor, clip, strict=True):
        assert (frame[mask & ~own_mask] == still[mask & ~own_mask]).all()
        assert (frame[~mask] == before[~mask]).all()


def test_label_is_of_the_moving_action_and_the_donor_of_another(sets):
    for row in stand_ins.read_csv(sets / "conflfg.csv"):
        assert row["label"] == row["id"].split("/")[0]
        assert row["donor_label"] == row["donor"].split("/")[0] != row["label"]


def test_donors_and_frames_are_drawn_by_seed_and_id(sets, tmp_path):
    def choices(path):
        return [(row["donor"], row["donor_frame"]) for row in stand_ins.read_csv(path)]

    for seed in (0, 1):
        words = (
            "--scuba",
            sets / "scuba.csv",
            "--out",
            tmp_path / str(seed),
            "--seed",
            seed,
            "--jobs",
            1,
        )
        assert stand_ins.run("conflfg", *words) == 0
    assert (
        choices(tmp_path / "0.csv") == choices(sets / "conflfg.csv") != choices(tmp_path / "1.csv")
    )
    assert len(set(choices(sets / "conflfg.csv"))) > 4


def test_one_class_alone_has_nobody_to_lend(sets, tmp_path, capsys):
    rows = [row for row in stand_ins.read_csv(sets / "scuba.csv") if row["label"] == "action0"]
    for row in rows:
        row["path"] = str(sets / row["path"])
    manifest = stand_ins.write_csv(tmp_path / "one.csv", rows)
    assert stand_ins.run("conflfg", "--scuba", manifest, "--out", tmp_path / "out") == 2
    assert "Confl-FG needs two" in capsys.readouterr().err


def test_sets_of_several_masks_are_refused(sets, tmp_path, capsys):
    """Otherwise the masks and rules of the first row would be used for all clips."""
    rows = stand_ins.read_csv(sets / "scuba.csv")
    for row in rows:
        row["path"], row["source"] = (str(sets / row[name]) for name in ("path", "source"))
    rows[-1]["rules"] = "dilate=9"
    manifest = stand_ins.write_csv(tmp_path / "both.csv", rows)
    for command in ("conflfg", "scufo", "leakage"):
        out = () if command == "leakage" else ("--out", tmp_path / command)
        assert stand_ins.run(command, "--scuba", manifest, *out) == 2
        assert "(default) and" in (error := capsys.readouterr().err)
        assert "give a manifest for each" in error
    assert (
        stand_ins.run(
            "scufo", "--scuba", manifest, "--out", tmp_path / "all", "--jobs", 1, "--as-published"
        )
        == 0
    )


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
        # The actor covers columns 26 to 45.
        frame[:, 26 + 3 * number : 40 + 3 * number] = True
    moved, placed, left = place(cut_out(picture, mask, 40, 60), actor)
    assert not (placed & actor).any()
    # The nearest free places are 12 columns to the left and 16 to the right. The left one wins.
    assert 46 <= left <= 48 or 16 <= left <= 18
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


def test_a_try_that_ran_out_of_memory_changes_no_draw(sets, tmp_path, monkeypatch):
    calls, works = [], Foregrounds.masks_of

    def fails_once(*arguments):
        calls.append(arguments)
        # This call reads the masks of the first donor.
        if len(calls) == 2:
            raise MemoryError
        return works(*arguments)

    monkeypatch.setattr(Foregrounds, "masks_of", fails_once)
    monkeypatch.setattr(access, "WAITS", (0.001,))
    assert (
        stand_ins.run(
            "conflfg", "--scuba", sets / "scuba.csv", "--out", tmp_path / "again", "--jobs", 1
        )
        == 0
    )
    assert len(calls) > 2
    donors = [
        [row["donor"] for row in stand_ins.read_csv(path)]
        for path in (sets / "conflfg.csv", tmp_path / "again.csv")
    ]
    assert donors[0] == donors[1]
