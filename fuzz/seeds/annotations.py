"""Makes annotations of long films: events, segments, and the published lists of both data sets."""

from pathlib import Path

from albar_jax.data import events, segment_json
from albar_jax.data.events import Event
from albar_jax.data.segment_json import Segment, SegmentedVideo
from fuzz.seeds.tables import NOT_A_VIDEO, lines, write

_TRAINED = ("Abuse/Abuse001_x264.mp4", "Training_Normal_Videos_Anomaly/Normal_Videos001_x264.mp4")
_TESTED = ("Abuse/Abuse028_x264.mp4", "Testing_Normal_Videos_Anomaly/Normal_Videos_003_x264.mp4")
_SEGMENTS = ("video_validation_0000051", "video_test_0000004")


def make_annotations(folder: Path) -> None:
    """Makes a manifest with events, and a JSON of segments."""
    rows = [f"{path},{path.split('/')[0]},train" for path in _TRAINED[:1]]
    rows += [f"{path},{path.split('/')[0]},test" for path in _TESTED[:1]]
    spans = [
        Event("Abuse/Abuse028_x264", "Abuse", 3, 5),
        Event("Abuse/Abuse028_x264", "Abuse", 8, 9),
    ]
    files = {
        "manifest.csv": lines("path,label,split", *rows),
        "events.csv": events.text_of(spans),
    }
    write(folder / "anomaly", files)

    segments = (Segment("CliffDiving", 0, 1.0, 2.5), Segment("Diving", 1, 1.0, 2.5))
    videos = [
        SegmentedVideo(name, split, 30.0, 9.5, segments)
        for name, split in zip(_SEGMENTS, ("train", "test"), strict=True)
    ]
    content = segment_json.text_of(videos, ("CliffDiving", "Diving", "Shotput"))
    write(folder / "segments", {"thumos14.json": content})


def make_sources(folder: Path) -> None:
    """Makes the published lists of UCF-Crime and THUMOS14; the video files are empty."""
    annotated = ("Abuse028_x264.mp4  Abuse  165  240  -1  -1  ",)
    annotated += ("Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1  ",)
    lists = {
        "lists/Anomaly_Train.txt": lines(*_TRAINED),
        "lists/Anomaly_Test.txt": lines(*_TESTED),
        "lists/Temporal_Anomaly_Annotation.txt": lines(*annotated),
    }
    write(folder / "ucf_crime", dict.fromkeys([*_TRAINED, *_TESTED], NOT_A_VIDEO) | lists)

    lists = {}
    for ending, name in zip(("val", "test"), _SEGMENTS, strict=True):
        for label in ("CliffDiving", "Diving", "Ambiguous"):
            lists[f"lists/{label}_{ending}.txt"] = lines(f"{name}  0.1 0.4", f"{name}  1.0 2.5")
    films = {f"validation/{name}.mp4": NOT_A_VIDEO for name in _SEGMENTS}
    write(folder / "thumos14", films | lists)
