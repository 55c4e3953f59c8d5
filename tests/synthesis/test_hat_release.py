"""Claim: HAT's release becomes the tasks of a suite, with its scenes and its pairs.

`prepare hat` lists what was released, and `synthesize hat` mixes persons and scenes.
"""

import pickle
import re
import shlex
import shutil

import cv2
import hat_world
import numpy as np
import pytest
import stand_ins

from albar_jax import cli
from albar_jax.data.decode import num_frames
from albar_jax.data.manifest import read_manifest
from albar_jax.data.prepare.hat_lists import read_list
from albar_jax.errors import UserError
from albar_jax.masks import open_source

# Videos of hat_world. The name of one class is spelt in two ways, as in UCF101.
NAMES = ("YoYo/v_YoYo_g01_c01", "HandstandPushups/v_HandStandPushups_g01_c01")
NAMES += ("YoYo/v_YoYo_g02_c01", "HandstandPushups/v_HandStandPushups_g02_c01")
# HAT's lists: the person and its scene in each.
LISTS = {
    "rand_1": {0: 1, 1: 2},
    "rand_2": {0: 3},
    "close_1": {2: 3},
}
FOLDERS = {"hat": ("inp", "seg", "ori"), "devias": ("inpaint", "seg", "rawframes")}


def emptied(number):
    """Returns frames without a person, as if another program had made them."""
    height, width, count = hat_world.SHAPES[number]
    shift = np.arange(count)[:, None, None, None]
    picture = np.random.default_rng(number + 9).integers(0, 200, (height, width, 3), np.uint8)
    return (picture + shift).astype(np.uint8)


def probabilities(number):
    """Returns the probability of a person, uint8 (T, H, W): more than 128 inside of it."""
    return np.where(hat_world.masks(number), 129, 128).astype(np.uint8)


def make_release(root, style="hat"):
    """Writes the release and the manifest of the data set. Returns the arguments of `prepare`."""
    inp, seg, ori = FOLDERS[style]
    rows = []
    for number, name in enumerate(NAMES):
        rows.append(
            {"path": f"{name}.avi", "label": name.split("/")[0], "split": "test", "id": name}
        )
        (root / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "out" / f"{name}.avi").write_bytes(b"not looked into")
        folder = "videos/" + name.split("/")[1] if style == "devias" else name
        stand_ins.write_images(root / "HAT" / inp / folder, emptied(number), "{:06}.png")
        stand_ins.write_images(root / "HAT" / ori / folder, hat_world.film(number), "{:06}.png")
        stand_ins.write_images(root / "HAT" / seg / folder, probabilities(number), "{:06}.png")
    stand_ins.write_csv(root / "out" / "manifest.csv", rows)

    (root / "lists" / "far").mkdir(parents=True)
    for name, swaps in LISTS.items():
        content = {}
        for person, scene in swaps.items():
            _, _, count = hat_world.SHAPES[scene]
            # The published lists of UCF101 hold the numbers as texts.
            content[NAMES[person]] = [NAMES[scene], str(count), "0"]
        (root / "lists" / "far" / f"actionswap_{name}.pickle").write_bytes(pickle.dumps(content))
    return ["--videos", root / "HAT", "--lists", root / "lists", "--dataset", "ucf101"]


