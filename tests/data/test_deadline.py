"""Claim: a slow read makes only one video unreadable, and a resumed run gives the same bits."""

import io
import os
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from PIL import Image
from test_loader import manifest_of

from albar_jax.data import deadline
from albar_jax.data.clip_reader import ClipSpec
from albar_jax.data.decode import DecodeError, open_video
from albar_jax.data.failures import FailureLog, late_reason
from albar_jax.data.loader import eval_batches, train_batches
from albar_jax.errors import StorageError
from albar_jax.storage import disk
from albar_jax.storage.budget import Budget

# Even a busy machine reads the films in far less time. Any machine needs far more for the slow
# picture.
SECONDS = 4.0
SPEC = ClipSpec(
    num_frames=2, stride=1, size=32, short_side=40, augment="none", budget=Budget(seconds=SECONDS)
)


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """Returns a progressive JPEG with almost 100 scans; each scan covers all 64 megapixels."""
    buffer = io.BytesIO()
    # Every scan updates every coefficient.
    Image.new("RGB", (8000, 8000), (9, 99, 200)).save(buffer, "JPEG", progressive=True)
    start, _, scan = buffer.getvalue().rpartition(b"\xff\xda")
    scan = b"\xff\xda" + scan.removesuffix(b"\xff\xd9")
    path = tmp_path_factory.mktemp("slow") / "slow.jpg"
    path.write_bytes(start + scan * 85 + b"\xff\xd9")
    return path


def test_a_slow_video_is_left_out_and_a_resumed_run_gets_the_same_bits(films, slow):
    manifest = manifest_of([films / "mjpeg.avi", slow, films / "vp9.webm"])
    options = {"seed": 0, "batch_size": 3, "num_steps": 4}
    with train_batches(manifest, SPEC, **options) as batches:
        whole = list(batches)
    reason = (
        f"{slow}: it takes longer than 4 s to read; raise config.loader.clip_seconds, or 0 for no "
        "limit"
    )
    assert batches.failures == {str(slow): reason}
    for batch in whole:
        np.testing.assert_array_equal(batch["valid"], batch["index"] != 1)

    banned = batches.failures.too_slow(SECONDS)
    began = time.monotonic()
    with train_batches(manifest, SPEC, start_step=2, banned=banned, **options) as batches:
        resumed = list(batches)
    assert time.monotonic() - began < SECONDS
    assert batches.failures == {str(slow): reason}
    for batch, other in zip(whole[2:], resumed, strict=True):
        for name, values in batch.items():
            np.testing.assert_array_equal(values, other[name])


def test_a_slow_video_is_left_out_by_workers_and_by_open_video(films, slow):
    manifest = manifest_of([films / "mjpeg.avi", slow])
    with eval_batches(manifest, SPEC, batch_size=1, workers=1) as batches:
        assert [float(batch["valid"][0]) for batch in batches] == [1, 0]
    assert "it takes longer than 4 s" in batches.failures[str(slow)]
    with (
        open_video(slow, budget=Budget(seconds=SECONDS)) as video,
        pytest.raises(DecodeError, match="longer than 4 s"),
    ):
        video.read([0])


def test_a_clip_that_another_thread_read_in_time_does_not_count_once_its_video_is_banned(films):
    """A video counts until the batch in which it was too slow, in any order of the threads."""
    manifest = manifest_of([films / "mjpeg.avi", films / "vp9.webm"])
    with train_batches(manifest, SPEC, seed=0, batch_size=2, num_steps=3) as batches:
        first = next(batches)
        batches._banned[manifest.paths[0]] = late_reason(SECONDS)
        rest = list(batches)
    assert first["valid"].all()
    for batch in rest:
        np.testing.assert_array_equal(batch["valid"], batch["index"] != 0)
        assert not batch["video"][batch["index"] == 0].any()


def test_raising_the_limit_retries_videos_that_were_too_slow():
    failures = FailureLog()
    failures.add("a", late_reason(5))
    failures.add("b", "it is damaged")

    assert failures == {"a": f"a: {late_reason(5)}", "b": "b: it is damaged"}
    assert failures.too_slow(5) == {"a": late_reason(5)}
    assert set(failures.too_slow(4)) == {"a"}
    assert not failures.too_slow(6)
    assert not failures.too_slow(0)


def test_waiting_for_a_disk_does_not_count_towards_the_limit():
    def wait() -> str:
        with disk.WAITING:
            time.sleep(1.0)
        return "read"

    assert deadline.call(wait, 0.3, "a") == "read"
    with pytest.raises(deadline.LateError, match=r"a: it takes longer than 0\.3 s"):
        deadline.call(lambda: time.sleep(2.0), 0.3, "a")


def test_a_disk_that_never_responds_ends_the_run(monkeypatch):
    monkeypatch.setattr(deadline, "MAX_STALL", 0.2)
    monkeypatch.setattr(deadline, "_TICK", 0.05)

    def wait() -> None:
        with disk.WAITING:
            time.sleep(2.0)

    with pytest.raises(StorageError, match=r"cannot read a: its disk has not responded for 0\.2 s"):
        deadline.call(wait, 60, "a")


def test_too_many_hanging_reads_end_the_run(monkeypatch):
    monkeypatch.setattr(deadline, "MAX_ABANDONED", 2)
    monkeypatch.setattr(deadline, "_abandoned", weakref.WeakSet())
    release = threading.Event()
    try:
        for _ in range(2):
            with pytest.raises(deadline.LateError):
                deadline.call(release.wait, 0.05, "a")
        with pytest.raises(
            StorageError,
            match=r"3 reads hang in this process, the last one of b; repeat the command",
        ):
            deadline.call(release.wait, 0.05, "b")
    finally:
        release.set()


def test_an_abandoned_read_keeps_nothing_when_it_ends():
    release = threading.Event()
    film = io.BytesIO()
    kept = weakref.ref(film)

    def read(film=film) -> io.BytesIO:
        release.wait()
        return film

    with pytest.raises(deadline.LateError):
        deadline.call(read, 0.05, "a")
    del film, read
    assert kept() is not None
    release.set()

    last = time.monotonic() + 30
    while kept() is not None and time.monotonic() < last:
        time.sleep(0.01)
    assert kept() is None


def test_a_debugger_lifts_the_limit():
    before = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        assert deadline.call(threading.get_ident, 0.01, "a") == threading.get_ident()
    finally:
        sys.settrace(before)


def test_a_machine_that_starts_no_more_threads_ends_the_run(films):
    before = threading.stack_size(1 << 47)
    try:
        with (
            pytest.raises(
                StorageError, match=r"cannot read .*mjpeg\.avi: no thread can be started"
            ),
            eval_batches(
                manifest_of([films / "mjpeg.avi"]), SPEC, batch_size=1, threads=0
            ) as batches,
        ):
            next(batches)
    finally:
        threading.stack_size(before)


def test_a_disk_that_does_not_list_a_folder_makes_no_video_late(tmp_path, monkeypatch):
    monkeypatch.setattr(deadline, "_TICK", 0.05)
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    scandir = os.scandir

    def slowly(path):
        time.sleep(1.0)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", slowly)
    with open_video(str(tmp_path), budget=Budget(seconds=0.5)) as video:
        assert len(video) == 1
