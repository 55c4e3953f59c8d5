"""Claim: files, folders and patterns name the videos that a user expects."""

import os

import pytest

from albar_jax.data.video_list import list_videos
from albar_jax.errors import UserError


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder with films, a folder of frames, an archive, and files that are no videos."""
    for name in (
        "films/b.mp4",
        "films/a.MKV",
        "films/notes.txt",
        "films/.hidden.mp4",
        "films/deep/c.avi",
        "films/frames/0001.jpg",
        "films/frames/0002.jpg",
        "films/frames/flow_x_0001.jpg",
        "films/packed.zip",
        "empty/notes.txt",
        "unknown.suffix",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


IN_FILMS = ("films/a.MKV", "films/b.mp4", "films/deep/c.avi", "films/frames", "films/packed.zip")


def test_a_folder_stands_for_its_films_archives_and_folders_of_frames(tree):
    assert list_videos(["films"]) == IN_FILMS


def test_a_folder_of_frames_is_one_video(tree):
    assert list_videos(["films/frames"]) == ("films/frames",)


def test_a_named_file_is_a_video_whatever_its_suffix(tree):
    assert list_videos(["unknown.suffix"]) == ("unknown.suffix",)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("films/*.mp4", ("films/b.mp4",)),
        ("films/**/*.avi", ("films/deep/c.avi",)),
        ("f*", IN_FILMS),
        ("films/[bz].mp4", ("films/b.mp4",)),
    ],
)
def test_patterns_are_expanded_in_alphabetical_order(tree, pattern, expected):
    assert list_videos([pattern]) == expected


def test_a_path_that_exists_is_not_a_pattern(tree):
    os.rename("films/b.mp4", "films/[ab].mp4")
    assert list_videos(["films/[ab].mp4"]) == ("films/[ab].mp4",)


def test_a_video_that_is_named_twice_is_listed_once_and_the_order_is_kept(tree):
    assert list_videos(["films/deep", "films/b.mp4", "films"])[:3] == (
        "films/deep/c.avi",
        "films/b.mp4",
        "films/a.MKV",
    )


def test_a_link_to_its_own_folder_is_not_followed(tree):
    os.symlink("..", "films/deep/circle")
    assert list_videos(["films"]) == IN_FILMS


def test_broken_links_are_listed(tree):
    os.symlink("nowhere.mp4", "films/deep/broken.mp4")
    os.symlink("circle.mp4", "films/deep/circle.mp4")
    os.symlink("nowhere.txt", "films/deep/broken.txt")
    expected = ("films/deep/broken.mp4", "films/deep/c.avi", "films/deep/circle.mp4")
    assert list_videos(["films/deep"]) == list_videos(["films/d*/*.[am]*"]) == expected
    assert list_videos(["films/deep/broken.mp4"]) == expected[:1]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere.mp4", "nowhere.mp4 does not exist"),
        ("null\0.mp4", "null\0.mp4 does not exist"),
        ("nowhere/*.mp4", r"no video matches nowhere/\*.mp4; correct the pattern"),
        ("empty", "empty has no videos; files are found by their suffix"),
    ],
)
def test_names_without_a_video_are_refused(tree, name, sentence):
    with pytest.raises(UserError, match=sentence):
        list_videos(["films", name])


def test_a_path_that_cannot_be_examined_is_not_called_absent():
    with pytest.raises(OSError, match="File name too long"):
        list_videos(["a" * 5000])
