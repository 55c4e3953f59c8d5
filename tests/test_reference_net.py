"""Claim: `albar reference-net` trains a network of single frames, scores frames and makes a bank.

A StillMix run then mixes stills of this bank. tests/data/test_frame_bank.py tests the contents of a
bank.
"""

import csv
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from albar_jax import wiring
from albar_jax.config import parse
from albar_jax.data.decode import read_frames
from albar_jax.data.frame_bank import read_scores
from albar_jax.data.manifest import read_manifest
from albar_jax.errors import UserError
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.run_log import read_history
from albar_jax.wiring import frame_scores, run_reference_net, run_training
from configs import hmdb51
from tests.conftest import tiny_changes

ROOT = Path(__file__).parent.parent
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def program(*flags):
    done = subprocess.run(
        [sys.executable, "-m", "albar_jax", "reference-net", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def finished(world_dir, tmp_path_factory):
    """Runs the command; returns its folder, which also holds the bank, and its output."""
    folder = tmp_path_factory.mktemp("reference")
    changes = [
        f"--config.{name}={value}"
        for name, value in tiny_changes(world_dir).items()
        if name != "model.preset"
    ]
    flags = [
        "--config=configs/quickstart.py",
        "--model=micro2d",
        f"--workdir={folder}",
        f"--out={folder}/stills.csv",
    ]
    status, output, errors = program(*flags, "--low=0.25", *changes)
    assert status == 0, errors
    return folder, output


@pytest.fixture(scope="module")
def workdir(finished):
    return finished[0]


@pytest.fixture
def config(workdir):
    """The config that the network was trained with."""
    checkpoints = Checkpoints(workdir, read_only=True)
    return ConfigDict(checkpoints.meta(checkpoints.find("last"))["config"])


@pytest.fixture(scope="module")
def videos(world_dir):
    return read_manifest(world_dir / "manifest.csv", split="train")


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def scores_in(workdir, every):
    return read_scores(sorted((workdir / "scores" / f"every_{every}").glob("*.npz")))


def test_every_frame_of_every_training_video_is_scored_once_in_order(workdir, videos):
    scores = scores_in(workdir, 1)
    frames = [len(read_frames(path, range(8))) for path in videos.paths]
    assert scores.row.tolist() == np.repeat(np.arange(len(videos)), frames).tolist()
    assert scores.frame.tolist() == np.concatenate([np.arange(count) for count in frames]).tolist()


def test_scores_are_what_the_trained_network_says_of_each_picture(workdir, videos, config):
    apply, template = wiring.model(parse(config), 8)
    checkpoints = Checkpoints(workdir, read_only=True)
    params = checkpoints.restore_params(checkpoints.find("last"), template)
    pictures = np.concatenate(
        [read_frames(path, range(8)) for path in videos.paths]
    )  # 32x32, as the network wants
    normal = ((pictures / 255 - MEAN) / STD).astype(np.float32)
    logits = np.asarray(jax.jit(apply)(params, normal[:, None], None).logits, np.float64)
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    scores, labels = scores_in(workdir, 1), np.repeat(videos.labels, 8)
    np.testing.assert_allclose(scores.p_label, probs[np.arange(len(probs)), labels], atol=1e-5)
    np.testing.assert_allclose(scores.p_max, probs.max(axis=1), atol=1e-5)
    assert scores.top1 == pytest.approx((probs.argmax(axis=1) == labels).mean())


def test_the_command_writes_the_bank_and_says_what_comes_next(finished, videos):
    workdir, output = finished
    scores, rows = scores_in(workdir, 1), rows_of(workdir / "stills.csv")
    order = sorted(
        range(320), key=lambda i: (scores.p_max[i], videos.paths[scores.row[i]], scores.frame[i])
    )
    assert {(os.path.abspath(workdir / row["path"]), int(row["frame"])) for row in rows} == {
        (os.path.abspath(videos.paths[scores.row[index]]), scores.frame[index])
        for index in order[80:]
    }
    assert (
        "stills.csv: 240 of 320 frames, between the quantiles 0.25 and 1 of the highest "
        f"probability; {scores.top1:.1%}" in output
    )
    assert (
        f"--config.methods.stillmix.stills=bank --config.data.stills={workdir}/stills.csv" in output
    )


def test_single_frames_are_trained_on_and_all_videos_of_the_split(finished, config):
    workdir, output = finished
    parsed = parse(config)
    assert (parsed.data.num_frames, parsed.model.preset, list(parsed.methods)) == (
        1,
        "micro2d",
        ["ce"],
    )
    assert [row["step"] for row in read_history(workdir) if "validation/top1" in row][-1] == 6
    assert "6 steps of 4 clips" in output
    train_videos, validation = wiring.train_and_validation(parsed)
    assert train_videos.ids == validation.ids
    assert len(train_videos) == 40


def test_stillmix_trains_with_the_bank(workdir, tiny_config, tmp_path):
    changes = {"methods.stillmix.stills": "bank", "data.stills": str(workdir / "stills.csv")}
    config = tiny_config("stillmix", **changes, **{"train.steps": 1, "train.log_every_steps": 1})
    assert run_training.run(config, str(tmp_path)) == 0
    assert np.isfinite(read_history(tmp_path)[0]["loss/cross_entropy"])
    assert not (tmp_path / "unreadable.tsv").exists()  # as clips are whose still is not found


def test_what_was_killed_while_scoring_goes_on_to_the_same_bank(
    workdir, config, monkeypatch, tmp_path
):
    monkeypatch.setattr(frame_scores, "PART", 16)
    write, network, written, scored = frame_scores.write_scores, frame_scores._network, [], []

    def killed(path, scores):
        if len(written) == 1:
            raise KeyboardInterrupt
        write(path, scores)
        written.append(path.stat().st_mtime_ns)

    def counting(trained):
        probs = network(trained)

        def of(pictures):
            said = probs(pictures)
            scored.append(len(said))
            return said

        return of

    monkeypatch.setattr(frame_scores, "write_scores", killed)
    with pytest.raises(KeyboardInterrupt):
        run_reference_net.run(
            config, str(workdir), str(tmp_path / "stopped.csv"), low=0.25, every=2
        )
    parts = workdir / "scores" / "every_2"
    assert not (tmp_path / "stopped.csv").exists()
    assert [path.name for path in parts.iterdir()] == ["0000000.npz"]
    monkeypatch.setattr(frame_scores, "write_scores", write)
    monkeypatch.setattr(frame_scores, "_network", counting)
    assert (
        run_reference_net.run(
            config, str(workdir), str(tmp_path / "stopped.csv"), low=0.25, every=2
        )
        == 0
    )
    assert scored == [64, 32]  # 4 frames each of the 24 videos that were left
    assert (parts / "0000000.npz").stat().st_mtime_ns == written[0]
    assert sorted(path.name for path in parts.iterdir()) == [
        "0000000.npz",
        "0000016.npz",
        "0000032.npz",
    ]
    whole, half = scores_in(workdir, 1), scores_in(workdir, 2)
    np.testing.assert_array_equal(half.frame, whole.frame[whole.frame % 2 == 0])
    # In other batches, so not to the bit.
    np.testing.assert_allclose(half.p_max, whole.p_max[whole.frame % 2 == 0], atol=1e-5)


def test_another_slice_needs_neither_training_nor_scoring(workdir, config, monkeypatch, tmp_path):
    monkeypatch.setattr(frame_scores, "_network", None)  # it would fail if used
    assert run_reference_net.run(config, str(workdir), str(tmp_path / "a.csv"), low=0.25) == 0
    assert (
        run_reference_net.run(config, str(workdir), str(tmp_path / "b.csv"), low=0.5, high=0.9) == 0
    )
    first, second = (rows_of(tmp_path / name) for name in ("a.csv", "b.csv"))
    values = [
        [{**row, "path": os.path.basename(row["path"])} for row in rows] for rows in (first, second)
    ]
    assert values[0] == [
        {**r, "path": os.path.basename(r["path"])} for r in rows_of(workdir / "stills.csv")
    ]
    assert len(second) == int(0.9 * 320) - 160
    assert all(row in values[0] for row in values[1])


def test_a_video_that_cannot_be_read_is_left_out_and_listed(
    workdir, config, videos, tmp_path, capsys
):
    lost = Path(videos.paths[3])
    content = lost.read_bytes()
    lost.write_bytes(b"no video")
    try:
        assert (
            run_reference_net.run(
                config, str(workdir), str(tmp_path / "stills.csv"), low=0, every=4
            )
            == 0
        )
    finally:
        lost.write_bytes(content)
        listed = (workdir / "unreadable.tsv").read_text()
        (workdir / "unreadable.tsv").unlink()
    assert "78 of 78 frames" in capsys.readouterr().out
    assert listed.startswith(f"{lost}\t")
    assert lost.name not in (tmp_path / "stills.csv").read_text()


def test_a_video_that_training_could_not_read_is_not_tried_again(workdir, config, videos, tmp_path):
    listed = workdir / "unreadable.tsv"
    listed.write_text(f"{videos.paths[5]}\tit crashes its decoder (SIGSEGV)\n")
    try:
        assert (
            run_reference_net.run(
                config, str(workdir), str(tmp_path / "stills.csv"), low=0, every=8
            )
            == 0
        )
    finally:
        listed.unlink()
    assert scores_in(workdir, 8).row.tolist() == [row for row in range(40) if row != 5]


@pytest.mark.parametrize(
    ("model", "batch_size", "rate", "short_side", "drop_path_rate"),
    [("resnet50", 256, 0.04, 256, 0.0), ("swin2d_tiny", 64, 0.01, 232, 0.2)],
)
def test_the_published_networks_are_trained_as_published(
    model, batch_size, rate, short_side, drop_path_rate
):
    config = parse(run_reference_net.reference_config(hmdb51.get_config("stillmix"), model, {}))
    assert (config.batch_size, config.optim.name, config.optim.b1) == (batch_size, "sgd", 0.0)
    assert (config.optim.weight_decay, config.optim.decay, config.optim.clip_norm) == (
        1e-5,
        "all",
        None,
    )
    assert (config.model.drop_path_rate, config.model.head_dropout) == (drop_path_rate, 0.0)
    assert (config.data.augment, config.data.short_side, config.data.size) == (
        "squash_flip",
        short_side,
        224,
    )
    assert config.init == f"torchvision:{model.replace('2d_tiny', '_t')}"
    steps = wiring.run_length(config, num_videos=10 * batch_size)
    assert steps.num_steps == 500
    rates = [
        float(wiring.learning_rate(config, steps)(step)) for step in (0, 199, 200, 399, 400, 499)
    ]
    np.testing.assert_allclose(rates, np.array([1, 1, 0.1, 0.1, 0.01, 0.01]) * rate, rtol=1e-6)


def test_what_the_user_says_has_the_last_word():
    said = {
        "optim.peak_lr": 0.5,
        "data.short_side": 240,
        "train.epochs": 2.0,
        "init": "weights.pth",
    }
    config = parse(run_reference_net.reference_config(hmdb51.get_config(), "resnet50", said))
    assert (config.optim.peak_lr, config.data.short_side, config.train.epochs) == (0.5, 240, 2.0)
    assert config.init == "weights.pth"


@pytest.mark.parametrize("model", run_reference_net.OWN_RECIPE)
def test_a_tiny_network_keeps_the_recipe_of_the_config(tiny_config, model):
    given = parse(tiny_config("albar"))
    config = parse(run_reference_net.reference_config(tiny_config("albar"), model, {}))
    assert (config.optim, config.batch_size, config.train) == (
        given.optim,
        given.batch_size,
        given.train,
    )
    assert config.data.augment == "roll"
    assert (config.model.preset, config.init) == (model, "")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"low": 0.5, "high": 0.5}, "--low is 0.5 and --high 0.5; they are shares"),
        ({"low": -0.1}, "--low is -0.1"),
        ({"high": 1.1}, "--high 1.1"),
        ({"every": 0}, "--every is 0"),
        ({"low": 0.001, "high": 0.002}, "no frame of 320 is between --low 0.001 and --high 0.002"),
        ({"out": "file/stills.csv"}, "--out .*file cannot be created"),
        ({"out": "."}, "is a folder; name the CSV"),
    ],
)
def test_a_mistake_is_one_sentence(workdir, config, tmp_path, options, sentence):
    (tmp_path / "file").touch()
    options["out"] = str(tmp_path / options.get("out", "stills.csv"))
    with pytest.raises(UserError, match=sentence):
        run_reference_net.run(config, str(workdir), **options)


