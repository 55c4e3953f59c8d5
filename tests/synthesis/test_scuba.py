"""Claim: a SCUBA clip is frame * mask + background * (1 - mask), in ALBAR's layout.

Its manifest records the parts of each clip.
"""

import io
import zipfile

import cv2
import layouts
import numpy as np
import pytest
import stand_ins
from PIL import Image

from albar_jax.data.decode import read_frames
from albar_jax.data.manifest import read_manifest
from albar_jax.masks import npz
from albar_jax.synthesis.background_source import open_backgrounds
from albar_jax.synthesis.composite import over, paste


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Returns the folder of videos, the pictures, and the manifest of their SCUBA clips."""
    root = tmp_path_factory.mktemp("scuba")
    places = stand_ins.pictures(root / "places")
    return (
        root,
        places,
        stand_ins.scuba(
            root, stand_ins.videos(root), root / "sets" / "my_scuba", backgrounds=places
        ),
    )


def by_hand(frames, mask, picture):
    """Returns the published sum, computed in floating point and truncated."""
    size = frames.shape[2], frames.shape[1]
    background = np.asarray(Image.fromarray(picture).resize(size)).astype(float)
    weight = mask[..., None].astype(float)
    return (frames.astype(float) * weight + background * (1 - weight)).astype(np.uint8)


def test_frames_equal_a_composite_made_by_hand_byte_for_byte(world):
    root, places, manifest = world
    rows = stand_ins.read_csv(manifest)
    assert len(rows) == 8
    for row in rows:
        seed = int(row["id"].split("_")[1])
        picture = np.asarray(Image.open(places / row["background"]))
        expected = by_hand(
            layouts.film(seed % 2, seed, stand_ins.FRAMES), stand_ins.person(seed), picture
        )
        written = stand_ins.members(manifest.parent / row["path"])
        assert list(written) == [
            f"frame{number:06}.jpg" for number in range(1, stand_ins.FRAMES + 1)
        ]
        assert list(written.values()) == [stand_ins.jpeg(frame) for frame in expected]


def test_each_copy_has_the_background_that_is_drawn_for_it(world):
    root, places, manifest = world
    source = open_backgrounds(str(places))
    rows = stand_ins.read_csv(manifest)
    for row in rows:
        video, _, copy = row["id"].rpartition("__")
        assert row["background"] == source.draw(0, video, int(copy))[0]
    assert len({row["background"] for row in rows}) > 2


def test_manifest_says_what_a_clip_is_made_of(world):
    root, _, manifest = world
    rows = stand_ins.read_csv(manifest)
    assert [row["id"] for row in rows] == [
        f"action{i % 2}/clip_{i}__{k}" for i in range(4) for k in range(2)
    ]
    first = rows[0]
    assert first["path"] == "my_scuba/clip_0__0.zip"
    assert (manifest.parent / first["source"]).resolve() == (
        root / "videos/action0/clip_0"
    ).resolve()
    assert first["masks"] == f"npz:{root / 'masks'}"
    assert (first["label"], first["rules"], first["seed"], first["frames"]) == (
        "action0",
        "default",
        "0",
        "5",
    )
    assert float(first["area"]) == pytest.approx(stand_ins.person(0).mean(), abs=1e-4)
    assert len(read_manifest(manifest)) == 8
    assert (manifest.parent / "classes.txt").read_text() == "action0\naction1\n"


def test_archives_are_stored_without_the_time_of_their_making(world):
    with zipfile.ZipFile(world[2].parent / "my_scuba" / "clip_1__0.zip") as archive:
        for member in archive.infolist():
            assert member.compress_type == zipfile.ZIP_STORED
            assert member.date_time == (1980, 1, 1, 0, 0, 0)


def test_frames_without_masks_are_left_out_and_the_rest_numbered_anew(tmp_path):
    manifest, places = stand_ins.videos(tmp_path, 2), stand_ins.pictures(tmp_path / "places")
    masks = stand_ins.person(0)[[1, 3]]
    np.savez(tmp_path / "masks/action0/clip_0.npz", masks=masks, frame_ids=np.array([1, 3]))
    output = stand_ins.scuba(tmp_path, manifest, tmp_path / "out", backgrounds=places)
    row = stand_ins.read_csv(output)[0]
    assert row["frames"] == "2"
    picture = np.asarray(Image.open(places / row["background"]))
    expected = by_hand(layouts.film(0, 0, stand_ins.FRAMES)[[1, 3]], masks, picture)
    written = stand_ins.members(tmp_path / row["path"])
    assert list(written.items()) == [
        (f"frame{number:06}.jpg", stand_ins.jpeg(frame))
        for number, frame in enumerate(expected, start=1)
    ]


@pytest.mark.parametrize("size", [(48, 64), (47, 63)])
def test_a_film_is_nearer_to_the_composite_than_jpegs_are(tmp_path, size):
    manifest = stand_ins.videos(tmp_path, 2)
    frames = layouts.film(0, 0, stand_ins.FRAMES)[:, : size[0], : size[1]]
    for old in (tmp_path / "videos/action0/clip_0").iterdir():
        old.unlink()
    stand_ins.write_images(tmp_path / "videos/action0/clip_0", frames)
    places = stand_ins.pictures(tmp_path / "places")
    output = stand_ins.scuba(
        tmp_path, manifest, tmp_path / "out", "--format", "mp4", backgrounds=places
    )
    row = stand_ins.read_csv(output)[0]
    assert row["path"] == "out/clip_0__0.mp4"
    mask = np.load(tmp_path / "masks/action0/clip_0.npz")["masks"]
    mask = np.stack(
        [cv2.resize(m.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST) for m in mask]
    )
    picture = np.asarray(Image.open(places / row["background"]))
    expected = by_hand(frames, mask > 0, picture)
    film = read_frames(output.parent / row["path"], range(stand_ins.FRAMES))
    jpegs = np.stack(
        [np.asarray(Image.open(io.BytesIO(stand_ins.jpeg(frame)))) for frame in expected]
    )
    error, usual = (np.abs(frames.astype(int) - expected).mean() for frames in (film, jpegs))
    assert error < 0.6 * usual


def test_videos_without_masks_or_that_cannot_be_read_are_listed(tmp_path, capsys):
    manifest = stand_ins.videos(tmp_path)
    (tmp_path / "masks/action1/clip_1.npz").unlink()
    (tmp_path / "videos/action0/clip_2/00003.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "masks/action1/clip_3.npz").write_bytes(b"no archive")
    output = stand_ins.scuba(tmp_path, manifest, tmp_path / "out")
    assert [row["id"] for row in stand_ins.read_csv(output)] == [
        "action0/clip_0__0",
        "action0/clip_0__1",
    ]
    lines = (tmp_path / "out.failed.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == [
        "id",
        "action1/clip_1",
        "action0/clip_2",
        "action1/clip_3",
    ]
    assert "does not exist" in lines[1]
    assert "00003.png" in lines[2]
    assert "note: 3 videos have no clips" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").glob("*")} == {
        ".made",
        "clip_0__0.zip",
        "clip_0__1.zip",
    }


def test_the_next_run_makes_a_repaired_video_and_removes_the_list_of_failures(tmp_path):
    manifest = stand_ins.videos(tmp_path)
    masks = tmp_path / "masks/action1/clip_1.npz"
    content = masks.read_bytes()
    masks.unlink()
    stand_ins.scuba(tmp_path, manifest, tmp_path / "out")
    masks.write_bytes(content)
    output = stand_ins.scuba(tmp_path, manifest, tmp_path / "out")
    assert len(stand_ins.read_csv(output)) == 8
    assert not (tmp_path / "out.failed.tsv").exists()


def test_videos_of_one_name_in_two_classes_keep_their_folders(tmp_path):
    manifest = stand_ins.videos(tmp_path, 2)
    (tmp_path / "masks/action1/clip_1.npz").rename(tmp_path / "masks/action1/clip_0.npz")
    rows = stand_ins.read_csv(manifest)
    rows[1]["id"] = "action1/clip_0"
    output = stand_ins.scuba(tmp_path, stand_ins.write_csv(manifest, rows), tmp_path / "out")
    paths = [row["path"] for row in stand_ins.read_csv(output)]
    assert paths == [f"out/action{i}/clip_0__{k}.zip" for i in range(2) for k in range(2)]


def test_a_hard_mask_composes_as_a_soft_one():
    rng = np.random.default_rng(0)
    frames, background = (
        rng.integers(0, 256, (3, 4, 5, 3), np.uint8),
        rng.integers(0, 256, (4, 5, 3), np.uint8),
    )
    mask = rng.random((3, 4, 5)) < 0.5
    hard = paste(frames, mask, background)
    assert hard.dtype == np.uint8
    assert (hard == over(frames.astype(float), mask.astype(float), background.astype(float))).all()


def test_long_videos_are_read_in_pieces(tmp_path, monkeypatch):
    manifest = stand_ins.videos(tmp_path, 2)
    whole = stand_ins.scuba(tmp_path, manifest, tmp_path / "whole")
    monkeypatch.setattr("albar_jax.data.reading._BYTES", 2 * 48 * 64 * 3)
    pieces = stand_ins.scuba(tmp_path, manifest, tmp_path / "pieces")
    for one, other in zip(stand_ins.read_csv(whole), stand_ins.read_csv(pieces), strict=True):
        path, same = whole.parent / one["path"], pieces.parent / other["path"]
        assert path.read_bytes() == same.read_bytes()


def test_masks_are_opened_by_the_process_that_reads_them(tmp_path, monkeypatch):
    """A pickle of all boxes is read once per process, not once per video."""
    manifest = stand_ins.videos(tmp_path)
    opened = []
    monkeypatch.setattr(
        "albar_jax.masks.SOURCES", {"npz": lambda *a: opened.append(a) or npz.make(*a)}
    )
    stand_ins.scuba(tmp_path, manifest, tmp_path / "out")
    # Once to check that the file exists, and once to read it.
    assert len(opened) == 2
