"""Claim: a set of features is read as it was written, and any disagreement in it is refused."""

import json

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.features.feature_info import FeatureInfo, VideoInfo, incompatibility, to_text
from albar_jax.features.feature_set import FeatureSet
from albar_jax.features.windows import PRESETS

WIDTH = 5


def info(**changes) -> FeatureInfo:
    settings = {
        "encoder": {"weights": "ab12", "network": "swin3d_t", "config": {"name": "albar"}},
        "layout": "plain",
        "preset": "dense",
        "windows": PRESETS["dense"]["plain"],
        "crops": 1,
        "size": 224,
        "short_side": 256,
        "shape": "keep",
        "width": WIDTH,
    }
    return FeatureInfo(**settings | changes)


INFO = info()


def write(folder, arrays, *, info=INFO, unreadable=None):
    folder.mkdir(parents=True, exist_ok=True)
    videos = {}
    for name, array in arrays.items():
        (folder / f"{name}.npy").parent.mkdir(exist_ok=True)
        np.save(folder / f"{name}.npy", array)
        videos[name] = VideoInfo(f"{name}.mp4", 16 * len(array) + 3, len(array), fps=30.0)
    (folder / "features.json").write_text(to_text(info, videos, unreadable or {}))
    return folder


def rows(count: int, *crops: int) -> np.ndarray:
    shape = (count, *crops, WIDTH)
    return np.random.default_rng(count).normal(size=shape).astype(np.float32)


def test_features_are_read_as_they_were_written(tmp_path):
    arrays = {"b": rows(4), "folder/a": rows(7)}
    features = FeatureSet(write(tmp_path, arrays))

    assert features.names == ("b", "folder/a")
    assert features.width == WIDTH
    for name, array in arrays.items():
        assert features.rows(name) == len(array)
        read = features.read(name)
        assert read.shape == (len(array), 1, WIDTH)
        np.testing.assert_array_equal(read[:, 0], array)
        numbers = features.frame_numbers(name)
        np.testing.assert_array_equal(
            numbers, PRESETS["dense"]["plain"].numbers(16 * len(array) + 3)
        )


def test_crops_are_kept_apart(tmp_path):
    features = FeatureSet(write(tmp_path, {"a": rows(3, 10)}, info=info(crops=10)))
    np.testing.assert_array_equal(features.read("a"), rows(3, 10))


def with_number(number: float, row: int) -> np.ndarray:
    array = rows(4)
    array[row, 2] = number
    return array


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (rows(4)[:, :3], r"a.npy has the shape \(4, 3\) of float32; \(4, 5\) of float32 is expec"),
        (rows(4, 2), r"shape \(4, 2, 5\)"),
        (rows(3), r"shape \(3, 5\)"),
        (rows(4).astype(np.float64), "of float64"),
        (with_number(np.nan, 2), "row 2 that is not finite"),
        (with_number(-np.inf, 1), "row 1 that is not finite"),
        (np.array([{}]), "cannot be read"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, message):
    write(tmp_path, {"a": rows(4)})
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UserError, match=message):
        FeatureSet(tmp_path).read("a")


def test_a_cut_off_file_and_a_missing_file_are_named(tmp_path):
    features = FeatureSet(write(tmp_path, {"a": rows(4), "b": rows(4)}))
    path = tmp_path / "a.npy"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match="a.npy cannot be read .*delete the file"):
        features.read("a")


def test_unknown_and_unreadable_videos_are_named(tmp_path):
    features = FeatureSet(write(tmp_path, {"a": rows(1)}, unreadable={"bad": "it is cut off"}))
    with pytest.raises(UserError, match="no features of 'c'"):
        features.read("c")
    with pytest.raises(UserError, match="'bad', which was unreadable: it is cut off"):
        features.rows("bad")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "width is 0"),
        ({"width": None}, "width is None"),
        ({"dtype": "float64"}, "dtype is 'float64'"),
        ({"crops": 2}, "crops is 2"),
        ({"hop": 8}, "which do not fit its"),
        ({"videos": []}, "videos is not an object"),
        ({"layout": "mgfn"}, "layout 'mgfn'"),
    ],
)
def test_a_damaged_description_is_refused(tmp_path, change, message):
    path = write(tmp_path, {"a": rows(4)}) / "features.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=message):
        FeatureSet(tmp_path)


def test_a_folder_without_a_description_is_refused(tmp_path):
    with pytest.raises(UserError, match="has no features.json"):
        FeatureSet(tmp_path)


def test_ids_cannot_leave_the_folder(tmp_path):
    write(tmp_path / "set", {"a": rows(4)})
    path = tmp_path / "set" / "features.json"
    path.write_text(path.read_text().replace('"a": {', '"../a": {'))
    np.save(tmp_path / "a.npy", rows(4))
    with pytest.raises(UserError, match="names a folder"):
        FeatureSet(tmp_path / "set").read("../a")


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"encoder": {"weights": "cd34"}}, "encoder: weights 'ab12', not 'cd34'"),
        ({"windows": PRESETS["span"]["plain"]}, "hop 16, not 64"),
        ({"size": 112}, "size 224, not 112"),
    ],
)
def test_sets_of_two_encoders_or_presets_are_not_used_together(change, difference):
    first, second = info().as_json(), info(**change).as_json()
    assert incompatibility(first, first) == ""
    assert incompatibility(first, second) == difference
    # A name of the windows changes no result.
    assert incompatibility(first, info(preset="other").as_json()) == ""


def test_exported_weights_are_the_encoder_that_they_were_exported_from():
    def encoder(dtype="float32", **history):
        entry = {"weights": "ab12", "network": "swin3d_t", "config": {**history, "dtype": dtype}}
        return info(encoder=entry).as_json()

    trained = encoder(name="albar", seed=3, methods=["albar"], step=500)
    exported = encoder(name="hmdb51", seed=0, methods=[], step=None)
    assert incompatibility(trained, exported) == ""
    assert incompatibility(trained, encoder("bfloat16")) == (
        "encoder: config: dtype 'float32', not 'bfloat16'"
    )
