"""Claim: public programs read the layouts unchanged; a reader of the spec alone stands for them."""

import dataclasses
import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import public_readers
import pytest
import yaml

from albar_jax.data import segment_json
from albar_jax.data.segment_json import Segment, SegmentDatabase, SegmentedVideo
from albar_jax.errors import StorageError, UserError
from albar_jax.features.anomaly import AnomalyVideo
from albar_jax.features.feature_info import FeatureInfo, VideoInfo
from albar_jax.features.feature_writer import save_rows
from albar_jax.features.layouts import open_layout
from albar_jax.features.layouts.base import Layout
from albar_jax.features.layouts.mgfn import MgfnLayout
from albar_jax.features.layouts.tridet import TridetLayout
from albar_jax.features.row_file import BLOCK_ROWS, RowFiles
from albar_jax.features.windows import PRESETS
from albar_jax.storage.inside import inside

WIDTH = 5


def info(layout: str, preset: str = "dense", **changes) -> FeatureInfo:
    found = FeatureInfo(
        encoder={},
        layout=layout,
        preset=preset,
        windows=PRESETS[preset][layout],
        crops=1,
        size=224,
        short_side=256,
        shape="keep",
        width=WIDTH,
    )
    return dataclasses.replace(found, **changes)


def features(rows: int, crops: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, crops, WIDTH)).astype(np.float32)


def store(layout: Layout, out: Path, name: str, split: str, rows: np.ndarray) -> VideoInfo:
    """Stores the features of a video as `albar features` does."""
    path = inside(out, *layout.path_of(name, split))
    path.parent.mkdir(parents=True, exist_ok=True)
    with RowFiles(path.parent, *rows.shape[1:]) as rows_of:
        # The crops of a row may come in several batches.
        vectors = rows.reshape(-1, rows.shape[-1])
        rows_of[0].append(vectors[:7])
        rows_of[0].append(vectors[7:])
        save_rows(path, layout, rows_of[0], split)
    array = np.load(path, allow_pickle=False)
    assert array.shape == layout.shape_of(len(rows), split)
    assert array.dtype == np.float32
    # The bytes are the same as numpy's.
    np.save(path.with_suffix(".again"), array)
    again = path.with_suffix(".again.npy")
    assert again.read_bytes() == path.read_bytes()
    again.unlink()
    return VideoInfo(f"{name}.mp4", 16 * len(rows), len(rows), 30.0, split)


# Names are in alphabetical order: the normal videos are between two classes.
ANOMALIES = (
    AnomalyVideo("Fighting1", "train", "Fighting"),
    AnomalyVideo("Normal_Videos1", "train", "Normal"),
    AnomalyVideo("Vandalism1", "train", "Vandalism"),
    AnomalyVideo("Fighting2", "test", "Fighting", ((2, 3),)),
    AnomalyVideo("Normal_Videos_2", "test", "Normal"),
    AnomalyVideo("Vandalism2", "test", "Vandalism", ((40, 60),)),
)
COUNTS = {"train": (2, 1), "test": (2, 1)}
# The first video has several blocks.
ROWS = {"Fighting1": 2 * BLOCK_ROWS + 3, "Normal_Videos1": 7, "Vandalism1": 2}
ROWS |= {"Fighting2": 4, "Normal_Videos_2": 1, "Vandalism2": 3}


@pytest.fixture
def mgfn(tmp_path, monkeypatch):
    """Returns a function that writes the layout and runs in its folder."""

    def write(crops: int = 1, segments: bool = False):
        layout = MgfnLayout(info("mgfn", crops=crops), ANOMALIES, segments=segments, counts=COUNTS)
        arrays = {}
        videos = {}
        for seed, video in enumerate(ANOMALIES):
            rows = features(ROWS[video.id], crops, seed)
            arrays[video.id] = rows
            videos[video.id] = store(layout, tmp_path, video.id, video.split, rows)
        notes = layout.finish(tmp_path, videos)
        monkeypatch.chdir(tmp_path)
        return arrays, notes

    return write


