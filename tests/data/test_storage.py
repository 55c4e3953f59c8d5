"""Claim: failures of the system are retried and then end a run.

Only a file's own damage makes it unreadable.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_frames import write_folder, write_zip
from test_loader import FILMS, TRAIN, assert_same, manifest_of

from albar_jax import masks
from albar_jax.data import checksums, frame_bank
from albar_jax.data.check import check
from albar_jax.data.decode import DecodeError, read_frames
from albar_jax.data.loader import eval_batches, train_batches
from albar_jax.data.on_disk import paths_on_disk
from albar_jax.errors import StorageError, UserError
from albar_jax.masks.base import NoMask
from albar_jax.storage import access

FAULTS = [
    "EIO",
    "ESTALE",
    "EMFILE",
    "ENFILE",
    "ENOMEM",
    "ETIMEDOUT",
    "EAGAIN",
    "ENETDOWN",
    "ENOTCONN",
    "EBUSY",
]
# Python runs a module of this name at its start. With it in the path, opening the film fails in
# every process.
SITECUSTOMIZE = """
import os, sys

def fail(event, arguments):
    if event == "open" and str(arguments[0]).endswith("film.avi") and {condition}:
        raise OSError({number}, os.strerror({number}), arguments[0])

sys.addaudithook(fail)
"""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(access, "WAITS", (0.001, 0.001))


@contextlib.contextmanager
def failing(name: str, number: int, first: int = 0, times: int = 10**9) -> Iterator[list]:
    """Makes some calls of an os function fail; yields all calls.

    The failing calls are number `first` and the `times - 1` calls after it.
    """
    calls, works = [], getattr(os, name)

    def fails(*arguments, **options):
        calls.append(arguments)
        if first < len(calls) <= first + times:
            raise OSError(number, os.strerror(number))
        return works(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, fails)
        yield calls


@pytest.fixture
def large(films, tmp_path) -> list[Path]:
    """Returns films and an archive that take several reads each."""
    names = ["mjpeg.avi", "vp9.webm", "xvid_bframes.avi"]
    return [*(films / name for name in names), write_zip(tmp_path / "a.zip", pictures(4))]


def pictures(count: int) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, 256, (80, 80, 3), np.uint8) for _ in range(count)]
    return {
        f"{number}.png": cv2.imencode(".png", picture)[1].tobytes()
        for number, picture in enumerate(drawn)
    }


def number_of_reads(path: Path) -> int:
    with failing("pread", 0, times=0) as calls:
        read_frames(path, [0, 3])
    return len(calls)


def test_a_read_that_fails_once_anywhere_in_a_file_changes_nothing(large):
    for path in large:
        expected = read_frames(path, [0, 3])
        assert number_of_reads(path) > 1
        for number in range(number_of_reads(path)):
            with failing("pread", errno.EIO, first=number, times=1):
                np.testing.assert_array_equal(read_frames(path, [0, 3]), expected)


def test_reads_that_keep_failing_are_no_verdict_on_a_file(large, capfd):
    for path in large:
        for number in range(number_of_reads(path)):
            with (
                failing("pread", errno.EIO, first=number),
                pytest.raises(
                    StorageError, match=f"^cannot read {path}: Input/output error, 3 times"
                ),
            ):
                read_frames(path, [0, 3])
    assert not capfd.readouterr().err


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_the_system_is_tried_again_and_then_named(films, fault):
    path, number = films / "mjpeg.avi", getattr(errno, fault)
    expected = read_frames(path, [5])
    with failing("open", number, times=2):
        np.testing.assert_array_equal(read_frames(path, [5]), expected)
    with (
        failing("open", number),
        pytest.raises(StorageError, match=f"^cannot read {path}: {os.strerror(number)}, 3 times"),
    ):
        read_frames(path, [5])


@pytest.mark.parametrize("name", ["stat", "scandir"])
def test_reads_of_a_folder_of_frames_are_retried_too(tmp_path, name):
    folder = write_folder(tmp_path / "clip", pictures(3))
    expected = read_frames(folder, [2])
    with failing(name, errno.ESTALE, times=1):
        np.testing.assert_array_equal(read_frames(folder, [2]), expected)
    with failing(name, errno.ESTALE), pytest.raises(StorageError, match="Stale file handle"):
        read_frames(folder, [2])


def test_a_frame_or_a_film_that_disappears_is_a_failure_of_the_disk(films, tmp_path):
    (tmp_path / "link.avi").symlink_to(tmp_path / "unmounted" / "film.avi")
    folder = write_folder(tmp_path / "clip", pictures(1))
    (folder / "1.png").symlink_to(tmp_path / "unmounted" / "1.png")
    for path in (tmp_path / "gone.avi", tmp_path / "link.avi", folder):
        with pytest.raises(
            StorageError, match="No such file or directory; check that its disk is still mounted"
        ):
            read_frames(path, [0])


def test_damage_of_a_file_stays_its_own_fault(tmp_path):
    (tmp_path / "film.avi").write_bytes(b"RIFF, and then nothing")
    with pytest.raises(DecodeError):
        read_frames(tmp_path / "film.avi", [0])
    with pytest.raises(DecodeError, match="name too long"):
        read_frames(tmp_path / ("n" * 300), [0])


def test_a_clip_is_the_same_when_its_first_try_ran_out_of_memory(tmp_path, monkeypatch):
    manifest = manifest_of(
        [write_folder(tmp_path / f"clip{number}", pictures(8)) for number in range(2)]
    )
    options = {"seed": 1, "batch_size": 2, "num_steps": 2, "threads": 0}
    with train_batches(manifest, TRAIN, **options) as batches:
        expected = list(batches)
    works, calls = cv2.imdecode, []

    def imdecode(*arguments):
        calls.append(1)
        if len(calls) in (2, 9):
            raise MemoryError
        return works(*arguments)

    monkeypatch.setattr(cv2, "imdecode", imdecode)
    with train_batches(manifest, TRAIN, **options) as batches:
        assert_same(list(batches), expected)
        assert not batches.failures
    monkeypatch.setattr(cv2, "imdecode", _no_memory)
    with (
        train_batches(manifest, TRAIN, **options) as batches,
        pytest.raises(StorageError, match="too little memory"),
    ):
        next(batches)


def _no_memory(*_):
    raise MemoryError


@pytest.fixture
def film(films, tmp_path) -> Path:
    path = tmp_path / "film.avi"
    path.write_bytes((films / "mjpeg.avi").read_bytes())
    return path


def arm(tmp_path, monkeypatch, number: int, condition: str = "True") -> None:
    folder = tmp_path / "site"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        SITECUSTOMIZE.format(number=number, condition=condition)
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_failure_in_a_worker_reaches_the_main_process_unchanged(
    films, film, tmp_path, monkeypatch
):
    manifest = manifest_of([*(films / name for name in FILMS), film])
    options = {"seed": 3, "batch_size": 4, "num_steps": 4, "threads": 1}
    with train_batches(manifest, TRAIN, **options) as batches:
        expected = list(batches)
    # Once for each process.
    arm(
        tmp_path,
        monkeypatch,
        errno.EIO,
        "not globals().setdefault('seen', []).append(1) and len(seen) == 1",
    )
    with train_batches(manifest, TRAIN, workers=2, **options) as batches:
        assert_same(list(batches), expected)
    assert not batches.failures
    arm(tmp_path, monkeypatch, errno.EIO)
    with eval_batches(manifest, TRAIN, batch_size=4, workers=1) as batches:
        assert next(batches)["valid"].all()
        with pytest.raises(StorageError, match=f"^cannot read {film}: Input/output error, 5 times"):
            list(batches)


def test_a_check_gives_no_verdict_where_the_system_failed(film, tmp_path, monkeypatch):
    arm(tmp_path, monkeypatch, errno.ENOTCONN)
    with pytest.raises(
        StorageError, match=f"^cannot read {film}: Transport endpoint is not connected"
    ):
        list(check([str(film)], jobs=1, deadline=60))


@pytest.mark.parametrize("kind", ["png", "npz", "jhmdb"])
def test_masks_on_a_disk_that_is_gone_are_not_missing_masks(tmp_path, kind):
    folder = tmp_path / "masks"
    folder.mkdir()
    source = masks.open_source(f"{kind}:{folder}", None)
    with pytest.raises(NoMask):
        source.get("run/video")
    folder.rmdir()
    with pytest.raises(StorageError, match=f"^cannot read {folder}: No such file or directory"):
        source.get("run/video")


def test_a_mask_that_cannot_be_read_now_is_no_damaged_mask(tmp_path):
    path = tmp_path / "video.npz"
    np.savez(path, masks=np.ones((2, 4, 4), bool))
    source = masks.open_source(f"npz:{tmp_path}", None)
    with failing("pread", errno.EIO, times=2):
        assert source.get("video").masks.all()
    message = f"^cannot read {path}: Input/output error"
    with failing("pread", errno.EIO), pytest.raises(StorageError, match=message):
        source.get("video")


def test_a_folder_that_the_system_cannot_look_at_is_not_a_folder_without_videos(tmp_path):
    (tmp_path / "film.mp4").touch()
    with failing("stat", errno.EIO, times=2):
        assert paths_on_disk([str(tmp_path / "film.mp4")]) == [str(tmp_path / "film.mp4")]
    with (
        failing("stat", errno.EIO),
        pytest.raises(StorageError, match=f"^cannot read {tmp_path}: Input/output error"),
    ):
        paths_on_disk([str(tmp_path / "film.mp4")])


def test_scores_that_cannot_be_read_now_are_not_damaged(tmp_path):
    scores = frame_bank.Scores(
        np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1), np.zeros(1)
    )
    frame_bank.write_scores(tmp_path / "0.npz", scores)
    with failing("pread", errno.EIO, times=2):
        assert len(frame_bank.read_scores([tmp_path / "0.npz"])) == 1
    with failing("pread", errno.EIO), pytest.raises(StorageError, match="Input/output error"):
        frame_bank.read_scores([tmp_path / "0.npz"])
    (tmp_path / "0.npz").write_bytes(b"PK\3\4 and then nothing")
    with pytest.raises(UserError, match="are damaged .* delete the file"):
        frame_bank.read_scores([tmp_path / "0.npz"])


def test_sums_of_files_that_cannot_be_read_now_are_taken_later(tmp_path):
    (tmp_path / "shard").write_bytes(bytes(9))
    checksums.write(tmp_path)
    with failing("pread", errno.EIO, times=2):
        checksums.verify(tmp_path)
    with failing("pread", errno.EIO), pytest.raises(StorageError, match="Input/output error"):
        checksums.verify(tmp_path)
