"""Claim: `albar features` gives the network's features, the same bytes however it is run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import jax
import numpy as np
import pytest

from albar_jax import cli
from albar_jax.data.readers.streamed_film import StreamedFilm
from albar_jax.errors import UserError
from albar_jax.features.crops import View
from albar_jax.features.feature_set import FeatureSet
from albar_jax.features.film_windows import FilmWindows
from albar_jax.features.video_rows import list_rows
from albar_jax.features.windows import Windows
from albar_jax.methods.pixels import normalise
from albar_jax.models import PRESETS, create
from albar_jax.weights.converted import save_converted

ROOT = Path(__file__).parent.parent.parent
SIZE = 32
# Frames of each film. The last one is shorter than a window.
FILMS = {"a": 70, "b": 45, "folder/c": 33, "d": 5}
HOP = 8
WINDOWS = Windows(frames=8, stride=1, hop=HOP)


def write_film(path: Path, count: int) -> None:
    rng = np.random.default_rng(count)
    path.parent.mkdir(exist_ok=True, parents=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"q:v": "3"})
        stream.height, stream.width = 36, 48
        stream.pix_fmt = "yuv420p"
        for _ in range(count):
            small = rng.integers(0, 256, (3, 4, 3), np.uint8)
            picture = cv2.resize(small, (48, 36), interpolation=cv2.INTER_CUBIC)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """Returns a folder of films, and of a file that is none."""
    folder = tmp_path_factory.mktemp("films")
    for name, count in FILMS.items():
        write_film(folder / f"{name}.avi", count)
    (folder / "bad.avi").write_bytes(b"not a film" * 99)
    (folder / "broken.avi").symlink_to("nowhere.avi")
    return folder


@pytest.fixture(scope="module")
def network():
    """Returns the config of a tiny network, its function and its weights."""
    config = PRESETS["micro"]
    apply, params = create(config, jax.random.key(0))
    return config, apply, params


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory) -> Path:
    config, _, params = network
    folder = tmp_path_factory.mktemp("weights") / "micro"
    save_converted(folder, config, params)
    return folder


def command(weights: Path, videos, out: Path, *options: str) -> list[str]:
    names = [str(video) for video in ([videos] if isinstance(videos, Path) else videos)]
    return [
        "features",
        f"--weights={weights}",
        "--config=quickstart",
        "--videos",
        *names,
        f"--out={out}",
        f"--hop={HOP}",
        "--batch-size=4",
        *options,
    ]


def files(folder: Path) -> dict[str, bytes]:
    """Returns the content of all files."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(weights, films, tmp_path_factory) -> Path:
    """Returns a folder of features that one thread has made."""
    out = tmp_path_factory.mktemp("made") / "features"
    assert cli.run(command(weights, films, out, "--threads=1")) == 0
    return out


