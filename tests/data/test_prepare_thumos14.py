"""Claim: THUMOS14's lists, or the published JSON, become a manifest and thumos14.json."""

import json
import os
import re
from pathlib import Path

import layouts
import numpy as np
import pytest
from layouts import edit, rows_of

from albar_jax.features.segments import read_segments


def annotations(tmp_path: Path, label: str, split: str = "val") -> Path:
    name = {"val": "validation", "test": "test"}[split]
    return tmp_path / f"TH14_Temporal_annotations_{name}" / "annotation" / f"{label}_{split}.txt"


def test_lists_become_a_manifest_and_the_published_json(prepare, tmp_path):
    status, text = prepare(layouts.make_thumos14(tmp_path))
    assert status == 0, text
    rows = rows_of(tmp_path / "out" / "manifest.csv")
    assert [(row["id"], row["label"], row["split"]) for row in rows] == [
        ("video_validation_0000051", "BaseballPitch", "train"),
        # Two segments of Diving, one of CliffDiving.
        ("video_validation_0000060", "Diving", "train"),
        ("video_test_0000004", "BaseballPitch", "test"),
        # One of each; the first in the alphabet.
        ("video_test_0000005", "CliffDiving", "test"),
        ("video_test_0000270", "BaseballPitch", "test"),
    ]
    content = json.loads((tmp_path / "out" / "thumos14.json").read_text())
    assert content["version"] == "Thumos14-30fps"
    entry = content["database"]["video_validation_0000060"]
    assert (entry["subset"], entry["fps"]) == ("Validation", 30.0)
    # The film has 12 frames.
    assert entry["duration"] == pytest.approx(0.4)
    # Twins keep both labels. Segments are in the order of their times, unlike the list of Diving.
    assert entry["annotations"] == [
        {"label": name, "label_id": number, "segment": times, "segment(frames)": frames}
        for name, number, times, frames in (
            ("CliffDiving", 1, [0.1, 0.4], [3.0, 12.0]),
            ("Diving", 2, [0.1, 0.4], [3.0, 12.0]),
            ("Diving", 2, [0.5, 0.6], [15.0, 18.0]),
        )
    ]
    truth = read_segments(tmp_path / "out")
    assert truth.classes == ("BaseballPitch", "CliffDiving", "Diving")
    assert (tmp_path / "out" / "classes.txt").read_text().split() == list(truth.classes)
    np.testing.assert_array_equal(truth.of_split("test")[1].labels, [1, 2])

    assert "2 spans of Ambiguous have no class and count as background" in text
    assert "1 films have only such spans and are left out: video_test_0001292" in text
    assert "2 segments end after their film and are kept, as published" in text
    assert "video_test_0000270" in text
    # The film without a segment, and the ambiguous one.
    assert "2 videos are not in the lists" in text
    assert "note: the published data set has train 200, test 212" in text
    assert "next: albar features" in text


def test_wrong_test_films_can_be_left_out(prepare, tmp_path):
    _, text = prepare(layouts.make_thumos14(tmp_path), "--test-videos", "211")
    ids = {row["id"] for row in rows_of(tmp_path / "out" / "manifest.csv")}
    assert "video_test_0000270" not in ids
    assert len(ids) == 4
    assert {video.id for video in read_segments(tmp_path / "out").videos} == ids
    assert "video_test_0000270 is left out, as --test-videos says" in text
    assert "test 211" in text
    # It is annotated, so it is not a film without a list.
    assert "video_test_0000270" not in (tmp_path / "out" / "unlisted.tsv").read_text()


def published(tmp_path: Path, prepare) -> tuple[Path, list[str]]:
    """Prepares from lists; returns thumos14.json, moved away, and the arguments that read it."""
    arguments = layouts.make_thumos14(tmp_path)
    prepare(arguments)
    path = tmp_path / "thumos14.json"
    os.rename(tmp_path / "out" / "thumos14.json", path)
    return path, [*arguments[: arguments.index("--annotations") + 1], str(path)]


def test_the_published_json_is_read_and_its_times_are_kept(prepare, tmp_path):
    path, arguments = published(tmp_path, prepare)
    content = json.loads(path.read_text())
    database = content["database"]
    database["video_test_0000004"] |= {"fps": 25, "duration": 9.5}
    database["video_test_0000005"] |= {"fps": 29.97}
    path.write_text(json.dumps(content))
    status, text = prepare(arguments)
    assert status == 0, text
    videos = {video.id: video for video in read_segments(tmp_path / "out").videos}
    assert (videos["video_test_0000004"].fps, videos["video_test_0000004"].duration) == (25, 9.5)
    assert "video_test_0000004 has 30 frames per second, and 25 in the annotation" in text
    # 0.1 % is no reason for a note.
    assert "video_test_0000005 has" not in text


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("fps", None, "video_test_0000004.* has the fps None; give a number above 0"),
        ("fps", 0, "video_test_0000004.* has the fps 0; give a number above 0"),
        ("subset", "Extra", "video_test_0000004.* has the subset 'Extra'"),
    ],
)
def test_mistakes_of_the_json_are_named(prepare, tmp_path, field, value, says):
    path, arguments = published(tmp_path, prepare)
    content = json.loads(path.read_text())
    content["database"]["video_test_0000004"][field] = value
    path.write_text(json.dumps(content))
    status, text = prepare(arguments)
    assert status == 2
    assert re.search(says, text), text


