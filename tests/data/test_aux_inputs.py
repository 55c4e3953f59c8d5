"""Claim: auxiliary inputs are cut like their clip, by any workers, and do not change it."""

import csv
import dataclasses

import cv2
import numpy as np
import pytest

from albar_jax.data.loader import ClipSpec, train_batches
from albar_jax.data.manifest import Manifest
from albar_jax.data.scenes import read_scenes
from albar_jax.data.stills import read_stills
from albar_jax.errors import UserError
from albar_jax.masks.person_masks import PersonMasks

# Size of the pictures.
SIZE = (40, 56)
SPEC = ClipSpec(num_frames=3, stride=1, size=24, short_side=32, time=None, augment="crop_flip")
IDS = tuple(f"clip{number}" for number in range(6))


def picture(number: int, frame: int) -> np.ndarray:
    """Returns grey blocks of 8 pixels, brighter inside the mask.

    A box of them shows its position.
    """
    rng = np.random.default_rng((number, frame))
    blocks = rng.integers(
        0, 100, size=(SIZE[0] // 8, SIZE[1] // 8), dtype=np.uint8
    ) + 100 * mask_blocks(number, frame)
    return np.repeat(np.kron(blocks, np.ones((8, 8), np.uint8))[:, :, None], 3, axis=2)


def mask_blocks(number: int, frame: int) -> np.ndarray:
    return np.random.default_rng((9, number, frame)).integers(
        2, size=(SIZE[0] // 8, SIZE[1] // 8), dtype=np.uint8
    )


def mask(number: int, frame: int) -> np.ndarray:
    return np.kron(mask_blocks(number, frame), np.ones((8, 8), np.uint8)).astype(bool)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Returns six videos of five frames as folders of pictures, with their masks."""
    root = tmp_path_factory.mktemp("aux_inputs")
    (root / "masks").mkdir()
    for number, name in enumerate(IDS):
        (root / name).mkdir()
        for frame in range(5):
            assert cv2.imwrite(str(root / name / f"{frame:03d}.png"), picture(number, frame))
        np.savez(
            root / "masks" / f"{name}.npz",
            masks=np.stack([mask(number, frame) for frame in range(5)]),
        )
    return root


@pytest.fixture(scope="module")
def manifest(folder):
    return Manifest(
        tuple(str(folder / name) for name in IDS), np.arange(6, dtype=np.int32), IDS, IDS
    )


def batches(manifest, aux_inputs=None, spec=SPEC, **options):
    options = {"seed": 1, "batch_size": 3, "num_steps": 8, **options}
    with train_batches(manifest, spec, aux_inputs=aux_inputs, **options) as stream:
        return list(stream)


def masks_of(folder, manifest, name="masks"):
    return {"person_mask": PersonMasks(f"npz:{folder / name}", manifest.ids, manifest.paths)}


def stills_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def well_inside(masks):
    """Returns the pixels that are inside a mask and at least two pixels away from its border.

    The edge of the picture is excluded, because a roll may have cut it.
    """
    kernel = {"kernel": np.ones((5, 5)), "borderType": cv2.BORDER_CONSTANT, "borderValue": 0}
    return np.stack(
        [[cv2.erode(frame.astype(np.uint8), **kernel) for frame in clip] for clip in masks]
    )


@pytest.mark.parametrize(
    "spec", [SPEC, dataclasses.replace(SPEC, augment="roll"), dataclasses.replace(SPEC, size=31)]
)
def test_masks_lie_where_the_person_is_in_the_clip(folder, manifest, spec):
    for batch in batches(manifest, masks_of(folder, manifest), spec):
        person, video = batch["person_mask"], batch["video"][..., 0]
        assert (person.dtype, person.shape) == (bool, video.shape)
        # Pictures are 100 or more inside the mask and less elsewhere. The resize blurs the edges of
        # blocks.
        inside, outside = well_inside(person), well_inside(~person)
        assert inside.any()
        assert outside.any()
        assert (video[inside > 0] >= 100).all()
        assert (video[outside > 0] < 100).all()


def test_a_clip_is_the_same_with_and_without_auxiliary_inputs(folder, manifest):
    for alone, along in zip(
        batches(manifest), batches(manifest, masks_of(folder, manifest)), strict=True
    ):
        assert along.keys() - alone.keys() == {"person_mask"}
        np.testing.assert_array_equal(alone["video"], along["video"])


def test_auxiliary_inputs_are_the_same_from_workers_and_after_a_restart(folder, manifest, tmp_path):
    path = stills_csv(
        tmp_path / "bank.csv",
        [{"path": str(folder / n), "frame": f} for n in IDS for f in range(5)],
    )
    aux_inputs = masks_of(folder, manifest) | {"still": read_stills(path, IDS)}
    whole = batches(manifest, aux_inputs, workers=0, threads=1)
    for other in (
        batches(manifest, aux_inputs, workers=2, threads=2),
        whole[:3] + batches(manifest, aux_inputs, start_step=3),
    ):
        for one, another in zip(whole, other, strict=True):
            for name in ("video", "person_mask", "still"):
                np.testing.assert_array_equal(one[name], another[name], err_msg=name)


def test_a_video_without_masks_has_an_empty_mask_and_damaged_masks_are_reported(
    folder, manifest, tmp_path
):
    some = tmp_path / "some"
    some.mkdir()
    (some / f"{IDS[0]}.npz").write_bytes((folder / "masks" / f"{IDS[0]}.npz").read_bytes())
    (some / f"{IDS[1]}.npz").write_bytes(b"PK broken")
    with train_batches(
        manifest,
        SPEC,
        seed=1,
        batch_size=6,
        num_steps=1,
        aux_inputs=masks_of(tmp_path, manifest, "some"),
    ) as stream:
        (batch,) = list(stream)
        failures = stream.failures
    with_person = {
        int(i)
        for i, person in zip(batch["index"], batch["person_mask"], strict=True)
        if person.any()
    }
    assert with_person == {0}
    assert sorted(batch["index"][batch["valid"] == 0]) == [1]
    assert "its masks cannot be read" in failures[manifest.paths[1]]


def test_frames_without_a_mask_are_empty(folder, manifest, tmp_path):
    every_second = np.array([1, 3])
    for name in IDS:
        arrays = np.stack([np.ones(SIZE, bool) for _ in every_second])
        np.savez(tmp_path / f"{name}.npz", masks=arrays, frame_ids=every_second)
    spec = dataclasses.replace(SPEC, num_frames=5, time=0.5, augment="none")
    (batch,) = batches(manifest, masks_of(tmp_path, manifest, ""), spec, num_steps=1)
    np.testing.assert_array_equal(
        batch["person_mask"].all(axis=(2, 3)), [[False, True, False, True, False]] * 3
    )


def test_a_still_of_its_own_is_cut_as_the_clip_is(folder, manifest, tmp_path):
    rows = [{"path": str(folder / name), "frame": 0, "id": name} for name in IDS]
    aux_input = {"still": read_stills(stills_csv(tmp_path / "own.csv", rows), IDS)}
    # A clip of one frame at the start of a video is its frame 0, and so is the still.
    spec = dataclasses.replace(SPEC, num_frames=1, time=0.0)
    for batch in batches(manifest, aux_input, spec):
        np.testing.assert_array_equal(batch["still"], batch["video"][:, 0])


def test_a_still_of_another_size_makes_a_clip_unreadable(folder, manifest, tmp_path):
    assert cv2.imwrite(str(tmp_path / "small.png"), picture(0, 0)[:8])
    rows = [{"path": str(tmp_path / "small.png"), "frame": 0, "id": name} for name in IDS]
    aux_input = {"still": read_stills(stills_csv(tmp_path / "own.csv", rows), IDS)}
    assert not any(batch["valid"].any() for batch in batches(manifest, aux_input, num_steps=2))


def test_a_bank_returns_whole_stills_and_eventually_all_of_them(folder, manifest, tmp_path):
    chosen = [(0, 1), (2, 4), (5, 0)]
    rows = [{"path": str(folder / IDS[n]), "frame": f, "p_max": 0.5} for n, f in chosen]
    aux_input = {"still": read_stills(stills_csv(tmp_path / "bank.csv", rows), IDS)}
    expected = [cv2.resize(picture(n, f), (24, 24)) for n, f in chosen]
    seen = set()
    for still in np.concatenate([batch["still"] for batch in batches(manifest, aux_input)]):
        differences = [np.abs(still.astype(int) - whole).max() for whole in expected]
        assert min(differences) == 0
        seen.add(int(np.argmin(differences)))
    assert seen == {0, 1, 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,frame\n", "lists no stills"),
        ("path\na.png\n", "must name the columns path,frame"),
        ("path,frame\na.png,x\n", "frames are whole numbers from 0"),
        ("path,frame,id\na.png,0,clip0\n", "no still for 5 of the 6 training clips, 'clip1' first"),
    ],
)
def test_a_mistake_in_a_list_of_stills_is_one_sentence(tmp_path, text, message):
    path = tmp_path / "stills.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_stills(str(path), IDS)


def test_a_missing_still_is_reported_before_training(tmp_path):
    (tmp_path / "stills.csv").write_text("path,frame\ngone.mp4,3\ngone.mp4,4\nlost.mp4,0\n")
    with pytest.raises(
        UserError, match=r"lists 2 videos or images that do not exist, .*gone.mp4 first"
    ):
        read_stills(str(tmp_path / "stills.csv"), IDS)


def test_a_video_whose_masks_have_no_frame_has_an_empty_mask(manifest, tmp_path):
    for name in IDS:
        np.savez(tmp_path / f"{name}.npz", masks=np.zeros((0, 8, 8), bool))
    masks = PersonMasks(f"npz:{tmp_path}", manifest.ids, manifest.paths)
    for batch in batches(manifest, {"person_mask": masks}):
        assert batch["valid"].all()
        assert not batch["person_mask"].any()
    with pytest.raises(UserError, match="has no masks"):
        masks.check()


def test_masks_of_other_videos_only_are_reported_before_training(folder, manifest, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        UserError, match=r"has no masks of the 6 training videos that were looked at, 'clip0' first"
    ):
        PersonMasks(f"npz:{tmp_path / 'empty'}", manifest.ids, manifest.paths).check()
    (tmp_path / "empty" / f"{IDS[4]}.npz").write_bytes(
        (folder / "masks" / f"{IDS[4]}.npz").read_bytes()
    )
    PersonMasks(f"npz:{tmp_path / 'empty'}", manifest.ids, manifest.paths).check()


def test_scenes_are_joined_by_id_and_zero_where_unknown(tmp_path):
    probs = np.random.default_rng(0).dirichlet(np.ones(4), size=3).astype(np.float32)
    names = ["clip2", "another", "clip0"]
    lines = [",".join([name, "0", *map(str, row)]) for name, row in zip(names, probs, strict=True)]
    (tmp_path / "s.csv").write_text("\n".join(["id,pred,prob_0,prob_1,prob_2,prob_3", *lines]))
    np.savez(tmp_path / "s.npz", ids=np.array(names), probs=probs)
    for file in ("s.csv", "s.npz"):
        scenes = read_scenes(str(tmp_path / file), IDS)
        assert scenes.probs.dtype == np.float32
        np.testing.assert_array_equal(scenes.read(0, None, None), probs[2])
        np.testing.assert_array_equal(scenes.read(2, None, None), probs[0])
        assert not scenes.probs[[1, 3, 4, 5]].any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,prob_0,prob_1\nother,0.5,0.5\n", "none of the training videos"),
        ("id,prob_0,prob_1\nclip0,3,-2\n", "softmax outputs"),
        ("id,prob_0,prob_1\nclip0,nan,nan\n", "softmax outputs"),
        ("id,prob_0,prob_1\nclip0,a,b\n", "could not convert"),
        ("id,scene\nclip0,beach\n", "prob_0"),
        ("", "it lacks id and prob_0"),
    ],
)
def test_a_mistake_in_scenes_is_one_sentence(tmp_path, text, message):
    path = tmp_path / "scenes.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_scenes(str(path), IDS)
