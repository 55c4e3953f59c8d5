"""Claim: all paths of a file give the same key, and different files give different keys."""

import os
import unicodedata

import pytest

from albar_jax.data.manifest import read_manifest
from albar_jax.data.same_file import file_keys, find_contradiction
from albar_jax.errors import UserError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.mp4", "b.mp4", "é.mp4", "sub/a.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "link.mp4").symlink_to("sub/../a.mp4")
    (tmp_path / "chain.mp4").symlink_to("link.mp4")
    (tmp_path / "linked").symlink_to("sub")
    (tmp_path / "linked_up").symlink_to(".")
    os.link(tmp_path / "a.mp4", tmp_path / "sub" / "hard.mp4")
    return tmp_path


SAME_AS_A = [
    "./a.mp4",
    "sub/../a.mp4",
    "link.mp4",
    "chain.mp4",
    "linked_up/a.mp4",
    "sub/hard.mp4",
    ".//a.mp4",
    "a.mp4/",
]


@pytest.mark.parametrize("name", SAME_AS_A)
def test_all_paths_of_a_file_have_one_key(folder, name):
    first, second, other = file_keys([f"{folder}/a.mp4", f"{folder}/{name}", f"{folder}/b.mp4"])
    assert first == second != other


def test_the_order_of_rows_and_relative_paths_do_not_matter(folder, monkeypatch):
    monkeypatch.chdir(folder)
    keys = file_keys(
        [
            "sub/hard.mp4",
            "chain.mp4",
            "b.mp4",
            "a.mp4",
            os.fspath(folder / "a.mp4"),
            "linked/hard.mp4",
        ]
    )
    assert len({*keys}) == 2
    assert keys[2] not in keys[:2] + keys[3:]


def test_a_name_in_either_unicode_form_is_one_file(folder):
    composed, decomposed = (unicodedata.normalize(form, "é.mp4") for form in ("NFC", "NFD"))
    assert composed != decomposed
    first, second = file_keys([f"{folder}/{composed}", f"{folder}/{decomposed}"])
    assert first == second


def test_a_linked_folder_is_followed_even_where_files_have_no_numbers(folder):
    first, second = file_keys([f"{folder}/sub/gone.mp4", f"{folder}/linked/gone.mp4"])
    assert first == second


def test_files_of_one_name_or_one_content_are_two(folder):
    (folder / "copy.mp4").write_bytes(b"a.mp4")
    keys = file_keys(
        [f"{folder}/{name}" for name in ("a.mp4", "sub/a.mp4", "b.mp4", "copy.mp4", "gone.mp4")]
    )
    assert len({*keys}) == 5


@pytest.mark.parametrize("name", ["a.mp4", *SAME_AS_A])
def test_one_file_with_two_labels_in_a_split_is_refused(folder, name):
    path = folder / "manifest.csv"
    path.write_text(
        f"path,label,split,id\nb.mp4,run,train,0\na.mp4,run,train,1\n{name},jump,train,2\n"
    )
    with pytest.raises(
        UserError,
        match=r"line 4 of .* gives .* the label 'jump', and line 3 gives the same file 'run'",
    ):
        read_manifest(path)
    path.write_text(
        f"path,label,split,id\na.mp4,run,train,1\n{name},jump,test,2\n{name},run,train,3\n"
    )
    assert len(read_manifest(path)) == 3
    assert find_contradiction(["x", "y", "x"], [0, 1, 1], ["train", "train", "test"]) is None