def test_rows_are_the_pooled_features_of_the_windows(made, films, network):
    _, apply, params = network
    features = FeatureSet(made)
    assert set(features.names) == set(FILMS)
    for name, count in FILMS.items():
        with FilmWindows(films / f"{name}.avi", WINDOWS, View(size=SIZE, short_side=SIZE)) as film:
            clips = np.concatenate([window.clips for window in film])
        expected = jax.jit(apply, static_argnums=2)(params, normalise(clips), None).features
        rows = features.read(name)
        assert rows.shape == (max(1, count // HOP), 1, features.width)
        np.testing.assert_allclose(rows[:, 0], expected, atol=1e-5)
        assert features.videos[name].num_frames == count
        assert features.videos[name].fps == 25


def test_the_description_names_encoder_windows_and_unreadable_videos(made):
    features = FeatureSet(made)
    assert features.info.windows == WINDOWS
    # The hop is not the hop of the preset.
    assert features.info.preset is None
    assert features.info.encoder["network"] == "micro"
    assert len(features.info.encoder["weights"]) == 64
    assert list(features.unreadable) == ["bad", "broken"]
    assert "broken link to nowhere.avi" in features.unreadable["broken"]
    listed = (made / "unreadable.tsv").read_text()
    assert "bad.avi" in listed
    assert "broken.avi" in listed
    assert not (made / ".made").exists()


def test_the_bytes_do_not_depend_on_threads_or_on_the_other_videos(made, weights, films, tmp_path):
    assert cli.run(command(weights, films, tmp_path / "three", "--threads=3")) == 0
    assert files(tmp_path / "three") == files(made)
    one = films / "b.avi"
    assert cli.run(command(weights, one, tmp_path / "alone")) == 0
    assert (tmp_path / "alone" / "b.npy").read_bytes() == (made / "b.npy").read_bytes()


def test_two_processes_write_the_bytes_of_one(made, weights, films, tmp_path, free_port):
    out = tmp_path / "two"
    processes = []
    for number in range(2):
        flags = [f"--coordinator=localhost:{free_port}", "--processes=2", f"--process={number}"]
        processes.append(start(command(weights, films, out, *flags)))
    printed = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], printed
    assert files(out) == files(made)


def start(arguments: list[str], **changes: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "albar_jax", *arguments],
        cwd=ROOT,
        env=os.environ | changes,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def test_killed_it_resumes_and_keeps_the_videos_that_are_finished(made, weights, films, tmp_path):
    out = tmp_path / "killed"
    process = start(command(weights, films, out, "--threads=1"))
    deadline = time.monotonic() + 240
    while not list(out.glob("*.npy")) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")}
    assert kept

    # The journal may lack the last file, whose features are then made again.
    journal = b"".join(path.read_bytes() for path in (out / ".made").glob("*.jsonl"))
    assert cli.run(command(weights, films, out)) == 0
    for path, modified in kept.items():
        if f'"{path.stem}"'.encode() in journal:
            assert path.stat().st_mtime_ns == modified
    assert files(out) == files(made)


def test_a_complete_set_is_extended_and_nothing_is_made_twice(
    made, weights, films, tmp_path, monkeypatch
):
    out = tmp_path / "features"
    two = [films / "b.avi", films / "a.avi"]
    assert cli.run(command(weights, two, out)) == 0
    first = (out / "a.npy").stat().st_mtime_ns
    decoded = []
    frames = StreamedFilm.frames

    def counted(self):
        decoded.append(Path(self.name).stem)
        return frames(self)

    monkeypatch.setattr(StreamedFilm, "frames", counted)
    assert cli.run(command(weights, [*two, films / "d.avi"], out)) == 0
    assert decoded == ["d"]
    assert (out / "a.npy").stat().st_mtime_ns == first
    assert FeatureSet(out).names == ("b", "a", "d")
    # All of them once, in the order of the last command.
    assert cli.run(command(weights, [films / "a.avi"], out)) == 0
    assert FeatureSet(out).names == ("a", "b", "d")
    assert decoded == ["d"]


def test_each_film_is_decoded_once(weights, films, tmp_path, monkeypatch):
    decoded = []
    frames = StreamedFilm.frames

    def counted(self):
        decoded.append(self.name)
        return frames(self)

    monkeypatch.setattr(StreamedFilm, "frames", counted)
    options = ["--crops=10", "--hop=1"]
    assert cli.run(command(weights, films / "d.avi", tmp_path / "out", *options)) == 0
    assert decoded == [str(films / "d.avi")]
    assert FeatureSet(tmp_path / "out").read("d").shape == (5, 10, 96)


@pytest.mark.parametrize(
    ("option", "difference"),
    [
        ("--hop=16", "hop 8, not 16"),
        ("--crops=3", "crops 1, not 3"),
        ("--short-side=40", "short_side 32, not 40"),
        ("--config.loader.decoder=lenient", "lenient False, not True"),
    ],
)
def test_features_of_other_settings_are_refused(
    made, weights, films, tmp_path, capsys, option, difference
):
    before = files(made)
    assert cli.run(command(weights, films, made, option)) == 2
    assert f"holds features with {difference}; give another --out" in capsys.readouterr().err
    assert files(made) == before


def test_features_of_another_encoder_are_refused(made, films, network, tmp_path, capsys):
    config, _, _ = network
    _, params = create(config, jax.random.key(1))
    save_converted(tmp_path / "other", config, params)
    assert cli.run(command(tmp_path / "other", films, made)) == 2
    assert "holds features with encoder: weights" in capsys.readouterr().err


def test_an_interrupted_set_of_other_settings_is_refused(made, weights, films, tmp_path, capsys):
    out = tmp_path / "interrupted"
    process = start(command(weights, films, out, "--hop=4"))
    deadline = time.monotonic() + 240
    while not (out / ".made" / "settings.json").exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert cli.run(command(weights, films, out)) == 2
    assert "was made with hop 4, not 8" in capsys.readouterr().err


def test_a_folder_of_other_files_and_a_folder_without_readable_videos_are_refused(
    weights, films, tmp_path, capsys
):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    assert cli.run(command(weights, films, tmp_path / "other")) == 2
    assert "holds files that were not made here" in capsys.readouterr().err
    assert cli.run(command(weights, films / "bad.avi", tmp_path / "bad")) == 2
    assert "error: no video can be read, " in capsys.readouterr().err


def test_rows_of_a_manifest_have_their_split_and_class(weights, films, tmp_path):
    shutil.copytree(films, tmp_path / "films", symlinks=True)
    (tmp_path / "manifest.csv").write_text(
        "path,label,split,id\nfilms/b.avi,up,test,x/b\nfilms/d.avi,down,train,d\n"
    )
    out = tmp_path / "out"
    assert cli.run(command(weights, tmp_path / "manifest.csv", out)) == 0
    content = json.loads((out / "features.json").read_text())["videos"]
    assert {name: (v["split"], v["label"]) for name, v in content.items()} == {
        "x/b": ("test", "up"),
        "d": ("train", "down"),
    }
    assert FeatureSet(out).read("x/b").shape == (5, 1, 96)


def test_a_run_of_training_is_an_encoder(trained, films, tmp_path):
    out = tmp_path / "out"
    options = [f"--workdir={trained}", "--checkpoint=last", "--preset=span", f"--out={out}"]
    assert cli.run(["features", *options, "--videos", str(films / "b.avi")]) == 0
    features = FeatureSet(out)
    assert features.info.preset == "span"
    # Clips of the quickstart have 8 frames at stride 1.
    assert features.info.windows == Windows(8, 1, 8, centred=False)
    assert features.info.encoder["config"]["step"] == 6
    assert features.read("b").shape == (6, 1, 48)


def test_two_videos_do_not_share_an_id(films, tmp_path):
    shutil.copy(films / "a.avi", tmp_path / "a.mkv")
    shutil.copy(films / "a.avi", tmp_path / "a.avi")
    with pytest.raises(UserError, match="would both have the id 'a'"):
        list_rows([str(tmp_path / "a.mkv"), str(tmp_path / "a.avi")])
    assert [row.id for row in list_rows([str(films / "folder" / "c.avi")])] == ["c"]
    (tmp_path / "manifest.csv").write_text("path,label\na.avi,up\n")
    with pytest.raises(UserError, match="one manifest, or videos"):
        list_rows([str(tmp_path / "manifest.csv"), str(tmp_path / "a.avi")])
    with pytest.raises(UserError, match="there is no manifest .*other.csv; `albar prepare` writes"):
        list_rows([str(tmp_path / "other.csv")])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["a.avi,up,train,x", "b.avi,up,test,x"], "lists the id 'x' twice"),
        (["a.avi,up,train,x", "a.avi,up,test,y"], "'x' and 'y', of the splits train and test, are"),
        (["a.avi,up,train,x", "link.avi,up,train,y"], "are the same file, "),
        (
            ["a.avi,up,train,x", "b.avi,up,test,./x"],
            "'x' and './x' would have the same file, x.npy",
        ),
        (["a.avi,up,train,../x", "b.avi,up,test,y"], "'../x.npy' cannot name a file in "),
    ],
)
def test_contradictions_of_a_manifest_are_refused_before_any_work(
    weights, films, tmp_path, capsys, rows, says
):
    for name in ("a.avi", "b.avi"):
        shutil.copy(films / name, tmp_path)
    (tmp_path / "link.avi").symlink_to("a.avi")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("".join(f"{row}\n" for row in ("path,label,split,id", *rows)))
    assert cli.run(command(weights, manifest, tmp_path / "out")) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_film_and_a_link_to_it_are_not_two_videos(films, tmp_path):
    shutil.copy(films / "a.avi", tmp_path)
    (tmp_path / "link.avi").symlink_to("a.avi")
    with pytest.raises(UserError, match="'a' and 'link' are the same file, .*; name one of them"):
        list_rows([str(tmp_path)])


def test_an_id_of_another_film_is_refused(weights, films, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.run(command(weights, films / "b.avi", out)) == 0
    shutil.copy(films / "a.avi", tmp_path / "b.avi")
    assert cli.run(command(weights, tmp_path / "b.avi", out)) == 2
    assert "under the id 'b'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--videos", "x.avi", "--out=o"], "say which model"),
        (["--weights=w", "--config=quickstart", "--out=o"], "--videos is missing"),
        (["--weights=w", "--config=quickstart", "--videos", "x.avi"], "--out is missing"),
    ],
)
def test_missing_options_are_one_sentence(options, message, capsys):
    assert cli.run(["features", *options]) == 2
    assert message in capsys.readouterr().err


def test_crops_that_do_not_fit_are_refused_before_any_work(weights, films, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.run(command(weights, films, out, "--size=64", "--short-side=32")) == 2
    assert "--size is 64 and --short-side is 32" in capsys.readouterr().err
    assert not out.exists()
