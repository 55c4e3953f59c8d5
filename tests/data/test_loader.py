"""Claim: batches are a pure function of seed and step for any workers, and no file stops a run."""

import multiprocessing
import os
import signal
import threading

import barcode
import numpy as np
import pytest
from test_decode import bad_files

from albar_jax.data.decode import read_frames
from albar_jax.data.loader import ClipSpec, eval_batches, train_batches
from albar_jax.data.manifest import Manifest
from albar_jax.errors import StorageError, UserError

FILMS = [
    "mjpeg.avi",
    "xvid_bframes.avi",
    "vp9.webm",
    "h264_open_gop.mp4",
    "mpeg4_asp.mp4",
    "h264_trimmed.mp4",
    "rotated_90.mp4",
]
TRAIN = ClipSpec(num_frames=4, stride=2, size=24, short_side=32, time=None, augment="crop_flip")
WHOLE = ClipSpec(num_frames=4, stride=2, size=112, short_side=112, time=0.5, augment="none")


def manifest_of(paths) -> Manifest:
    labels = np.arange(len(paths), dtype=np.int32)
    return Manifest(tuple(map(str, paths)), labels, tuple(map(str, paths)), tuple(map(str, labels)))


@pytest.fixture
def manifest(films) -> Manifest:
    return manifest_of([films / name for name in FILMS])


def train(manifest, **options):
    options = {"seed": 3, "batch_size": 4, "num_steps": 5, **options}
    with train_batches(manifest, TRAIN, **options) as batches:
        return list(batches)


def assert_same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys() == {"video", "label", "valid", "index"}
        for name in one:
            assert one[name].dtype == other[name].dtype
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_batches_have_the_stated_shapes(manifest):
    batches = train(manifest)
    assert len(batches) == 5
    for batch in batches:
        assert (batch["video"].shape, batch["video"].dtype) == ((4, 4, 24, 24, 3), np.uint8)
        assert {name: batch[name].dtype for name in ("label", "valid", "index")} == {
            "label": np.int32,
            "valid": np.float32,
            "index": np.int32,
        }
        np.testing.assert_array_equal(batch["label"], manifest.labels[batch["index"]])
        assert batch["valid"].all()


@pytest.mark.parametrize(("workers", "threads"), [(0, 0), (0, 3), (1, 1), (2, 2)])
def test_workers_and_threads_change_nothing(manifest, workers, threads):
    assert_same(
        train(manifest, workers=workers, threads=threads), train(manifest, workers=0, threads=1)
    )


def test_resuming_slices_the_stream(manifest):
    assert_same(train(manifest, start_step=3), train(manifest)[3:])


def test_the_blocks_of_all_processes_form_the_global_batch(manifest):
    parts = [train(manifest, process_index=i, process_count=2) for i in range(2)]
    joined = [
        {name: np.concatenate([one[name], other[name]]) for name in one}
        for one, other in zip(*parts, strict=True)
    ]
    assert_same(joined, train(manifest))


def test_each_epoch_is_a_new_permutation(manifest):
    size = len(FILMS)
    order = np.concatenate(
        [batch["index"] for batch in train(manifest, batch_size=2, num_steps=size * 2)]
    )
    epochs = order.reshape(4, size)
    for epoch in epochs:
        assert sorted(epoch) == list(range(size))
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_seed_and_epoch_change_clips(manifest):
    one = manifest.take([1])
    clips = [batch["video"].tobytes() for batch in train(one, batch_size=1, num_steps=4)]
    assert len(set(clips)) == 4
    assert clips[0] != train(one, batch_size=1, num_steps=1, seed=4)[0]["video"].tobytes()


def test_eval_covers_each_video_once_and_pads(manifest):
    with eval_batches(manifest, WHOLE, batch_size=3) as reader:
        batches = list(reader)
        assert len(reader) == len(batches) == 3
    index = np.concatenate([batch["index"] for batch in batches])
    valid = np.concatenate([batch["valid"] for batch in batches])
    assert index.tolist() == [0, 1, 2, 3, 4, 5, 6, -1, -1]
    assert valid.tolist() == [1] * 7 + [0] * 2
    assert all(batch["video"].shape == (3, 4, 112, 112, 3) for batch in batches)
    assert not batches[-1]["video"][1:].any()
    assert not reader.failures


def test_eval_processes_share_the_work_in_equal_numbers_of_batches(manifest):
    whole = list(eval_batches(manifest, WHOLE, batch_size=4))
    parts = [
        list(eval_batches(manifest, WHOLE, batch_size=4, process_index=i, process_count=2))
        for i in range(2)
    ]
    joined = [
        {name: np.concatenate([one[name], other[name]]) for name in one}
        for one, other in zip(*parts, strict=True)
    ]
    assert_same(joined, whole)