@pytest.mark.parametrize(
    ("model", "said", "sentence"),
    [
        (
            "resnet51",
            {},
            "--model is 'resnet51'; it is one of resnet50, resnet18, swin2d_tiny, micro2d, "
            "resnet_micro",
        ),
        (
            "resnet50",
            {"methods.albar.frame": "first"},
            "--config.methods.albar.frame has no effect",
        ),
    ],
)
def test_a_mistake_in_the_config_is_one_sentence(model, said, sentence):
    with pytest.raises(UserError, match=sentence):
        run_reference_net.reference_config(hmdb51.get_config("albar"), model, said)


def test_a_missing_manifest_is_one_sentence_and_no_folder_is_made(tiny_config, tmp_path):
    missing = tmp_path / "nowhere" / "manifest.csv"
    config = run_reference_net.reference_config(
        tiny_config("ce"), "micro2d", {"data.manifest": str(missing)}
    )
    with pytest.raises(UserError, match="cannot read the manifest .*nowhere"):
        run_reference_net.run(config, str(tmp_path / "run"))
    assert not list(tmp_path.iterdir())


def test_a_missing_workdir_is_one_sentence():
    status, _, errors = program("--config=configs/quickstart.py")
    assert status == 2
    assert "--workdir is missing" in errors
    assert len(errors.strip().splitlines()) == 1
