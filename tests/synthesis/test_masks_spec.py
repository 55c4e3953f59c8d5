"""Claim: a source is parsed as documented, and several sources are united."""

import numpy as np
import pytest
from PIL import Image

from albar_jax import masks
from albar_jax.data.decode import open_video
from albar_jax.errors import UserError
from albar_jax.masks import NoMask, open_source
from albar_jax.masks.base import MaskSource


def no_video(video):
    raise AssertionError(f"{video} was opened without need")


def npz(folder, video, array, frame_ids=None):
    folder.mkdir(parents=True, exist_ok=True)
    array = np.asarray(array)
    np.savez(
        folder / f"{video}.npz",
        masks=array,
        frame_ids=np.arange(len(array)) if frame_ids is None else frame_ids,
    )


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("", "names no source of masks"),
        ("sam:dir", "names no source of masks; write one of jhmdb, tubes, png"),
        ("npz", "no folder ''"),
        ("npz:", "no folder ''"),
        ("npz:nowhere", "no folder 'nowhere'"),
        ("rle:nowhere.json", "no file 'nowhere.json'"),
        ("npz:.?ids=1", "'ids' is not an option of npz, or has no value; it has none"),
        ("png:.?id=1", "'id' is not an option of png, or has no value; write ids=... or first=..."),
        ("png:.?ids", "'ids' is not an option of png, or has no value"),
        ("png:.?ids=1&first=", "'first' is not an option of png, or has no value"),
        ("npz:file.txt", "no folder 'file.txt'"),
        ("boxes:.", "no file '.'"),
        ("npz:.+sam:.", "no folder"),
        ("demo:somewhere", "write only demo"),
    ],
)
def test_a_mistake_in_a_spec_is_named(spec, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").touch()
    with pytest.raises(UserError, match=reason):
        open_source(spec, no_video)


def test_every_source_is_documented_where_it_is_chosen():
    for name in masks.SOURCES:
        assert f"\n    {name}" in masks.__doc__


def test_a_folder_may_have_a_plus_in_its_name(tmp_path):
    npz(tmp_path / "c++" / "a+b", "v", [[[1, 0]]])
    assert open_source(f"npz:{tmp_path}/c++/a+b", no_video).get("v").masks.tolist() == [
        [[True, False]]
    ]


def test_the_union_has_every_frame_and_every_pixel_of_both(tmp_path):
    npz(tmp_path / "a", "v", [[[1, 0, 0]], [[1, 0, 0]]], [0, 2])
    npz(tmp_path / "b", "v", [[[0, 0, 1]], [[0, 1, 0]]], [2, 5])
    result = open_source(f"npz:{tmp_path}/a+npz:{tmp_path}/b", no_video).get("v")
    assert result.frame_ids.tolist() == [0, 2, 5]
    assert result.masks.astype(int).tolist() == [[[1, 0, 0]], [[1, 0, 1]], [[0, 1, 0]]]


def test_a_source_fills_in_videos_that_the_other_lacks(tmp_path):
    npz(tmp_path / "a", "v", [[[1, 0]]])
    npz(tmp_path / "b", "w", [[[0, 1]]])
    source = open_source(f"npz:{tmp_path}/a+npz:{tmp_path}/b", no_video)
    assert source.get("v").masks.tolist() == [[[True, False]]]
    assert source.get("w").masks.tolist() == [[[False, True]]]
    with pytest.raises(NoMask, match=r"a.x\.npz does not exist; .*b.x\.npz does not exist"):
        source.get("x")


def test_masks_of_different_sizes_are_united_at_the_size_of_the_frames(tmp_path):
    # 1 x 2 pixels.
    npz(tmp_path / "a", "v", [[[1, 0]]])
    # 2 x 1 pixels.
    npz(tmp_path / "b", "v", [[[0], [1]]])
    Image.new("RGB", (4, 2)).save(tmp_path / "v.png")
    source = open_source(
        f"npz:{tmp_path}/a+npz:{tmp_path}/b",
        lambda video: open_video(str(tmp_path / f"{video}.png")),
    )
    assert source.get("v").masks.astype(int).tolist() == [[[1, 1, 0, 0], [1, 1, 1, 1]]]


def test_options_end_where_the_next_source_begins(tmp_path):
    for folder, value in (("segmentation", 60), ("saliency", 255)):
        (tmp_path / folder / "v").mkdir(parents=True)
        picture = np.array([[value, 7, 0], [0, 0, 0]], np.uint8)
        Image.fromarray(np.roll(picture, folder == "saliency", axis=0)).save(
            tmp_path / folder / "v" / "00000.png"
        )
    result = open_source(
        f"png:{tmp_path}/segmentation?ids=60+png:{tmp_path}/saliency", no_video
    ).get("v")
    assert result.masks.astype(int).tolist() == [[[1, 0, 0], [1, 1, 0]]]


def test_a_union_is_a_source_like_any_other(tmp_path):
    npz(tmp_path, "v", [[[1]]])
    union: MaskSource = open_source("+".join([f"npz:{tmp_path}"] * 3), no_video)
    assert union.get("v").masks.all()
