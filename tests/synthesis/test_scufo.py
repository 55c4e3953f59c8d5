"""Claim: a SCUFO clip is a frame of its SCUBA clip, bit for bit, that shows the actor.

Its manifest records which frame it is.
"""

import json

import numpy as np
import pytest
import stand_ins

from albar_jax.data.decode import read_frames
from albar_jax.synthesis.draws import generator


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    scuba = stand_ins.scuba(root, stand_ins.videos(root), root / "scuba")
    assert stand_ins.run("scufo", "--scuba", scuba, "--out", root / "scufo", "--jobs", 1) == 0
    return root


def test_each_image_is_a_frame_of_the_clip_with_its_id_and_label(sets):
    scuba, scufo = (stand_ins.read_csv(sets / f"{kind}.csv") for kind in ("scuba", "scufo"))
    assert [(row["id"], row["label"]) for row in scufo] == [
        (row["id"], row["label"]) for row in scuba
    ]
    for moving, still in zip(scuba, scufo, strict=True):
        assert still["path"] == moving["path"].replace("scuba/", "scufo/").replace(".zip", ".jpg")
        image = (sets / still["path"]).read_bytes()
        assert (
            image
            == stand_ins.members(sets / moving["path"])[f"frame{int(still['frame']) + 1:06}.jpg"]
        )


def test_frames_are_drawn_from_the_whole_clip_by_seed_and_id(sets, tmp_path):
    first = [row["frame"] for row in stand_ins.read_csv(sets / "scufo.csv")]
    assert len(set(first)) > 2
    drawn = []
    for seed in (0, 1):
        out = tmp_path / str(seed)
        stand_ins.run(
            "scufo", "--scuba", sets / "scuba.csv", "--out", out, "--seed", seed, "--jobs", 1
        )
        drawn.append([row["frame"] for row in stand_ins.read_csv(tmp_path / f"{seed}.csv")])
    assert drawn[0] == first
    assert drawn[1] != first


def test_released_clips_which_are_folders_of_frames_have_stills_too(sets, tmp_path, capsys):
    """StillMix releases `<video>__<k>/frame%06d.jpg`, and no SCUFO."""
    rows = stand_ins.read_csv(sets / "scuba.csv")[:3]
    for row in rows:
        for name, image in stand_ins.members(sets / row["path"]).items():
            folder = tmp_path / row["id"]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(image)
    released = [{"path": row["id"], "label": row["label"], "id": row["id"]} for row in rows]
    manifest = stand_ins.write_csv(tmp_path / "released.csv", released)
    assert (
        stand_ins.run("scufo", "--scuba", manifest, "--out", tmp_path / "scufo", "--jobs", 1) == 0
    )
    assert (
        "of 3 stills are not known, so these are drawn from all frames" in capsys.readouterr().out
    )
    for row in stand_ins.read_csv(tmp_path / "scufo.csv"):
        still = read_frames(tmp_path / row["path"], [0])
        moving = read_frames(tmp_path / row["id"], [int(row["frame"])])
        assert np.abs(still.astype(int) - moving).mean() < 2


def test_stills_of_other_clips_do_not_mix(sets, tmp_path, capsys):
    other = stand_ins.scuba(sets, sets / "manifest.csv", tmp_path / "scuba", "--seed", 9)
    assert stand_ins.run("scufo", "--scuba", other, "--out", sets / "scufo", "--jobs", 1) == 2
    assert "was made with scuba" in capsys.readouterr().err


# Frames 1 and 4 of 5 show a person. Frame 3 shows six pixels of one (0.2 % of 48 x 64), and frame 4
# shows seven.
AREAS = (0, 300, 0, 6, 7)


@pytest.fixture(scope="module")
def gaps(tmp_path_factory):
    """Makes twenty SCUBA clips of each video. Most of their frames show nobody."""
    root = tmp_path_factory.mktemp("gaps")
    manifest = stand_ins.videos(root, 2)
    for number in range(2):
        masks = np.zeros((stand_ins.FRAMES, stand_ins.HEIGHT * stand_ins.WIDTH), bool)
        for mask, area in zip(masks, AREAS, strict=True):
            mask[:area] = True
        masks = masks.reshape(-1, stand_ins.HEIGHT, stand_ins.WIDTH)
        np.savez(root / f"masks/action{number}/clip_{number}.npz", masks=masks)
    return root, stand_ins.scuba(root, manifest, root / "scuba", "--copies", 20)


def scufo(scuba, out, *more):
    """Makes stills. Returns their manifest and the frames that they show."""
    assert stand_ins.run("scufo", "--scuba", scuba, "--out", out, "--jobs", 1, *more) == 0
    rows = stand_ins.read_csv(out.with_name(f"{out.name}.csv"))
    return rows, {int(row["frame"]) for row in rows}


