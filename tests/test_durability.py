"""Claim: files are synced to the disk before they are reported as written.

The tests check the order of system calls.
"""

import os
import stat
from pathlib import Path

import jax
import pytest

from albar_jax.files import write_text
from albar_jax.models import PRESETS, create
from albar_jax.train.run_log import RunLog
from albar_jax.weights.converted import save_converted
from tests.test_checkpoint import saved


@pytest.fixture
def calls(monkeypatch) -> list[tuple[str, ...]]:
    """Records the files and folders that are synced and renamed, in order.

    The calls are still executed.
    """
    noted = []

    def fsync(descriptor):
        status = os.fstat(descriptor)
        noted.append(("sync", status.st_ino, stat.S_ISDIR(status.st_mode)))
        real_fsync(descriptor)

    def renaming(rename):
        def call(old, new, **options):
            rename(old, new, **options)
            noted.append(("rename", os.fspath(new)))

        return call

    real_fsync = os.fsync
    monkeypatch.setattr(os, "fsync", fsync)

    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, renaming(getattr(os, name)))

    return noted


def assert_durable(path: Path, calls) -> None:
    """Asserts that `path` was synced before its rename, and its folder after the rename."""
    named = max(
        number
        for number, call in enumerate(calls)
        if call[0] == "rename" and Path(call[1]).name == path.name
    )
    before = {call[1] for call in calls[:named] if call[0] == "sync"}

    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        assert each.stat().st_ino in before, each

    assert ("sync", path.parent.stat().st_ino, True) in calls[named:]


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(tmp_path, calls):
    saved(tmp_path, {1: 0.5}).close()
    assert_durable(tmp_path / "checkpoints" / "1", calls)


def test_converted_weights_are_on_the_disk_before_they_have_their_name(tmp_path, calls):
    save_converted(
        tmp_path / "weights", PRESETS["micro"], create(PRESETS["micro"], jax.random.key(0))[1]
    )
    assert_durable(tmp_path / "weights", calls)


def test_a_text_is_on_the_disk_before_it_has_its_name(tmp_path, calls):
    write_text(tmp_path / "file", "text")
    assert_durable(tmp_path / "file", calls)


def test_metrics_are_on_the_disk_after_sync(tmp_path, calls):
    log = RunLog(tmp_path, 0, active=True)
    log.write(1, {"loss": 1.0})
    calls.clear()
    log.sync()
    assert ("sync", (tmp_path / "metrics.jsonl").stat().st_ino, False) in calls
    log.close()
