"""Claim: the chosen decoder reads the films of a run, in every kind of reading, or refuses them."""

import csv
import json
import shutil

import numpy as np
import pytest

from albar_jax.data import decode
from albar_jax.data.clip_reader import ClipSpec, read_clip
from albar_jax.data.every_frame import read_all
from albar_jax.data.readers.decord import DecordVideo
from albar_jax.data.stills import read_stills
from albar_jax.errors import UserError
from albar_jax.wiring import run_training


@pytest.fixture
def manifest(films, tmp_path):
    """Returns changes of a config to eight VP9 training films and some others."""

    def make(*others: str) -> dict[str, str | float]:
        rows = []
        for number in range(8):
            shutil.copy(films / "vp9.webm", tmp_path / f"{number}.webm")
            rows.append((f"{number}.webm", number, "train"))
        rows += [(str(films / name), 0, "train") for name in others]
        rows.append((str(films / "vp9.webm"), 0, "test"))
        with (tmp_path / "manifest.csv").open("w") as file:
            csv.writer(file).writerows([("path", "label", "split"), *rows])
        return {
            "data.manifest": str(tmp_path / "manifest.csv"),
            "data.validation_split": "test",
            "model.num_classes": None,
            "loader.max_unreadable": 1.0,
            "train.steps": 3,
        }

    return make


def losses(workdir) -> list[float]:
    entries = [json.loads(line) for line in (workdir / "metrics.jsonl").open()]
    return [entry["loss/total"] for entry in entries if "loss/total" in entry]


def test_decord_reads_vp9_in_a_run_to_the_bit(manifest, tiny_config, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(DecordVideo, "__enter__", lambda video: opened.append(video.name) or video)
    changes = manifest()
    for decoder in ("auto", "decord"):
        assert (
            run_training.run(
                tiny_config("ce", **changes, **{"loader.decoder": decoder}), str(tmp_path / decoder)
            )
            == 0
        )
        assert bool(opened) == (decoder == "decord")
    assert losses(tmp_path / "decord") == losses(tmp_path / "auto") != []
    assert not (tmp_path / "decord" / "unreadable.tsv").exists()


def test_decord_refuses_h264_in_a_run_in_one_sentence(manifest, tiny_config, tmp_path, capsys):
    changes = manifest("h264_gop250.mp4") | {"loader.decoder": "decord"}
    assert run_training.run(tiny_config("ce", **changes), str(tmp_path / "run")) == 0
    listed = (tmp_path / "run" / "unreadable.tsv").read_text().splitlines()
    assert len([line for line in listed if "h264_gop250.mp4" in line]) == 1
    assert (
        "decord reads exactly only VP9 in WebM or Matroska; config.loader.decoder=auto reads it"
        in listed[-1]
    )
    assert "8 of 9 videos read to train on" in capsys.readouterr().out


def test_another_decoder_does_not_resume_a_run(manifest, tiny_config, tmp_path):
    changes = manifest()
    run_training.run(tiny_config("ce", **changes), str(tmp_path / "run"))
    with pytest.raises(UserError, match='loader.decoder: "auto" -> "decord"'):
        run_training.run(
            tiny_config("ce", **changes, **{"loader.decoder": "decord"}), str(tmp_path / "run")
        )
    assert (
        run_training.run(
            tiny_config("ce", **changes, **{"loader.threads": 1}), str(tmp_path / "run")
        )
        == 0
    )


def test_decord_that_is_not_installed_is_one_sentence(manifest, tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr(decode.decord, "is_available", lambda: False)
    with pytest.raises(
        UserError, match="config.loader.decoder is 'decord', which is not installed here"
    ):
        run_training.run(
            tiny_config("ce", **manifest(), **{"loader.decoder": "decord"}), str(tmp_path / "run")
        )


def test_stills_and_every_frame_are_read_by_the_chosen_decoder(films, tmp_path):
    (tmp_path / "stills.csv").write_text(f"path,frame\n{films}/vp9.webm,3\n")
    cut = type("Cut", (), {"size": 32})
    pictures = []
    for decoder in ("auto", "decord"):
        bank = read_stills(str(tmp_path / "stills.csv"), (), decoder)
        (frames,) = read_all([films / "vp9.webm"], size=32, every=20, threads=1, decoder=decoder)
        spec = ClipSpec(
            num_frames=4, size=32, short_side=32, time=0.5, augment="none", decoder=decoder
        )
        clip = read_clip(films / "vp9.webm", spec, None)
        pictures.append((bank.read(0, cut, np.random.default_rng(0)), frames.pictures, clip))
    for one, other in zip(*pictures, strict=True):
        np.testing.assert_array_equal(one, other)

    (refused,) = read_all(
        [films / "h264_gop250.mp4"], size=32, every=20, threads=1, decoder="decord"
    )
    assert "decord reads exactly only VP9" in refused.reason
    (tmp_path / "stills.csv").write_text(f"path,frame\n{films}/h264_gop250.mp4,3\n")
    with pytest.raises(decode.DecodeError, match="decord reads exactly only VP9"):
        read_stills(str(tmp_path / "stills.csv"), (), "decord").read(
            0, cut, np.random.default_rng(0)
        )