def test_stills_are_drawn_among_frames_with_an_actor(gaps, tmp_path, capsys):
    root, scuba = gaps
    rows, frames = scufo(scuba, tmp_path / "out")
    assert frames == {1, 4}
    for row in rows:
        area = AREAS[int(row["frame"])] / (stand_ins.HEIGHT * stand_ins.WIDTH)
        assert float(row["area"]) == pytest.approx(area, abs=1e-4)
        moving = stand_ins.members(root / "scuba" / f"{row['id'].split('/')[1]}.zip")
        assert (tmp_path / row["path"]).read_bytes() == moving[
            f"frame{int(row['frame']) + 1:06}.jpg"
        ]
    assert "the actor covers less than 0.2 % of 0 of 40 stills" in capsys.readouterr().out
    assert scufo(scuba, tmp_path / "most", "--min-area", 0.01)[1] == {1}


def test_as_published_stills_come_from_all_frames_and_those_without_an_actor_are_counted(
    gaps, tmp_path, capsys
):
    _, scuba = gaps
    rows, frames = scufo(scuba, tmp_path / "out", "--as-published")
    assert frames == {0, 1, 2, 3, 4}
    nobody = sum(AREAS[int(row["frame"])] < 7 for row in rows)
    assert 0 < nobody < 40
    assert f"the actor covers less than 0.2 % of {nobody} of 40 stills" in capsys.readouterr().out
    for row in rows:
        drawn = generator(0, "frame", row["id"]).integers(stand_ins.FRAMES)
        assert int(row["frame"]) == drawn


def test_a_video_in_which_the_actor_is_never_large_enough_has_no_stills_and_is_listed(
    gaps, tmp_path, capsys
):
    root, _ = gaps
    masks = (
        np.load(root / "masks/action0/clip_0.npz")["masks"] & (np.array(AREAS) < 7)[:, None, None]
    )
    (tmp_path / "masks/action0").mkdir(parents=True)
    (tmp_path / "masks/action1").symlink_to(root / "masks/action1")
    np.savez(tmp_path / "masks/action0/clip_0.npz", masks=masks)
    (tmp_path / "videos").symlink_to(root / "videos")
    manifest = stand_ins.write_csv(
        tmp_path / "manifest.csv", stand_ins.read_csv(root / "manifest.csv")
    )
    scuba = stand_ins.scuba(tmp_path, manifest, tmp_path / "scuba")
    printed = capsys.readouterr().out
    assert "note: in 2 clips the masks cover less than 0.2 % of the frames" in printed
    rows, _ = scufo(scuba, tmp_path / "scufo")
    assert [row["label"] for row in rows] == ["action1"] * 2
    assert (
        "the actor covers 0.2 % of the frame in none of its 5 frames"
        in (tmp_path / "scufo.failed.tsv").read_text()
    )
    assert "note: 1 videos have no clips" in capsys.readouterr().out
    assert len(scufo(scuba, tmp_path / "all", "--as-published")[0]) == 4


def test_masks_that_have_moved_are_named_or_not_needed(gaps, tmp_path, capsys):
    root, scuba = gaps
    (root / "masks").rename(root / "moved")
    try:
        words = ("--scuba", scuba, "--out", tmp_path / "out", "--jobs", 1)
        assert stand_ins.run("scufo", *words) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "there is no folder" in error
        assert "use --as-published, which needs none" in error
        rows, _ = scufo(scuba, tmp_path / "published", "--as-published")
        assert {row["area"] for row in rows} == {""}
        assert "of 40 stills are not known" in capsys.readouterr().out
        rows, frames = scufo(scuba, tmp_path / "out", "--masks", f"npz:{root / 'moved'}")
        assert frames == {1, 4}
    finally:
        (root / "moved").rename(root / "masks")


@pytest.mark.parametrize("share", [-0.1, 1.5, "nan"])
def test_a_number_that_is_not_a_share_is_refused(gaps, tmp_path, capsys, share):
    words = ("--scuba", gaps[1], "--out", tmp_path / "out", "--min-area", share)
    assert stand_ins.run("scufo", *words) == 2
    assert "is a share of the frame, from 0 to 1" in capsys.readouterr().err


def test_a_set_of_other_rules_is_not_resumed(gaps, tmp_path, capsys):
    words = ("scufo", "--scuba", gaps[1], "--out", tmp_path / "out", "--jobs", 1)
    assert stand_ins.run(*words) == 0
    assert stand_ins.run(*words, "--as-published") == 2
    assert "was made with min_area 0.002, not 0.0" in capsys.readouterr().err
    file = tmp_path / "out/.made/settings.json"
    settings = json.loads(file.read_text())
    del settings["min_area"]
    file.write_text(json.dumps(settings))
    assert stand_ins.run(*words) == 2
    assert (
        "was begun by an older version without the setting min_area, now 0.002"
        in capsys.readouterr().err
    )


def test_two_processes_and_shards_make_the_same_stills(gaps, tmp_path):
    scufo(gaps[1], tmp_path / "one" / "set")
    scufo(gaps[1], tmp_path / "two" / "set", "--jobs", 2)
    words = ("scufo", "--scuba", gaps[1], "--out", tmp_path / "shards" / "set", "--jobs", 1)
    for shard in ("2/2", "1/2"):
        assert stand_ins.run(*words, "--shard", shard) == 0
    contents = [
        stand_ins.hashes(*(tmp_path / name / file for file in ("set", "set.csv", "set.png")))
        for name in ("one", "two", "shards")
    ]
    assert contents[0] == contents[1] == contents[2]
