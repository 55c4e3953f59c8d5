"""Claim: UCF-Crime's lists become a manifest and events, and mistakes in them are named."""

import collections
import re
import shutil

import layouts
import numpy as np
import pytest
from layouts import edit, rows_of

from albar_jax.data.manifest import read_manifest
from albar_jax.features.anomaly import frame_truth, read_anomaly


def test_abnormal_films_come_first_in_each_split(prepare, tmp_path):
    status, text = prepare(layouts.make_ucf_crime(tmp_path))
    assert status == 0
    rows = rows_of(tmp_path / "out" / "manifest.csv")
    assert [(row["id"], row["label"], row["split"]) for row in rows] == [
        ("Abuse001_x264", "Abuse", "train"),
        ("Arrest001_x264", "Arrest", "train"),
        ("Vandalism001_x264", "Vandalism", "train"),
        ("Normal_Videos001_x264", "Normal", "train"),
        ("Abuse028_x264", "Abuse", "test"),
        ("Arrest010_x264", "Arrest", "test"),
        ("Vandalism010_x264", "Vandalism", "test"),
        ("Normal_Videos_003_x264", "Normal", "test"),
    ]
    classes = (tmp_path / "out" / "classes.txt").read_text().split()
    assert (len(classes), classes[7:9]) == (14, ["Normal", "RoadAccidents"])
    # The films are found where the archives put them.
    assert len(read_manifest(tmp_path / "out" / "manifest.csv")) == 8

    assert "note: the published data set has train 1,610, test 290" in text
    assert "train: 3 abnormal films, then 1 normal ones" in text
    assert f"next: albar features --workdir runs/hmdb51/albar --videos {tmp_path}" in text


def test_events_keep_their_own_counting(prepare, tmp_path):
    prepare(layouts.make_ucf_crime(tmp_path))
    videos = {video.id: video for video in read_anomaly(tmp_path / "out")}
    assert videos["Abuse028_x264"].events == ((2, 5),)
    # Frame 0 stands for the first frame.
    assert videos["Arrest010_x264"].events == ((1, 3), (7, 9))
    assert not videos["Normal_Videos_003_x264"].is_abnormal
    assert np.flatnonzero(frame_truth(videos["Abuse028_x264"], 1)).tolist() == [1, 2, 3, 4]
    splits = collections.Counter(video.split for video in videos.values())
    assert splits == {"train": 4, "test": 4}


def test_names_that_one_side_lacks_are_listed(prepare, tmp_path):
    arguments = layouts.make_ucf_crime(tmp_path)
    (tmp_path / "Videos" / "Abuse" / "Abuse028_x264.mp4").unlink()
    shutil.copy(
        tmp_path / "Videos" / "Abuse" / "Abuse001_x264.mp4",
        tmp_path / "Videos" / "Abuse" / "Abuse777_x264.mp4",
    )
    edit(tmp_path / "Anomaly_Detection_splits" / "Anomaly_Test.txt", "Vandalism010", "Vandalism011")
    status, text = prepare(arguments)
    assert status == 2
    assert "1 of 8 listed videos are not under" in text

    status, text = prepare(arguments, "--skip-missing")
    assert status == 0
    assert "Abuse/Abuse028_x264.mp4" in (tmp_path / "out" / "missing.tsv").read_text()
    assert "1 videos are not in the lists" in text
    assert "Abuse777_x264.mp4" in (tmp_path / "out" / "unlisted.tsv").read_text()
    assert "have no annotation and are left out, Vandalism011_x264" in text
    assert "1 annotated films are not in" in text
    # The events of a missing film would belong to no video.
    assert {video.id for video in read_anomaly(tmp_path / "out") if video.events} == {
        "Arrest010_x264",
        "Vandalism010_x264",
    }


def test_the_list_of_unlisted_films_goes_when_they_do(prepare, tmp_path):
    arguments = layouts.make_ucf_crime(tmp_path)
    stray = tmp_path / "Videos" / "stray.mp4"
    shutil.copy(tmp_path / "Videos" / "Abuse" / "Abuse001_x264.mp4", stray)
    prepare(arguments)
    assert (tmp_path / "out" / "unlisted.tsv").exists()
    stray.unlink()
    prepare(arguments)
    assert not (tmp_path / "out" / "unlisted.tsv").exists()


def test_two_films_of_one_name_are_refused(prepare, tmp_path):
    arguments = layouts.make_ucf_crime(tmp_path)
    source = tmp_path / "Videos" / "Abuse" / "Abuse001_x264.mp4"
    # A copy elsewhere does no harm, because the listed folder is preferred.
    (tmp_path / "Videos" / "Copies").mkdir()
    shutil.copy(source, tmp_path / "Videos" / "Copies")
    assert prepare(arguments)[0] == 0
    (tmp_path / "Videos" / "Others" / "Abuse").mkdir(parents=True)
    shutil.copy(source, tmp_path / "Videos" / "Others" / "Abuse")
    status, text = prepare(arguments)
    assert status == 2
    assert "have the name of one video; move one of them away" in text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("2  5", "5  2", "line 1 of .* an event from frame 5 to frame 2"),
        ("2  5", "2  x", "line 1 of .* has the frame 'x'"),
        ("2  5", "-1  5", "line 1 of .* has the frame '-1'"),
        ("2  5", "-1  -1", "line 1 of .* has the class Abuse, but no event"),
        ("  2  5", "  2", "line 1 of .* has 5 fields, not the 6"),
        ("Abuse  2", "Abbuse  2", "line 1 of .* has the class 'Abbuse'"),
        ("Normal  -1  -1", "Normal  1  2", "line 3 of .* event in a film of the class Normal"),
        ("Abuse028", "Abuse001", "Abuse/Abuse001_x264.mp4 is listed twice, in the splits train"),
    ],
)
def test_mistakes_of_the_annotation_are_named(prepare, tmp_path, old, new, says):
    arguments = layouts.make_ucf_crime(tmp_path)
    edit(tmp_path / "Temporal_Anomaly_Annotation.txt", old, new)
    status, text = prepare(arguments)
    assert status == 2
    assert re.search(says, text), text
    assert not (tmp_path / "out" / "manifest.csv").exists()


def test_a_wrong_folder_of_the_training_list_is_named(prepare, tmp_path):
    arguments = layouts.make_ucf_crime(tmp_path)
    edit(tmp_path / "Anomaly_Detection_splits" / "Anomaly_Train.txt", "Arrest/", "Arest/")
    status, text = prepare(arguments)
    assert status == 2
    assert "line 2 of" in text
    assert "has the class 'Arest'" in text


def test_unreadable_films_and_their_events_are_left_out_by_a_check(prepare, tmp_path):
    arguments = layouts.make_ucf_crime(tmp_path)
    (tmp_path / "Videos" / "Abuse" / "Abuse028_x264.mp4").write_bytes(b"damaged")
    status, text = prepare(arguments, "--check", "--jobs", "1")
    assert status == 0
    assert "Abuse028_x264.mp4" in (tmp_path / "out" / "check.tsv").read_text().split("\n")[1]
    assert "Abuse028_x264" not in {video.id for video in read_anomaly(tmp_path / "out")}