@pytest.mark.parametrize(
    ("time", "shown"), [(0.5, [6, 8, 10, 12]), (0.0, [0, 2, 4, 6]), (1.0, [12, 14, 16, 18])]
)
def test_clip_shows_the_frames_that_its_time_says(films, time, shown):
    spec = ClipSpec(num_frames=4, stride=2, size=112, short_side=112, time=time, augment="none")
    batch = next(eval_batches(manifest_of([films / "mjpeg.avi"]), spec, batch_size=1))
    frames = read_frames(films / "mjpeg.avi", shown)
    assert [barcode.read(frame) for frame in frames] == shown
    np.testing.assert_array_equal(batch["video"][0], frames[:, :, 24:136])


def test_frames_come_in_the_order_that_the_clip_says(films):
    def shown(order):
        spec = ClipSpec(
            num_frames=8, stride=2, size=112, short_side=112, time=0.5, augment="none", order=order
        )
        manifest = manifest_of([films / "mjpeg.avi"] * 2)
        (batch,) = eval_batches(manifest, spec, batch_size=2)
        return batch["video"]

    forward, back, static, shuffled = (
        shown(order) for order in ("forward", "reversed", "static", "shuffled")
    )
    np.testing.assert_array_equal(back, forward[:, ::-1])
    # ALBAR's middle frame, T // 2.
    np.testing.assert_array_equal(static, forward[:, [4] * 8])
    orders = [
        [next(i for i in range(8) if (frame == clip[i]).all()) for frame in mixed]
        for mixed, clip in zip(shuffled, forward, strict=True)
    ]
    assert all(sorted(order) == list(range(8)) != order for order in orders)
    assert (
        orders[0] != orders[1]
        # Each clip has its own order, the same in every test.
    )
    np.testing.assert_array_equal(shown("shuffled"), shuffled)


@pytest.mark.parametrize("workers", [0, 1])
def test_unreadable_videos_are_masked_and_listed(films, tmp_path, workers):
    bad = bad_files(tmp_path, films)
    paths = [films / "mjpeg.avi", *bad, films / "vp9.webm"]
    manifest = manifest_of(paths)
    with eval_batches(manifest, WHOLE, batch_size=4, workers=workers) as reader:
        batches = list(reader)
    index = np.concatenate([batch["index"] for batch in batches])
    valid = np.concatenate([batch["valid"] for batch in batches])
    assert index[: len(paths)].tolist() == list(range(len(paths)))
    assert np.flatnonzero(valid).tolist() == [0, len(paths) - 1]
    assert list(reader.failures) == [str(path) for path in bad]
    assert all(reason.startswith(path) for path, reason in reader.failures.items())
    for batch in batches:
        assert not batch["video"][batch["valid"] == 0].any()


def test_unreadable_video_does_not_shift_the_stream(manifest, tmp_path):
    """The other clips of the run are the same as without it."""
    broken = tmp_path / "empty.avi"
    broken.touch()
    damaged = Manifest(
        (str(broken), *manifest.paths[1:]), manifest.labels, manifest.ids, manifest.classes
    )
    for sound, other in zip(train(manifest), train(damaged), strict=True):
        np.testing.assert_array_equal(sound["index"], other["index"])
        np.testing.assert_array_equal(other["valid"], (sound["index"] != 0).astype(np.float32))
        np.testing.assert_array_equal(
            sound["video"][sound["index"] != 0], other["video"][sound["index"] != 0]
        )


def test_a_worker_that_dies_is_reported(manifest):
    batches = train_batches(manifest, TRAIN, seed=0, batch_size=2, num_steps=500, workers=1)
    next(batches)
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(StorageError, match="data worker process died"):
        for _ in batches:
            pass
    batches.close()


def test_closing_leaves_no_process_and_no_thread(manifest):
    for workers in (0, 1):
        with train_batches(
            manifest, TRAIN, seed=0, batch_size=2, num_steps=500, workers=workers
        ) as batches:
            next(batches)
    assert not multiprocessing.active_children()
    lingering = [
        thread for thread in threading.enumerate() if thread.name.startswith("grain-prefetch")
    ]
    for thread in lingering:
        thread.join(timeout=5)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("size", "count", "remedy"), [(7, 2, "try 6"), (1, 4, "try 4"), (0, 1, "try 1")]
)
def test_batch_that_cannot_be_shared_is_refused(manifest, size, count, remedy):
    with pytest.raises(UserError, match=remedy):
        eval_batches(manifest, WHOLE, batch_size=size, process_count=count)
