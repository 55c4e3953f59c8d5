"""Claim: a run stops when it can read too few videos, and reports how many it has read."""

import contextlib
import csv
import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.errors import StorageError, UserError
from albar_jax.parallel.mesh import data_mesh
from albar_jax.storage import access
from albar_jax.train.coverage import Coverage, TooFewVideos
from albar_jax.train.run_log import read_history
from albar_jax.wiring import run_training
from tests.test_training import assert_same_params

LABELS = np.array([0, 0, 0, 0, 1, 1, 2])


def batch(labels, lost=()):
    valid = jnp.array([0.0 if place in lost else 1.0 for place in range(len(labels))])
    return SimpleNamespace(valid=valid, target=jnp.eye(3)[np.array(labels)])


def coverage(max_unreadable=1.0) -> Coverage:
    paths = [f"{number}.avi" for number in range(len(LABELS))]
    return Coverage(paths, LABELS, ("run", "jump", "sit"), 4, max_unreadable, data_mesh())


def test_epochs_are_counted_apart_though_they_run_into_each_other():
    """Seven videos in batches of four.

    The second batch has three clips of the first epoch and one of the next.
    """
    counted = coverage(max_unreadable=0.29)
    counted.add(1, batch([0, 0, 0, 1], lost=[0]))
    counted.add(2, batch([0, 1, 2, 0], lost=[0, 3]))
    counted.check()
    # One clip of the second epoch.
    assert counted.state == {"0": 1}
    counted.add(3, batch([1, 0, 2, 0], lost=[1]))
    counted.check()
    counted.add(4, batch([0, 1, 0, 0], lost=[0]))

    with pytest.raises(
        TooFewVideos, match="3 of the 7 training videos of one epoch, up to step 4, cannot be read"
    ):
        counted.check()


def test_a_class_that_has_lost_all_its_videos_is_named():
    counted = coverage()
    counted.add(1, batch([0, 0, 1, 1], lost=[0, 2]))
    counted.add(2, batch([0, 0, 2, 0]))
    counted.check()
    counted.add(3, batch([1, 1, 2, 0], lost=[0]))
    counted.check()
    counted = coverage()
    counted.add(1, batch([0, 0, 1, 1], lost=[2, 3]))

    with pytest.raises(
        TooFewVideos, match="none of the 2 training videos of the class 'jump' can be read"
    ):
        counted.check()


def test_counts_continue_from_a_checkpoint():
    first, second = coverage(0.2), coverage(0.2)
    first.add(1, batch([0, 0, 0, 1], lost=[0]))
    first.check()
    second.restore(json.loads(json.dumps(first.state)))
    second.add(2, batch([0, 1, 2, 0], lost=[0]))

    with pytest.raises(TooFewVideos, match="2 of the 7"):
        second.check()


@pytest.fixture
def manifest(world_dir, tmp_path):
    """Returns a function that writes a manifest of the world with other paths for some rows.

    The function returns the config field that names the manifest.
    """

    def make(change) -> dict[str, str]:
        rows = list(csv.DictReader((world_dir / "manifest.csv").read_text().splitlines()))
        for number, row in enumerate(rows):
            broken = tmp_path / f"broken{number}.avi"
            is_broken = change(row)
            if is_broken:
                broken.write_bytes(b"RIFF, and then nothing that is a film")

            row["path"] = str(broken if is_broken else world_dir / row["path"])

        with (tmp_path / "manifest.csv").open("w") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)

        return {"data.manifest": str(tmp_path / "manifest.csv")}

    return make


def test_a_run_that_can_read_nothing_ends_with_a_sentence_and_no_checkpoint(
    tiny_config, manifest, tmp_path
):
    changes = manifest(lambda row: row["split"] == "train") | {"loader.max_unreadable": 1.0}
    with pytest.raises(
        TooFewVideos,
        match="none of the 4 clips of step 1 can be read.*prepare .* again with --check",
    ):
        run_training.run(tiny_config("ce", **changes), str(tmp_path / "run"))

    assert not list((tmp_path / "run" / "checkpoints").glob("[0-9]*"))
    assert not read_history(tmp_path / "run")
    assert (tmp_path / "run" / "unreadable.tsv").exists()