def test_films_that_cannot_be_read_are_left_out_and_named(prepare, tmp_path):
    arguments = layouts.make_thumos14(tmp_path)
    (tmp_path / "test" / "video_test_0000005.mp4").write_bytes(b"damaged")
    status, text = prepare(arguments)
    assert status == 0
    assert "video_test_0000005 is left out: " in text
    ids = {row["id"] for row in rows_of(tmp_path / "out" / "manifest.csv")}
    assert ids == {video.id for video in read_segments(tmp_path / "out").videos}
    assert "video_test_0000005" not in ids


def test_films_that_fail_a_check_have_no_segments_either(prepare, tmp_path):
    arguments = layouts.make_thumos14(tmp_path)
    film = tmp_path / "test" / "video_test_0000004.mp4"
    content = film.read_bytes()
    # The header, and so the times, can still be read.
    start = content.index(b"mdat") + 4
    film.write_bytes(content[:start] + bytes(900) + content[start + 900 :])
    status, text = prepare(arguments, "--check", "--jobs", "1")
    assert status == 0, text
    assert "video_test_0000004.mp4" in (tmp_path / "out" / "check.tsv").read_text().split("\n")[1]
    ids = {row["id"] for row in rows_of(tmp_path / "out" / "manifest.csv")}
    assert len(ids) == 4
    assert {video.id for video in read_segments(tmp_path / "out").videos} == ids


def test_films_without_a_frame_rate_are_refused(prepare, tmp_path):
    arguments = layouts.make_thumos14(tmp_path)
    film = tmp_path / "test" / "video_test_0000005.mp4"
    # A picture has one frame and no times.
    layouts.write_picture(film)
    status, text = prepare(arguments)
    assert status == 2
    assert "video_test_0000005.mp4 has no frame rate; give the published film" in text


def test_missing_films_are_counted_and_may_be_skipped(prepare, tmp_path):
    arguments = layouts.make_thumos14(tmp_path)
    (tmp_path / "validation" / "video_validation_0000051.mp4").unlink()
    status, text = prepare(arguments)
    assert status == 2
    assert f"1 of 5 listed videos are not under {tmp_path / 'validation'} or " in text
    assert prepare(arguments, "--skip-missing")[0] == 0
    assert "video_validation_0000051" in (tmp_path / "out" / "missing.tsv").read_text()
    truth = read_segments(tmp_path / "out")
    assert len(truth.videos) == 4
    # No film of CliffDiving is left after these are missing, too.
    for name in ("validation/video_validation_0000060", "test/video_test_0000005"):
        (tmp_path / f"{name}.mp4").unlink()
    assert prepare(arguments, "--skip-missing")[0] == 0
    assert read_segments(tmp_path / "out").classes == truth.classes


@pytest.mark.parametrize(
    ("label", "old", "new", "says"),
    [
        ("Diving", "0.5 0.6", "0.6 0.5", "line 1 of .*Diving_val.txt has a segment from 0.6 s to"),
        ("Diving", "0.5 0.6", "0.5", "line 1 of .*Diving_val.txt is .*, not a name, a start and"),
        (
            "Diving",
            "0.5 0.6",
            "0.5 nan",
            "Diving_val.txt has a segment from 0.5 s to nan s",
        ),
        ("Diving", "0.5 0.6", "a b", "line 1 of .*Diving_val.txt is .*, not a name, a start and"),
        ("Diving", "video_validation_0000060", "video_test_0000005", "in another split"),
    ],
)
def test_mistakes_of_the_lists_are_named(prepare, tmp_path, label, old, new, says):
    arguments = layouts.make_thumos14(tmp_path)
    edit(annotations(tmp_path, label), old, new)
    status, text = prepare(arguments)
    assert status == 2
    assert re.search(says, text), text


def test_a_class_that_lacks_a_list_is_refused(prepare, tmp_path):
    arguments = layouts.make_thumos14(tmp_path)
    annotations(tmp_path, "CliffDiving", "test").unlink()
    status, text = prepare(arguments)
    assert status == 2
    assert "has no CliffDiving_test.txt; complete the lists" in text
    status, text = prepare([*arguments[:-2], str(tmp_path / "test")])
    assert status == 2
    assert "holds no <class>_val.txt; give TH14_Temporal_annotations_validation" in text


def test_unusual_segments_are_counted(prepare, tmp_path):
    arguments = layouts.make_thumos14(tmp_path)
    edit(annotations(tmp_path, "Diving"), "0.5 0.6", "0.2 0.2")
    edit(annotations(tmp_path, "CliffDiving", "test"), "0.1 0.2", "0.1 0.3")
    status, text = prepare(arguments)
    assert status == 0
    assert "1 segments have no length; training and evaluation drop them" in text
    assert "1 CliffDiving segments are not Diving segments, too" in text
    assert "1 segments end after their film" in text
