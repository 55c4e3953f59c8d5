"""Claim: the bank has the frames that StillMix selects, and its files are exact."""

import csv
import os

import numpy as np
import pytest

from albar_jax.data.frame_bank import Scores, choose, read_scores, write_bank, write_scores
from albar_jax.data.stills import read_stills
from albar_jax.errors import UserError

PATHS = ("videos/b.avi", "videos/c.avi", "videos/a.avi")


def scores_of(count: int, seed: int, decimals: int = 9) -> Scores:
    """Returns random scores of frames of PATHS, in order; few decimals make many ties."""
    rng = np.random.default_rng(seed)
    row = np.sort(rng.integers(3, size=count)).astype(np.int32)
    frame = np.concatenate([np.arange(np.sum(row == video)) for video in range(3)]).astype(np.int32)
    p_max = np.round(rng.random(count), decimals).astype(np.float32)
    return Scores(row, frame, p_max * rng.integers(2, size=count).astype(np.float32), p_max)


@pytest.mark.parametrize(
    ("low", "high"), [(0.1, 1.0), (0.5, 1.0), (0.0, 1.0), (0.25, 0.75), (0.0, 0.333)]
)
@pytest.mark.parametrize(("count", "decimals"), [(1, 9), (57, 9), (203, 1)])
def test_the_frames_are_the_quantile_slice_that_is_published(low, high, count, decimals):
    scores = scores_of(count, seed=count, decimals=decimals)
    # StillMix sorts pairs (p_max, name of the frame) and takes [int(low * n) : int(high * n)].
    names = [
        f"{PATHS[row]}/frame{frame:06d}.jpg"
        for row, frame in zip(scores.row, scores.frame, strict=True)
    ]
    ranked = sorted(zip(scores.p_max.tolist(), names, strict=True))[
        int(low * count) : int(high * count)
    ]
    chosen = choose(scores, PATHS, low, high)
    assert {names[index] for index in chosen} == {name for _, name in ranked}
    assert len(chosen) == len(ranked)
    assert (np.diff(chosen) > 0).all()


def test_a_frame_that_looks_like_a_wrong_action_is_chosen_too():
    scores = Scores(
        np.zeros(4, int),
        np.arange(4),
        np.array([0.3, 0.0, 0.4, 0.2]),
        np.array([0.3, 0.9, 0.4, 0.5]),
    )
    np.testing.assert_array_equal(choose(scores, PATHS, 0.5, 1), [1, 3])


def test_top1_is_the_share_of_frames_whose_class_is_the_likeliest():
    scores = Scores(
        np.zeros(4, int),
        np.arange(4),
        np.array([0.3, 0.6, 0.4, 0.2]),
        np.array([0.3, 0.7, 0.4, 0.5]),
    )
    assert scores.top1 == 0.5


def test_scores_come_back_from_their_parts_to_the_bit(tmp_path):
    whole = scores_of(50, seed=1)
    parts = []
    for start in (0, 20, 45):
        rows = slice(start, {0: 20, 20: 45, 45: 50}[start])
        parts.append(tmp_path / f"{start}.npz")
        write_scores(
            parts[-1],
            Scores(whole.row[rows], whole.frame[rows], whole.p_label[rows], whole.p_max[rows]),
        )
    read_back = read_scores(parts)
    for name in ("row", "frame", "p_label", "p_max"):
        np.testing.assert_array_equal(getattr(read_back, name), getattr(whole, name))
        assert getattr(read_back, name).dtype == getattr(whole, name).dtype


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:100], lambda data: b"text"]
)
def test_damaged_scores_are_one_sentence(tmp_path, damage):
    path = tmp_path / "scores.npz"
    write_scores(path, scores_of(9, seed=0))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"scores\.npz are damaged .* delete the file"):
        read_scores([path])


def write(out, folder, chosen=(1, 4)):
    write_bank(out, scores_of(9, seed=0), np.array(chosen), [str(folder / path) for path in PATHS])
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_bank_lists_frames_and_their_scores(tmp_path):
    scores = scores_of(9, seed=0)
    rows = write(tmp_path / "stills.csv", tmp_path)
    assert list(rows[0]) == ["path", "frame", "p_label", "p_max"]
    assert [row["path"] for row in rows] == [PATHS[scores.row[index]] for index in (1, 4)]
    assert [int(row["frame"]) for row in rows] == scores.frame[[1, 4]].tolist()
    for name in ("p_label", "p_max"):
        assert [np.float32(row[name]) for row in rows] == getattr(scores, name)[[1, 4]].tolist()


@pytest.mark.parametrize("out", ["data/stills.csv", "elsewhere/deep/stills.csv", "link/stills.csv"])
@pytest.mark.parametrize("relative", [False, True])
def test_the_reader_of_stills_finds_the_videos_wherever_the_bank_lies(
    tmp_path, monkeypatch, out, relative
):
    for folder in ("data/videos", "elsewhere/deep", "disk/far/away"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk/far/away", target_is_directory=True)
    for path in PATHS:
        (tmp_path / "data" / path).touch()
    monkeypatch.chdir(tmp_path)
    start = type(tmp_path)() if relative else tmp_path
    write(start / out, start / "data", chosen=range(9))
    places = read_stills(str(start / out), ()).refs
    assert {os.path.realpath(place.path) for place in places} == {
        str(tmp_path / "data" / path) for path in PATHS
    }


def test_a_parent_of_a_linked_folder_is_followed(tmp_path, monkeypatch):
    for folder in ("disk/far/away", "disk/far/videos", "videos"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk/far/away", target_is_directory=True)
    for path in PATHS:
        (tmp_path / "disk/far" / path).touch()
    monkeypatch.chdir(tmp_path)
    write(type(tmp_path)("stills.csv"), type(tmp_path)("link/.."), chosen=range(9))
    places = read_stills("stills.csv", ()).refs
    assert {os.path.realpath(place.path) for place in places} == {
        str(tmp_path / "disk/far" / path) for path in PATHS
    }
