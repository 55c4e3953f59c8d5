"""Claim: a SCUFO clip is one frame of its SCUBA clip, to the bit, and its manifest says which."""

import numpy as np
import pytest
import stand_ins

from albar_jax.data.decode import read_frames


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    scuba = stand_ins.scuba(root, stand_ins.videos(root), root / "scuba")
    assert stand_ins.run("scufo", "--scuba", scuba, "--out", root / "scufo", "--jobs", 1) == 0
    return root


def test_each_image_is_a_frame_of_the_clip_with_its_id_and_label(sets):
    scuba, scufo = (stand_ins.read_csv(sets / f"{kind}.csv") for kind in ("scuba", "scufo"))
    assert [(row["id"], row["label"]) for row in scufo] == [(row["id"], row["label"]) for row in scuba]
    for moving, still in zip(scuba, scufo, strict=True):
        assert still["path"] == moving["path"].replace("scuba/", "scufo/").replace(".zip", ".jpg")
        image = (sets / still["path"]).read_bytes()
        assert image == stand_ins.members(sets / moving["path"])[f"frame{int(still['frame']) + 1:06}.jpg"]


def test_frames_are_drawn_from_the_whole_clip_by_seed_and_id(sets, tmp_path):
    first = [row["frame"] for row in stand_ins.read_csv(sets / "scufo.csv")]
    assert len(set(first)) > 2
    drawn = []
    for seed in (0, 1):
        out = tmp_path / str(seed)
        stand_ins.run("scufo", "--scuba", sets / "scuba.csv", "--out", out, "--seed", seed, "--jobs", 1)
        drawn.append([row["frame"] for row in stand_ins.read_csv(tmp_path / f"{seed}.csv")])
    assert drawn[0] == first
    assert drawn[1] != first


def test_released_clips_which_are_folders_of_frames_have_stills_too(sets, tmp_path):
    """StillMix releases `<video>__<k>/frame%06d.jpg`, and no SCUFO."""
    rows = stand_ins.read_csv(sets / "scuba.csv")[:3]
    for row in rows:
        for name, image in stand_ins.members(sets / row["path"]).items():
            folder = tmp_path / row["id"]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(image)
    released = [{"path": row["id"], "label": row["label"], "id": row["id"]} for row in rows]
    manifest = stand_ins.write_csv(tmp_path / "released.csv", released)
    assert stand_ins.run("scufo", "--scuba", manifest, "--out", tmp_path / "scufo", "--jobs", 1) == 0
    for row in stand_ins.read_csv(tmp_path / "scufo.csv"):
        still = read_frames(tmp_path / row["path"], [0])
        moving = read_frames(tmp_path / row["id"], [int(row["frame"])])
        assert np.abs(still.astype(int) - moving).mean() < 2


def test_stills_of_other_clips_do_not_mix(sets, tmp_path, capsys):
    other = stand_ins.scuba(sets, sets / "manifest.csv", tmp_path / "scuba", "--seed", 9)
    assert stand_ins.run("scufo", "--scuba", other, "--out", sets / "scufo", "--jobs", 1) == 2
    assert "was made with scuba" in capsys.readouterr().err