def test_mgfn_reads_the_abnormal_videos_first(mgfn):
    arrays, _ = mgfn()
    assert public_readers.mgfn_list("ucf-i3d.list") == [
        "train/Fighting1.npy",
        "train/Vandalism1.npy",
        "train/Normal_Videos1.npy",
    ]
    normal, abnormal = public_readers.mgfn_training("ucf-i3d.list", num_abnormal=2)
    assert (len(normal), len(abnormal)) == (1, 2)
    first = arrays["Fighting1"][:4].mean(axis=0)
    # The first segment of 131 rows is the first four rows; all ten crops are the one crop.
    np.testing.assert_allclose(abnormal[0][:, 0, :WIDTH], np.repeat(first, 10, axis=0), rtol=1e-5)
    assert not abnormal[0][..., WIDTH:-1].any()
    np.testing.assert_allclose(abnormal[0][0, 0, -1], np.linalg.norm(first), rtol=1e-6)


def test_mgfn_reads_the_truth_of_its_frames_in_the_order_of_the_list(mgfn):
    mgfn()
    names = ["test/Fighting2.npy", "test/Vandalism2.npy", "test/Normal_Videos_2.npy"]
    assert public_readers.mgfn_list("ucf-i3d-test.list") == names
    videos = public_readers.mgfn_test("ucf-i3d-test.list")
    # A video of one row is repeated to three.
    assert [len(video) for video in videos] == [4, 3, 3]
    scores = public_readers.mgfn_frame_scores([np.arange(len(video)) for video in videos])
    truth = np.load("gt-ucf.npy", allow_pickle=False)
    assert (truth.dtype, truth.shape) == (np.float64, scores.shape)
    # Frames 2 to 3, counted from 1, and frames 40 to 48: the event ends after the third row.
    assert np.flatnonzero(truth).tolist() == [1, 2, *range(64 + 39, 64 + 48)]


def test_mgfn_notes_say_what_is_clipped_copied_and_how_to_go_on(mgfn, tmp_path):
    _, notes = mgfn()
    assert "1 events end after the last row" in notes[0]
    assert "con_a and con_n are 0" in notes[1]
    assert f"cd {tmp_path} && python MGFN/main.py --rgb-list ucf-i3d.list" in notes[-1]
    _, notes = mgfn(crops=10)
    assert not any("con_a" in note for note in notes)


def test_mgfn_keeps_ten_crops_apart(mgfn):
    arrays, _ = mgfn(crops=10)
    video = public_readers.mgfn_test("ucf-i3d-test.list")[0]
    np.testing.assert_array_equal(video[..., :WIDTH], arrays["Fighting2"])


def test_mgfn_reads_segments_that_are_cut_beforehand(mgfn):
    mgfn()
    expected = public_readers.mgfn_training("ucf-i3d.list", num_abnormal=2)
    arrays, notes = mgfn(segments=True)
    found = public_readers.mgfn_training("ucf-i3d.list", num_abnormal=2, preprocessed=True)
    assert "--preprocessed" in notes[-1]
    assert [video.shape for video in found[0] + found[1]] == [(10, 32, 2049)] * 3
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1][0], expected[1][0], rtol=1e-5, atol=1e-6)
    # A training video of two rows is cut as it is, without the repeated third row.
    halves = found[1][1][0, :, :WIDTH]
    np.testing.assert_array_equal(halves, np.repeat(arrays["Vandalism1"][:, 0], 16, axis=0))
    # Test videos are never cut.
    assert len(public_readers.mgfn_test("ucf-i3d-test.list")[0]) == 4


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_rows_of_a_long_video_are_written_in_little_memory(tmp_path, split):
    """The file of the layout mgfn has 80 KB for each row."""
    layout = MgfnLayout(info("mgfn"), ANOMALIES, segments=split == "train", counts=COUNTS)
    num_rows = 1000
    with RowFiles(tmp_path, 1, WIDTH) as rows_of:
        rows_of[0].append(features(num_rows)[:, 0])
        tracemalloc.start()
        save_rows(tmp_path / "long.npy", layout, rows_of[0], split)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < 3 * BLOCK_ROWS * 10 * 2048 * 4
    array = np.load(tmp_path / "long.npy", mmap_mode="r")
    assert len(array) == (10 if split == "train" else num_rows)


