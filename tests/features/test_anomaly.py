"""Claim: events become the truth of each frame by UCF-Crime's own counting.

Mistakes are refused with their place.
"""

from pathlib import Path

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.features.anomaly import AnomalyVideo, clipped_events, frame_truth, read_anomaly

MANIFEST = """path,label,split,id
Abuse/Abuse001_x264.mp4,Abuse,train,Abuse001_x264
Abuse/Abuse028_x264.mp4,Abuse,test,Abuse028_x264
Normal/Normal_Videos_003_x264.mp4,Normal,test,Normal_Videos_003_x264
"""
EVENTS = "id,class,start,end\nAbuse028_x264,Abuse,20,22\nAbuse028_x264,Abuse,3,5\n"


def write(folder: Path, events: str = EVENTS, manifest: str = MANIFEST) -> Path:
    (folder / "manifest.csv").write_text(manifest)
    (folder / "events.csv").write_text(events)
    return folder


def test_videos_are_read_without_their_films(tmp_path):
    videos = read_anomaly(write(tmp_path))
    assert videos == read_anomaly(tmp_path / "manifest.csv")
    assert videos == (
        AnomalyVideo("Abuse001_x264", "train", "Abuse"),
        AnomalyVideo("Abuse028_x264", "test", "Abuse", ((3, 5), (20, 22))),
        AnomalyVideo("Normal_Videos_003_x264", "test", "Normal"),
    )
    assert [video.is_abnormal for video in videos] == [True, True, False]


def test_events_are_counted_from_1_and_include_both_ends():
    truth = frame_truth(AnomalyVideo("a", "test", "Abuse", ((1, 2), (20, 22))), rows=2)
    assert truth.dtype == np.float64
    assert truth.shape == (32,)
    assert np.flatnonzero(truth).tolist() == [0, 1, 19, 20, 21]


def test_events_past_the_last_row_are_clipped_and_counted():
    video = AnomalyVideo("a", "test", "Abuse", ((15, 16), (16, 17), (30, 40)))
    assert np.flatnonzero(frame_truth(video, rows=1)).tolist() == [14, 15]
    assert clipped_events(video, rows=1) == 2
    assert clipped_events(video, rows=1, frames_per_row=64) == 0


def test_frame_0_is_the_first_frame(tmp_path):
    events = "id,class,start,end\nAbuse028_x264,Abuse,0,2\n"
    video = read_anomaly(write(tmp_path, events))[1]
    assert video.events == ((1, 2),)
    assert np.flatnonzero(frame_truth(video, rows=1)).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("Abuse028_x264,Abuse,9,8", r"line 2 of .*events.csv has an event from frame 9 to frame 8"),
        ("Abuse028_x264,Abuse,9,x", r"line 2 of .*events.csv has the frame 'x'"),
        ("Abuse028_x264,Abuse,-1,-1", r"line 2 of .*events.csv has the frame '-1'"),
        ("Abuse099_x264,Abuse,1,2", "Abuse099_x264, which the manifest does not list"),
        ("Abuse028_x264,Arson,1,2", "'Arson' in Abuse028_x264, whose class is 'Abuse'"),
        ("Normal_Videos_003_x264,Normal,1,2", "whose class is 'Normal'"),
        ("Abuse001_x264,Abuse,1,2", "Abuse028_x264 the class Abuse, but .* has no event of it"),
    ],
)
def test_contradictions_are_refused_with_their_place(tmp_path, row, says):
    write(tmp_path, f"id,class,start,end\n{row}\n")
    with pytest.raises(UserError, match=says):
        read_anomaly(tmp_path)


def test_an_id_that_is_listed_twice_is_refused(tmp_path):
    manifest = MANIFEST + "Abuse/copy.mp4,Abuse,test,Abuse028_x264\n"
    with pytest.raises(UserError, match="line 5 of .* lists the id 'Abuse028_x264' a second time"):
        read_anomaly(write(tmp_path, manifest=manifest))


@pytest.mark.parametrize("split", ["", "tset", "Test"])
def test_a_split_that_is_neither_train_nor_test_is_refused(tmp_path, split):
    manifest = f"{MANIFEST}Abuse/other.mp4,Abuse,{split},other\n"
    with pytest.raises(UserError, match=f"line 5 of .* has the split '{split}'; train or test is"):
        read_anomaly(write(tmp_path, manifest=manifest))


def test_a_manifest_without_events_is_refused_with_the_command_that_writes_them(tmp_path):
    folder = write(tmp_path)
    (tmp_path / "events.csv").unlink()
    with pytest.raises(UserError, match=r"there is no .*events.csv; .* `albar prepare ucf_crime`"):
        read_anomaly(folder)
