"""Claim: films as downloaded become features that other programs read.

The whole way is run: `albar prepare`, `albar features`, and a reader that shares no code with them.
"""

from pathlib import Path

import jax
import layouts
import numpy as np
import public_readers
import pytest

from albar_jax import cli
from albar_jax.features.layouts import mgfn
from albar_jax.models import PRESETS, create
from albar_jax.weights.converted import save_converted


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """Returns the folder of a tiny network's weights."""
    folder = tmp_path_factory.mktemp("weights") / "micro"
    _, params = create(PRESETS["micro"], jax.random.key(0))
    save_converted(folder, PRESETS["micro"], params)
    return folder


@pytest.fixture
def extract(weights, tmp_path):
    """Returns a function that prepares films and extracts their features."""

    def run(arguments: list[str], *options: str) -> int:
        assert cli.call("prepare", [*arguments, "--out", str(tmp_path / "data")]) == 0
        model = ["--weights", str(weights), "--config", "quickstart:ce"]
        model += ["--config.model.preset=micro"]
        windows = ["--frames", "4", "--stride", "1", "--size", "32", "--short-side", "32"]
        videos = ["--videos", str(tmp_path / "data" / "manifest.csv")]
        out = ["--out", str(tmp_path / "features")]
        return cli.call("features", [*model, *windows, *videos, *out, *options])

    return run


def test_thumos14_is_read_as_tridet_reads_it(extract, tmp_path, monkeypatch):
    arguments = layouts.make_thumos14(tmp_path / "download")
    assert extract(arguments, "--layout", "tridet", "--hop", "4") == 0
    monkeypatch.chdir(tmp_path / "features")
    trained = public_readers.tridet_videos("thumos_albar.yaml", "train")
    tested = public_readers.tridet_videos("thumos_albar.yaml", "val")
    assert list(trained) == ["video_validation_0000051", "video_validation_0000060"]
    assert list(tested) == ["video_test_0000004", "video_test_0000005", "video_test_0000270"]
    # Films of 19 and 40 frames.
    assert trained["video_validation_0000051"]["features"].shape[0] == 19 // 4
    assert tested["video_test_0000004"]["features"].shape[0] == 40 // 4
    # BaseballPitch from 0.1 to 0.3 s at 30 frames per second; the middle of row 0 is frame 2.
    np.testing.assert_allclose(trained["video_validation_0000051"]["grid"], [[0.25, 1.75]])


def test_ucf_crime_is_read_as_mgfn_reads_it(extract, tmp_path, monkeypatch, capsys):
    arguments = layouts.make_ucf_crime(tmp_path / "download")
    assert extract(arguments, "--layout", "mgfn") == 2
    assert "3 abnormal and 1 normal videos; UCF-Crime has 810 and 800" in capsys.readouterr().err
    assert not (tmp_path / "features").exists()

    # The stand-in has fewer films.
    monkeypatch.setitem(mgfn.COUNTS, "train", (3, 1))
    assert extract(arguments, "--layout", "mgfn") == 0
    printed = capsys.readouterr().out
    assert "1 events end after the last row of their video and are clipped" in printed
    assert f"cd {tmp_path / 'features'} && python MGFN/main.py" in printed
    monkeypatch.chdir(tmp_path / "features")
    normal, abnormal = public_readers.mgfn_training("ucf-i3d.list", num_abnormal=3)
    assert (len(normal), len(abnormal)) == (1, 3)
    tested = public_readers.mgfn_test("ucf-i3d-test.list")
    truth = np.load("gt-ucf.npy", allow_pickle=False)
    assert len(truth) == 16 * sum(len(video) for video in tested)
    # Abuse028, the first test film, is anomalous in the frames 2 to 5, counted from 1.
    assert np.flatnonzero(truth[:16]).tolist() == [1, 2, 3, 4]