def test_rows_that_were_lost_are_an_error(tmp_path):
    with RowFiles(tmp_path, 1, WIDTH) as rows_of:
        rows_of[0].append(features(9)[:, 0])
        assert len(rows_of[0][:9]) == 9
        os.truncate(rows_of[0]._file.fileno(), 100)
        with pytest.raises(StorageError, match="a temporary file of features has lost its end"):
            rows_of[0][:9]


def test_mgfn_refuses_lists_that_the_program_would_mislabel(tmp_path):
    with pytest.raises(UserError, match="ucf-i3d.list has 2 abnormal and 1 normal videos; UCF-Cri"):
        MgfnLayout(info("mgfn"), ANOMALIES)
    layout = MgfnLayout(info("mgfn"), ANOMALIES, counts=COUNTS)
    videos = {video.id: VideoInfo("x", 64, 4, 30.0, video.split) for video in ANOMALIES}
    # A training video was unreadable.
    del videos["Vandalism1"]
    with pytest.raises(UserError, match="has 1 abnormal .* takes the first 2 lines as abnormal"):
        layout.finish(tmp_path, videos)
    assert not list(tmp_path.iterdir())


def test_mgfn_names_other_counts_of_test_videos(tmp_path):
    layout = MgfnLayout(info("mgfn"), ANOMALIES, counts=COUNTS)
    videos = {video.id: VideoInfo("x", 64, 4, 30.0, video.split) for video in ANOMALIES}
    del videos["Fighting2"]
    notes = layout.finish(tmp_path, videos)
    assert notes[0].startswith("ucf-i3d-test.list has 1 abnormal and 1 normal videos; UCF-Crime")
    assert len(np.load(tmp_path / "gt-ucf.npy", allow_pickle=False)) == 2 * 4 * 16


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"crops": 3}, "--crops is 3; the public MGFN reads 10"),
        ({"width": 2049}, "has 2049 features and the public MGFN reads 2048"),
        ({"windows": PRESETS["span"]["mgfn"]}, "--hop is 64; .* repeats each score 16 times"),
    ],
)
def test_mgfn_refuses_settings_that_the_program_cannot_read(changes, says):
    with pytest.raises(UserError, match=says):
        MgfnLayout(info("mgfn", **changes), ANOMALIES, counts=COUNTS)


def segmented(name: str, split: str, *segments: Segment, fps: float = 30.0) -> SegmentedVideo:
    return SegmentedVideo(name, split, fps, 10.0, segments)


SEGMENTS = (
    segmented("video_validation_1", "train", Segment("Diving", 1, 0.0, 1.0)),
    segmented(
        "video_test_1",
        "test",
        Segment("CliffDiving", 0, 1.0, 2.0),
        Segment("Diving", 1, 1.0, 2.0),
        fps=25.0,
    ),
    segmented("video_test_2", "test", Segment("Diving", 1, 0.0, 1.0)),
)


# No video has the last class.
ANNOTATED = SegmentDatabase(("CliffDiving", "Diving", "Shotput"), SEGMENTS)


@pytest.fixture
def tridet(tmp_path, monkeypatch):
    """Returns a function that writes the layout and runs in its folder."""

    def write(preset: str = "dense", **changes):
        layout = TridetLayout(info("tridet", preset), ANNOTATED)
        videos = {}
        arrays = {}
        for seed, (name, split) in enumerate(
            [("video_validation_1", "train"), ("video_test_1", "test"), ("unknown", "test")]
        ):
            arrays[name] = features(9, seed=seed)
            stored = store(layout, tmp_path, name, split, arrays[name])
            videos[name] = dataclasses.replace(stored, **changes)
        notes = layout.finish(tmp_path, videos)
        monkeypatch.chdir(tmp_path)
        return arrays, notes

    return write