def test_too_many_unreadable_validation_videos_choose_no_checkpoint(
    tiny_config, manifest, tmp_path
):
    tests = iter(range(99))
    changes = manifest(lambda row: row["split"] == "test" and next(tests) < 2) | {
        "data.validation_split": "test"
    }

    with pytest.raises(
        TooFewVideos,
        match=r"2 of the 16 validation videos, which choose .*max_unreadable allows 5.0%",
    ):
        run_training.run(tiny_config("ce", **changes), str(tmp_path / "run"))


def test_what_could_be_read_is_said_at_the_end_and_in_the_summary(
    tiny_config, manifest, tmp_path, capsys
):
    first = iter(range(99))
    changes = manifest(lambda row: row["split"] == "train" and next(first) < 2)
    changes |= {"loader.max_unreadable": 0.1, "data.validation_split": "test", "train.steps": 10}
    assert run_training.run(tiny_config("ce", **changes), str(tmp_path / "run")) == 0
    assert "38 of 40 videos read to train on, 16 of 16 to validate on" in capsys.readouterr().out
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["videos_read"], summary["videos"]) == (38, 40)
    assert (summary["validation_videos_read"], summary["validation_videos"]) == (16, 16)


def test_a_class_without_training_videos_is_refused_unless_the_config_allows_it(
    tiny_config, world_dir, tmp_path, capsys
):
    lines = (world_dir / "manifest.csv").read_text().splitlines()
    rows = [lines[0], *(f"{world_dir}/{line}" for line in lines[1:])]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    (tmp_path / "classes.txt").write_text((world_dir / "classes.txt").read_text() + "swim\n")
    changes = {
        "data.manifest": str(tmp_path / "manifest.csv"),
        "train.steps": 1,
        "model.num_classes": None,
    }

    with pytest.raises(UserError, match="1 of 9 classes, 'swim' first, has no training video"):
        run_training.run(tiny_config("ce", **changes), str(tmp_path / "run"))

    assert not (tmp_path / "run").exists()
    assert (
        run_training.run(
            tiny_config("ce", **changes, **{"data.allow_empty_classes": True}),
            str(tmp_path / "run"),
        )
        == 0
    )
    assert "note: 1 of 9 classes, 'swim' first, has no video to train on" in capsys.readouterr().out
    # A run goes on without the field, which those of before it did not have.
    assert run_training.run(tiny_config("ce", **changes), str(tmp_path / "run")) == 0
    assert "note: 1 of 9 classes, 'swim' first, has no video to train on" in capsys.readouterr().out


@contextlib.contextmanager
def disk_that_fails_after(reads: int):
    """Opens this many videos in the context, and then none."""
    opened, works = [], os.open

    def fails(path, *arguments, **options):
        if str(path).endswith(".avi"):
            opened.append(path)
            # Its first bytes are read, and then the film.
            if len(opened) > 2 * reads:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        return works(path, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "WAITS", (0.001,))
        patch.setattr(os, "open", fails)
        yield


def test_a_disk_that_fails_ends_the_run_which_resumes_to_the_same_bits(
    trained, tiny_config, tmp_path: Path
):
    # Four batches of four, eight validation videos, and half of the fifth batch, which is read
    # before step 4.
    with (
        disk_that_fails_after(26),
        pytest.raises(StorageError, match="cannot read .*avi: Input/output error, 2 times"),
    ):
        run_training.run(tiny_config("ce"), str(tmp_path))

    assert (tmp_path / "checkpoints" / "3").is_dir()
    assert not (tmp_path / "unreadable.tsv").exists()
    assert run_training.run(tiny_config("ce"), str(tmp_path)) == 0
    assert_same_params(trained, tmp_path)
    counts = ["videos", "videos_read", "validation_videos", "validation_videos_read"]
    summaries = [
        json.loads((folder / "summary.json").read_text()) for folder in (trained, tmp_path)
    ]
    assert (
        [summaries[0][name] for name in counts]
        == [summaries[1][name] for name in counts]
        == [24, 24, 8, 8]
    )