def prepare(root, arguments):
    return cli.call("prepare", ["hat", *map(str, arguments), "--out", str(root / "out")])


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Returns the folder of a release."""
    root = tmp_path_factory.mktemp("release")
    make_release(root)
    return root


@pytest.fixture
def root(released, tmp_path):
    """Returns a folder with a copy of the release."""
    return shutil.copytree(released, tmp_path / "root")


def arguments(root):
    return ["--videos", root / "HAT", "--lists", root / "lists", "--dataset", "ucf101"]


@pytest.mark.parametrize("style", FOLDERS)
def test_release_is_listed_with_the_ids_and_classes_of_the_data_set(tmp_path, capsys, style):
    assert prepare(tmp_path, make_release(tmp_path, style)) == 0
    out = tmp_path / "out"
    for task in ("ucf101_hat_background", "ucf101_hat_videos"):
        manifest = read_manifest(out / f"{task}.csv")
        assert sorted(manifest.ids) == sorted(NAMES)
        for name, label, path in zip(manifest.ids, manifest.labels, manifest.paths, strict=True):
            assert manifest.classes[label] == name.split("/")[0]
            assert num_frames(path) == hat_world.SHAPES[NAMES.index(name)][2]
    pairs = stand_ins.read_csv(out / "ucf101_hat_videos_pairs.csv")
    assert pairs == [
        {"set": "swap", "id": NAMES[0], "copy": "0", "scene": NAMES[1]},
        {"set": "swap", "id": NAMES[1], "copy": "0", "scene": NAMES[2]},
        {"set": "swap", "id": NAMES[0], "copy": "1", "scene": NAMES[3]},
        {"set": "swap_close", "id": NAMES[2], "copy": "0", "scene": NAMES[3]},
    ]
    printed = capsys.readouterr().out
    assert "ucf101_hat_background: 4 videos of 2 classes: test 4" in printed
    assert "albar synthesize hat" in printed


def mixed(person, scene):
    """Returns the clip of a person in a released scene."""
    frames, masks = hat_world.film(person), hat_world.masks(person)
    pictures, others = emptied(scene), hat_world.masks(scene)
    scale = min(masks.shape[1:]) / min(others.shape[1:])
    tall, wide = (round(side * scale) for side in others.shape[1:])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR

    shift = []
    for axis, side in enumerate((tall, wide)):
        here = np.nonzero(masks[1])[axis].mean() + 0.5
        there = (np.nonzero(others[1])[axis].mean() + 0.5) / others.shape[axis + 1] * side
        path = np.nonzero(masks.any(axis=0))[axis]
        shift.append(min(max(round(there - here), -path.min()), side - 1 - path.max()))

    clip = []
    for number in range(len(frames)):
        chosen = min(round(number * len(pictures) / len(frames)), len(pictures) - 1)
        picture = pictures[chosen]
        if picture.shape[:2] != (tall, wide):
            picture = cv2.resize(picture, (wide, tall), interpolation=how)
        picture = picture.copy()
        for row, column in np.argwhere(masks[number]):
            picture[row + shift[0], column + shift[1]] = frames[number, row, column]
        clip.append(picture)
    return clip


def test_the_printed_command_mixes_persons_and_released_scenes(root, capsys):
    assert prepare(root, arguments(root)) == 0
    printed = capsys.readouterr().out
    command = shlex.split(printed.split("made by `")[1].split("`")[0])
    assert command[:3] == ["albar", "synthesize", "hat"]
    assert cli.call("synthesize", [*command[2:], "--jobs", "1"]) == 0

    out = root / "out"
    rows = stand_ins.read_csv(out / "ucf101_hat_swap.csv")
    chosen = [(row["id"], row["scene"]) for row in rows]
    assert chosen == [
        (f"{NAMES[1]}__0", NAMES[2]),
        (f"{NAMES[0]}__0", NAMES[1]),
        (f"{NAMES[0]}__1", NAMES[3]),
    ]
    (close,) = stand_ins.read_csv(out / "ucf101_hat_swap_close.csv")
    # A single copy has no number.
    assert (close["id"], close["scene"]) == (NAMES[2], NAMES[3])
    for row in (*rows, close):
        person, scene = row["id"].split("__")[0], row["scene"]
        written = stand_ins.members(out / row["path"])
        expected = mixed(NAMES.index(person), NAMES.index(scene))
        assert list(written.values()) == [stand_ins.jpeg(frame) for frame in expected]
        assert row["scene_label"] == scene.split("/")[0]
    assert len(read_manifest(out / "ucf101_hat_human.csv")) == 4
    # There is no list of far scenes, and the released background is used as it is.
    assert not (out / "ucf101_hat_swap_far.csv").exists()
    assert not (out / "ucf101_hat_background").exists()
    assert list(read_manifest(out / "ucf101_hat_background.csv").ids)


def test_a_scene_that_was_not_released_leaves_its_swap_out(root, capsys):
    shutil.rmtree(root / "HAT" / "inp" / NAMES[1])
    assert prepare(root, arguments(root)) == 2
    assert f"1 of 4 listed videos are not under {root / 'HAT'}" in capsys.readouterr().err
    assert prepare(root, [*arguments(root), "--skip-missing"]) == 0
    printed = capsys.readouterr().out
    command = shlex.split(printed.split("made by `")[1].split("`")[0])
    assert cli.call("synthesize", [*command[2:], "--jobs", "1", "--sets", "swap_close"]) == 0
    assert cli.call("synthesize", [*command[2:], "--jobs", "1", "--sets", "swap"]) == 2
    # Neither the person nor the scene of the missing video can be used.
    assert "has no emptied scene" in capsys.readouterr().err


class Hostile:
    def __reduce__(self):
        return print, ("code runs",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a/b": ["c/d", 3]}, "the swap of 'a/b' is not a video, its number of frames"),
        ({"a/b": "c/d"}, "the swap of 'a/b'"),
        ({7: ["c/d", 3, 1]}, "the swap of '7'"),
        ([], "is not a list of HAT, a dict of swaps"),
        ({"a/b": Hostile()}, "print"),
    ],
)
def test_lists_with_other_contents_are_refused(tmp_path, capsys, content, message):
    (tmp_path / "list.pickle").write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match=message):
        read_list(tmp_path / "list.pickle")
    assert "code runs" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "out/manifest.csv").unlink(), "prepare the data set itself first"),
        (lambda root: shutil.rmtree(root / "HAT/seg"), "holds no folder seg"),
        (lambda root: shutil.rmtree(root / "lists/far"), "holds no list of HAT"),
        (lambda root: shutil.copytree(root / "lists/far", root / "lists/b"), "of one data set"),
        (
            lambda root: shutil.copytree(root / "HAT/ori/YoYo", root / "HAT/ori/Yo"),
            "are the same video; keep one of them",
        ),
        (lambda root: (root / "HAT").rename(root / "data"), "HAT does not exist"),
    ],
)
def test_another_layout_is_named(root, capsys, change, message):
    change(root)
    assert prepare(root, arguments(root)) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not list((root / "out").glob("*hat*"))


def test_a_folder_too_far_up_is_corrected(root, capsys):
    assert prepare(root, ["--videos", root, "--dataset", "ucf101"]) == 2
    assert f"did you mean {root / 'HAT'}?" in capsys.readouterr().err


def table(folder, *rows):
    return stand_ins.write_csv(
        folder / "pairs.csv",
        [dict(zip(("set", "id", "copy", "scene"), row, strict=True)) for row in rows],
    )


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        ([("swapped", "a", 0, "b")], (), "line 2 of .* has the set 'swapped'; give swap"),
        ([("swap", "a", -1, "b")], (), "a copy that is not a number; number the copies from 0"),
        ([("swap", "a", 0, "b"), ("swap", "a", 0, "c")], (), "repeats copy 0 of 'a' in swap"),
        ([("swap", "a", 0, "b")], (), "no video of the manifest, 'clip_0' first, is in --pairs"),
        ([("swap", "clip_0", 0, "clip_1")], ("--copies", 2), "leave out --copies"),
        ([("swap", "clip_0", 0, "clip_1")], ("--sets", "swap_far"), "leave no set to make"),
    ],
)
def test_wrong_pairs_are_refused_before_any_work(tmp_path, capsys, rows, more, message):
    hat_world.make(tmp_path)
    words = ("--pairs", table(tmp_path, *rows), *more)
    assert hat_world.run(tmp_path, tmp_path / "out" / "hat", *words) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "out" / "hat_scenes").exists()


def test_a_scene_that_does_not_exist_leaves_the_clip_out(tmp_path):
    hat_world.make(tmp_path)
    pairs = table(tmp_path, ("swap", "clip_0", 0, "clip_1"), ("swap", "clip_2", 0, "clip_9"))
    out = tmp_path / "hat"
    assert hat_world.run(tmp_path, out, "--pairs", pairs, "--sets", "swap") == 0
    (row,) = stand_ins.read_csv(tmp_path / "hat_swap.csv")
    assert (row["id"], row["scene"]) == ("clip_0", "clip_1")
    failed = (tmp_path / "hat_swap.failed.tsv").read_text()
    assert "clip_2\tthe video clip_9, whose scene --pairs gives it, has no emptied scene" in failed
    table(tmp_path, ("swap", "clip_0", 0, "clip_3"))
    assert hat_world.run(tmp_path, out, "--pairs", pairs, "--sets", "swap") == 2


def test_probabilities_become_masks_above_a_threshold(released, tmp_path):
    def no_video(name):
        raise AssertionError(f"{name} was opened without need")

    seg = released / "HAT" / "seg"
    # The numbers begin at 1, which only the video shows.
    spec = f"png:{seg}?above=128&first=1"
    found = open_source(spec, no_video).get(NAMES[1])
    np.testing.assert_array_equal(found.masks, hat_world.masks(1))
    assert open_source(f"png:{seg}?first=1", no_video).get(NAMES[1]).masks.all()

    rows = [{"id": "one", "path": str(seg / NAMES[1])}]
    file = stand_ins.write_csv(tmp_path / "masks.csv", rows)
    found = open_source(f"png:{file}?above=128&first=1", no_video).get("one")
    np.testing.assert_array_equal(found.masks, hat_world.masks(1))
    for options, message in (
        ("?above=255", "a number from 0 to 254"),
        ("?above=x", "a number from 0 to 254"),
        ("?above=3&ids=1", "cannot be combined"),
    ):
        with pytest.raises(UserError, match=message):
            open_source(f"png:{seg}{options}", no_video)