def test_tridet_reads_features_labels_and_subsets(tridet, tmp_path):
    arrays, notes = tridet()
    trained = public_readers.tridet_videos("thumos_albar.yaml", "train")
    tested = public_readers.tridet_videos("thumos_albar.yaml", "val")
    assert (list(trained), list(tested)) == (["video_validation_1"], ["video_test_1"])
    np.testing.assert_array_equal(tested["video_test_1"]["features"], arrays["video_test_1"][:, 0])
    assert tested["video_test_1"]["labels"] == [0, 1]
    # Seconds 1 to 2 at 25 frames per second, cells of 4 frames with middles at 2, 6, ...
    np.testing.assert_allclose(tested["video_test_1"]["grid"], [[(25 - 2) / 4, (50 - 2) / 4]] * 2)

    assert "1 annotated videos have no features" in notes[0]
    assert "video_test_2" in notes[0]
    assert "1 videos have no annotation: unknown" in notes[1]
    assert "video_test_1 has 30 frames per second, and 25 in thumos14.json" in notes[2]
    assert f"cd {tmp_path} && python TriDet/train.py thumos_albar.yaml" in notes[-1]
    # The truth of a video without features would count in the evaluation.
    database = json.loads(Path("thumos14.json").read_text())["database"]
    assert list(database) == ["video_validation_1", "video_test_1"]
    # The classes keep their numbers, also those that no video has.
    assert segment_json.read_database("thumos14.json").classes == ANNOTATED.classes


@pytest.mark.parametrize("preset", ["dense", "author", "span"])
def test_tridet_finds_the_middle_of_each_window(tridet, preset):
    tridet(preset)
    windows = PRESETS[preset]["tridet"]
    numbers = windows.numbers(6400)
    for row in (10, 50):
        middle = (numbers[row].mean() + 0.5) / 30
        found = public_readers.tridet_seconds("thumos_albar.yaml", row, fps=30)
        # Even strides leave half a frame.
        assert abs(found - middle) <= 0.5 / 30 + 1e-9


def test_tridet_gets_its_own_settings_but_for_five(tridet):
    """The stock values are copied here by hand."""
    tridet()
    found = yaml.safe_load(Path("thumos_albar.yaml").read_text())
    assert {name: found["dataset"].pop(name) for name in ("feat_folder", "json_file")} == {
        "feat_folder": ".",
        "json_file": "thumos14.json",
    }
    assert [found["dataset"].pop(key) for key in ("input_dim", "feat_stride", "num_frames")] == [
        WIDTH,
        4,
        4,
    ]
    assert found == {
        "dataset_name": "thumos",
        "train_split": ["validation"],
        "val_split": ["test"],
        "dataset": {
            "file_prefix": None,
            "file_ext": ".npy",
            "num_classes": 20,
            "trunc_thresh": 0.5,
            "crop_ratio": [0.9, 1.0],
            "max_seq_len": 2304,
        },
        "model": {
            "fpn_type": "identity",
            "max_buffer_len_factor": 6.0,
            "backbone_arch": [2, 2, 5],
            "n_sgp_win_size": 1,
            "regression_range": [[0, 4], [4, 8], [8, 16], [16, 32], [32, 64], [64, 10000]],
            "num_bins": 16,
            "k": 5,
            "iou_weight_power": 0.2,
            "use_trident_head": True,
            "sgp_mlp_dim": 768,
            "input_noise": 0.0005,
        },
        "opt": {
            "learning_rate": 0.0001,
            "warmup_epochs": 20,
            "epochs": 20,
            "weight_decay": 0.025,
        },
        "loader": {"batch_size": 2},
        "train_cfg": {
            "init_loss_norm": 100,
            "clip_grad_l2norm": 1.0,
            "cls_prior_prob": 0.01,
            "center_sample": "radius",
            "center_sample_radius": 1.5,
        },
        "test_cfg": {
            "voting_thresh": 0.7,
            "pre_nms_topk": 2000,
            "max_seg_num": 2000,
            "min_score": 0.001,
            "multiclass_nms": True,
        },
        "output_folder": "./ckpt/",
    }


