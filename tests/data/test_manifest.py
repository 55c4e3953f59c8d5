"""Claim: a manifest is read exactly, and a mistake in it gives an error of one sentence."""

import numpy as np
import pytest

from albar_jax.data.manifest import read_manifest, write_manifest
from albar_jax.data.validation_share import hold_out
from albar_jax.errors import UserError


@pytest.fixture
def write(tmp_path):
    """Writes a manifest and the (empty) videos that it names."""

    def write(text: str, videos: bool = True):
        path = tmp_path / "manifest.csv"
        path.write_text(text)
        for line in text.splitlines()[1:] if videos else []:
            video = tmp_path / line.split(",")[0]
            video.parent.mkdir(exist_ok=True)
            if video != tmp_path:
                video.touch()
        return path

    return write


def test_names_are_numbered_over_all_splits(write, tmp_path):
    path = write("path,label,split\na/1.avi,wave,train\na/2.avi,run,test\nb/1.avi,jump,train\n")
    train = read_manifest(path, split="train")
    assert train.classes == ("jump", "run", "wave")
    assert train.labels.tolist() == [2, 0]
    assert train.labels.dtype == np.int32
    assert train.paths == (str(tmp_path / "a/1.avi"), str(tmp_path / "b/1.avi"))
    assert train.ids == ("a/1", "b/1")
    assert len(read_manifest(path)) == 3


def test_numbers_name_the_classes_up_to_the_largest(write):
    manifest = read_manifest(write("path,label\n1.avi,3\n2.avi,0\n"))
    assert manifest.classes == ("0", "1", "2", "3")
    assert manifest.labels.tolist() == [3, 0]


def test_classes_file_numbers_the_classes_of_its_folder(write, tmp_path):
    path = write("path,label\n1.avi,wave\n2.avi,2\n")
    (tmp_path / "classes.txt").write_text("wave\njump\n\nrun\n")
    manifest = read_manifest(path)
    assert manifest.classes == ("wave", "jump", "run")
    assert manifest.labels.tolist() == [0, 2]
    # A number refers to the manifest's own list, whatever the order of the given classes.
    assert read_manifest(path, classes=["run", "jump", "wave"]).labels.tolist() == [2, 0]
    (tmp_path / "classes.txt").write_text("run\njump\nsit\n")
    with pytest.raises(
        UserError, match="unknown class.*'wave' first; the 3 known ones are run, .*/classes.txt"
    ):
        read_manifest(path)
    (tmp_path / "classes.txt").write_text("run\njump\nrun\n")
    with pytest.raises(UserError, match="classes.txt names the class 'run' twice"):
        read_manifest(path)


@pytest.mark.parametrize("labels", [("wave", "run"), ("2", "0")])
def test_given_classes_decide_the_numbers(write, labels):
    path = write(f"path,label\n1.avi,{labels[0]}\n2.avi,{labels[1]}\n")
    manifest = read_manifest(path, classes=["run", "jump", "wave"])
    assert manifest.classes == ("run", "jump", "wave")
    assert manifest.labels.tolist() == [2, 0]


def test_ids_and_absolute_paths_are_kept(write, tmp_path):
    video = tmp_path / "elsewhere.avi"
    video.touch()
    manifest = read_manifest(write(f"path,label,id\n{video},a,clip 7\nx.avi,b,\n"))
    assert manifest.paths == (str(video), str(tmp_path / "x.avi"))
    assert manifest.ids == ("clip 7", "x")


def test_written_manifest_reads_back(write, tmp_path):
    rows = [
        {"path": "1.avi", "label": 'say "hi", wave', "split": "test", "id": "é"},
        {"path": "2.avi", "label": "run"},
    ]
    for row in rows:
        (tmp_path / row["path"]).touch()
    path = tmp_path / "out" / ".." / "written.csv"
    write_manifest(path, rows)
    manifest = read_manifest(path)
    assert manifest.classes == ("run", 'say "hi", wave')
    assert manifest.ids == ("é", "2")
    assert len(read_manifest(path, split="test")) == 1
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        ("file,label\n1.avi,a\n", {}, "lacks path"),
        ("1.avi,a\n", {}, "lacks path and label"),
        ("", {}, "lacks path and label"),
        ("path,label\n", {}, "lists no videos"),
        ("path,label\n1.avi,\n", {}, "line 2 of .* lacks a label"),
        ("path,label\n1.avi,a\n,b\n", {}, "line 3 of .* lacks a path"),
        ("path,label\n1.avi,a\n2.avi,3\n", {}, "mixes class numbers .'3'. and class names .'a'."),
        ("path,label\n1.avi,a\n1.mp4,a\n", {}, "the id '1' twice"),
        (
            "path,label\n1.avi,a\n",
            {"classes": ["b", "c"]},
            "unknown class.*'a' first; the 2 known ones are b, c",
        ),
        ("path,label\n1.avi,2\n", {"classes": ["b", "c"]}, "unknown class.*'2' first"),
        (
            "path,label,split\n1.avi,a,train\n2.avi,a,val\n",
            {"split": "test"},
            "no split 'test'; it has train, val",
        ),
        ("path,label\n1.avi,a\n", {"split": "test"}, "no split 'test'; it has no split column"),
        ('path,label\n"1.avi,a\n', {}, "line 2 of .* is not CSV"),
    ],
)
def test_mistake_is_one_sentence(write, text, arguments, sentence):
    path = write(text)
    with pytest.raises(UserError, match=sentence) as caught:
        read_manifest(path, **arguments)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_are_counted_and_the_first_named(write, tmp_path):
    path = write("path,label\n1.avi,a\n2.avi,a\n3.avi,a\n", videos=False)
    (tmp_path / "2.avi").touch()
    with pytest.raises(UserError, match="2 of 3 videos .*/1.avi first"):
        read_manifest(path)
    with pytest.raises(UserError, match="cannot read the manifest .*nowhere.csv"):
        read_manifest(tmp_path / "nowhere.csv")


def test_hold_out_is_a_random_partition_by_seed(write):
    manifest = read_manifest(
        write("path,label\n" + "".join(f"{i}.avi,{i % 3}\n" for i in range(50)))
    )
    train, validation = hold_out(manifest, 0.2, seed=0)
    assert (len(train), len(validation)) == (40, 10)
    assert sorted(train.ids + validation.ids) == sorted(manifest.ids)
    assert validation.labels.tolist() == [int(name) % 3 for name in validation.ids]
    assert hold_out(manifest, 0.2, seed=0)[1].ids == validation.ids
    assert hold_out(manifest, 0.2, seed=1)[1].ids != validation.ids
    with pytest.raises(UserError, match="share of 0.001 of 50 videos"):
        hold_out(manifest, 0.001, seed=0)
