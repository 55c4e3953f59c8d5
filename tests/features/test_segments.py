"""Claim: the published JSON of THUMOS14 becomes arrays, and mistakes in it are named."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from albar_jax.data import segment_json
from albar_jax.errors import UserError
from albar_jax.features.segments import read_segments

VIDEO = {
    "subset": "Test",
    "duration": 10.0,
    "fps": 30,
    "annotations": [
        {"label": "CliffDiving", "label_id": 0, "segment": [1, 2.5], "segment(frames)": [30, 75]},
        {"label": "Diving", "label_id": 1, "segment": [1, 2.5], "segment(frames)": [30, 75]},
    ],
}


def write(folder: Path, *videos: dict) -> Path:
    path = folder / "thumos14.json"
    database = {f"video_{number}": video for number, video in enumerate(videos)}
    path.write_text(json.dumps({"version": "Thumos14-30fps", "database": database}))
    return path


def changed(**entries: object) -> dict:
    """Returns the video with other fields; the fields of a segment go to the first one."""
    video = copy.deepcopy(VIDEO)
    for name, value in entries.items():
        if name in video:
            video[name] = value
        else:
            video["annotations"][0][name] = value
    return video


def test_segments_become_arrays_and_twins_keep_both_labels(tmp_path):
    path = write(tmp_path, VIDEO, changed(subset="validation", annotations=[]))
    truth = read_segments(path)
    assert truth.classes == read_segments(tmp_path).classes == ("CliffDiving", "Diving")
    (tested,) = truth.of_split("test")
    assert (tested.id, tested.fps, tested.duration) == ("video_0", 30.0, 10.0)
    assert tested.segments.dtype == np.float64
    np.testing.assert_array_equal(tested.segments, [[1, 2.5], [1, 2.5]])
    np.testing.assert_array_equal(tested.labels, [0, 1])
    (trained,) = truth.of_split("train")
    assert trained.segments.shape == (0, 2)
    assert [video.id for video in truth.without({"video_0"}).videos] == ["video_1"]


def test_writing_and_reading_returns_the_same(tmp_path):
    before = segment_json.read_database(write(tmp_path, VIDEO, changed(subset="Validation")))
    path = tmp_path / "again.json"
    path.write_text(segment_json.text_of(before.videos, before.classes))
    assert segment_json.read_database(path) == before
    entry = json.loads(path.read_text())["database"]["video_0"]["annotations"][0]
    assert entry["segment(frames)"] == [30.0, 75.0]


def test_classes_keep_their_numbers_where_no_video_has_them(tmp_path):
    path = write(tmp_path, VIDEO)
    content = json.loads(path.read_text())

    def classes(*names) -> tuple[str, ...]:
        path.write_text(json.dumps(content | {"classes": names}))
        return read_segments(path).classes

    names = ("CliffDiving", "Diving", "Shotput")
    assert classes(*names) == names
    with pytest.raises(UserError, match="'Diving' the numbers 2 and 1"):
        classes("CliffDiving", "Shotput", "Diving")
    with pytest.raises(UserError, match="the label 'Diving' in video_0, which its list of classes"):
        classes("CliffDiving")
    for wrong in (("A", "A"), ("A", 1), ("",)):
        with pytest.raises(UserError, match="give a list of names, each once"):
            classes(*wrong)


def test_segments_without_length_are_dropped_and_late_ones_kept(tmp_path):
    empty = changed(segment=[3, 3])
    late = changed(segment=[9, 11])
    outside = changed(segment=[10, 11])
    truth = read_segments(write(tmp_path, empty, late, outside))
    assert [len(video.labels) for video in truth.videos] == [1, 2, 2]
    assert [len(video.begun().labels) for video in truth.videos] == [1, 2, 1]
    assert "1 segments of" in truth.notes[0]
    assert "no length" in truth.notes[0]
    assert "2 segments of" in truth.notes[1]
    assert "end after" in truth.notes[1]


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"fps": 0}, "'video_0' has the fps 0"),
        ({"fps": None}, "'video_0' has the fps None"),
        ({"duration": -1}, "'video_0' has the duration -1"),
        ({"subset": "Dev"}, "'video_0' has the subset 'Dev'"),
        ({"segment": [3, 2]}, "'video_0' has a segment from 3 s to 2 s"),
        ({"segment": [3]}, "'video_0' has the segment "),
        ({"label_id": 2}, r"2 labels with the numbers \[1, 2\]; number them 0 to 1"),
        ({"label_id": 1}, r"2 labels with the numbers \[1, 1\]"),
        ({"label": "Diving"}, "the label 'Diving' the numbers 0 and 1, the latter in video_0"),
    ],
)
def test_mistakes_are_refused_with_their_place(tmp_path, entries, says):
    with pytest.raises(UserError, match=says):
        read_segments(write(tmp_path, changed(**entries)))


def test_a_folder_without_segments_is_refused_with_the_command_that_writes_them(tmp_path):
    with pytest.raises(UserError, match="there is no .*thumos14.json; `albar prepare thumos14`"):
        read_segments(tmp_path)

    (tmp_path / "thumos14.json").write_text("path,label\n")
    with pytest.raises(UserError, match=r"not readable as JSON: .*; give thumos14\.json of `albar"):
        read_segments(tmp_path)