def test_tridet_refuses_crops_and_videos_that_are_too_long(tmp_path):
    with pytest.raises(UserError, match="--crops is 10; TriDet reads one row"):
        TridetLayout(info("tridet", crops=10), ANNOTATED)
    layout = TridetLayout(info("tridet"), ANNOTATED)
    videos = {"video_test_1": VideoInfo("x", 4 * 13825, 13825, 30.0, "test")}
    with pytest.raises(UserError, match=r"13,825 rows, .* at most 13,824; .* with --hop 8"):
        layout.finish(tmp_path, videos)


def test_tridet_refuses_annotations_that_do_not_fit_before_any_work(tmp_path):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,label,split\nvideo_test_2.mp4,Diving,train\n")
    annotations = tmp_path / "thumos14.json"

    # Only the videos of the manifest count.
    long = dataclasses.replace(SEGMENTS[1], duration=4000)
    text = segment_json.text_of([long, SEGMENTS[2]], ANNOTATED.classes)
    annotations.write_text(text)
    layout = open_layout(info("tridet"), manifest)
    with pytest.raises(UserError, match="video_test_2 has the split 'train' in the manifest, and "):
        layout.path_of("video_test_2", "train")

    long = dataclasses.replace(SEGMENTS[2], duration=4000)
    annotations.write_text(segment_json.text_of([long], ANNOTATED.classes))
    with pytest.raises(UserError, match=r"video_test_2 has 30,000 rows, .* with --hop 12"):
        open_layout(info("tridet"), manifest)
    annotations.write_text(segment_json.text_of(SEGMENTS[:1], ANNOTATED.classes))
    with pytest.raises(UserError, match="none of the 1 videos is annotated"):
        open_layout(info("tridet"), manifest)


def test_layouts_need_the_annotations_beside_the_manifest(tmp_path):
    for name, command in (("mgfn", "ucf_crime"), ("tridet", "thumos14")):
        with pytest.raises(UserError, match=f"`albar prepare {command}` writes"):
            open_layout(info(name), None)
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,label,split\nvideo_test_1.mp4,Diving,test\n")
    with pytest.raises(UserError, match=r"there is no .*events.csv; name the manifest"):
        open_layout(info("mgfn"), manifest)
    with pytest.raises(UserError, match=r"thumos14.json: No such file"):
        open_layout(info("tridet"), manifest)
    (tmp_path / "thumos14.json").write_text(segment_json.text_of(SEGMENTS, ANNOTATED.classes))
    assert open_layout(info("tridet"), manifest).shape_of(9, "test") == (9, WIDTH)
    with pytest.raises(UserError, match="--segments is for --layout mgfn"):
        open_layout(info("tridet"), manifest, segments=True)


def test_plain_files_have_an_axis_of_crops_only_for_several(tmp_path):
    rows = features(4)
    layout = open_layout(info("plain"), None)
    assert layout.path_of("clips/a", None) == ("clips", "a.npy")
    store(layout, tmp_path, "clips/a", "", rows)
    np.testing.assert_array_equal(np.load(tmp_path / "clips" / "a.npy"), rows[:, 0])
    layout = open_layout(info("plain", crops=3), None)
    store(layout, tmp_path, "b", "", features(4, crops=3))
    assert np.load(tmp_path / "b.npy").shape == (4, 3, WIDTH)
    assert layout.finish(tmp_path, {}) == ()
    with pytest.raises(UserError, match="--segments is for --layout mgfn"):
        open_layout(info("plain"), None, segments=True)


def test_names_do_not_lead_out_of_the_folder(tmp_path):
    layout = open_layout(info("plain"), None)
    with pytest.raises(UserError, match="names a folder"):
        inside(tmp_path, *layout.path_of("../a", None))
