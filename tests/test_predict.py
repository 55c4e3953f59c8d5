"""`albar predict` on real films: answers, time lines, and films that cannot be read."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image
from tqdm import tqdm

import albar_jax
from albar_jax import cli, wiring
from albar_jax.config import parse
from albar_jax.data.clip_reader import read_clip
from albar_jax.data.decode import open_video, read_frames
from albar_jax.data.film_stream import FilmStream
from albar_jax.data.manifest import read_manifest
from albar_jax.data.readers.streamed_film import StreamedFilm
from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.methods import static_clips
from albar_jax.storage.csv_files import read_table
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.wiring import run_evaluation, run_predict, trained_models
from albar_jax.wiring.motion_predictor import MotionPredictor, still_frame
from albar_jax.wiring.video_clips import VideoClips
from albar_jax.wiring.video_predictions import VideoPrediction, VideoPredictions

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
# The clips of the quickstart have 8 frames at stride 1.
LENGTH = 8
EVIL = "<img src=x onerror=alert(1)>\x1b[31m.mkv"


@pytest.fixture(scope="module")
def model(trained):
    return trained_models.from_workdir(str(trained), "best")


@pytest.fixture(scope="module")
def predict(model):
    """A function: the answers for films, by one predictor."""
    predictor = MotionPredictor(model)

    def compute(*paths, hop=None):
        predictions = list(VideoPredictions(predictor, [*map(str, paths)], hop))
        assert predictor._step._cache_size() == 1  # one program for all clips of all films
        return [prediction.video for prediction in predictions]

    return compute


@pytest.fixture(scope="module")
def logits(model, trained):
    """A function: the logits of uint8 clips (b, t, h, w, 3), without any code of `predict`."""
    checkpoints = Checkpoints(trained, read_only=True)
    step = checkpoints.find("best")
    apply, template = wiring.model(parse(ConfigDict(checkpoints.meta(step)["config"])), 8)
    params = checkpoints.restore_params(step, template)

    def compute(clips):
        video = ((np.stack(clips) / 255 - MEAN) / STD).astype(np.float32)
        return np.asarray(apply(params, video, None).logits, np.float64)

    return compute


def softmax(values):
    exponentials = np.exp(values - values.max())
    return exponentials / exponentials.sum()


def write_film(
    path: Path, num_frames: int, *, rate: int = 10, seed: int = 0, width: int = 32
) -> Path:
    """Writes a lossless film of moving noise, 32 pixels high."""
    picture = np.random.default_rng(seed).integers(0, 255, (32, width, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = 32, width
        stream.pix_fmt = "bgr0"
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, 2 * number, 1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A long film, one as long as a clip, one with a hostile name, and two that are unreadable."""
    folder = tmp_path_factory.mktemp("films")
    write_film(folder / "long.mkv", 45)
    write_film(folder / "short.mkv", LENGTH, seed=1)
    write_film(folder / EVIL, 20, seed=2)
    (folder / "text.mp4").write_text("no film")
    cut = write_film(folder / "cut.avi", 60, seed=3).read_bytes()
    (folder / "cut.avi").write_bytes(cut[: len(cut) // 2])
    return folder


@pytest.fixture(scope="module")
def out(films, trained, tmp_path_factory):
    """The folder of a command that predicts all of them."""
    folder = tmp_path_factory.mktemp("predicted")
    words = ["predict", "--workdir", str(trained), str(films), "--out", str(folder), "--hop", "5"]
    assert cli.run([*words, "--page", "--attributions", "1"]) == 0
    return folder


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def check_answers(record, clip, logits, frame=LENGTH // 2):
    """Compares a record with three forward passes of a clip."""
    still = np.repeat(clip[frame : frame + 1], len(clip), axis=0)
    of_clip, of_still, of_black = logits([clip, still, np.zeros_like(clip)])
    probs, still_probs = softmax(of_clip), softmax(of_still)
    answer = int(np.argmax(probs))

    order = np.argsort(-probs)[:5]
    assert [best["prob"] for best in record["moving"]] == pytest.approx(probs[order], abs=1e-5)
    order = np.argsort(-still_probs)[:5]
    assert [best["prob"] for best in record["motionless"]] == pytest.approx(
        still_probs[order], abs=1e-5
    )
    assert record["answer_prob_motionless"] == pytest.approx(still_probs[answer], abs=1e-5)
    parts = of_still[answer] - of_black[answer], of_clip[answer] - of_still[answer]
    assert (record["appearance"], record["motion"]) == pytest.approx(parts, abs=1e-4)


def test_the_answer_of_a_film_is_that_of_its_evaluated_clip(out, films, model, logits):
    found = {Path(record["path"]).name: record for record in records(out / "predictions.jsonl")}
    assert set(found) == {"long.mkv", "short.mkv", EVIL}
    for name, record in found.items():
        check_answers(record, wiring.evaluated_clip(model.config, str(films / name)), logits)
    assert (found["long.mkv"]["frames"], found["long.mkv"]["fps"]) == (45, 10.0)


def test_the_answers_of_a_test_set_are_those_of_the_evaluation(model, predict, tmp_path):
    run_evaluation.run([model], str(tmp_path / "evaluated"))
    table = read_predictions(tmp_path / "evaluated" / "predictions" / "ce_seed0" / "quickstart.csv")
    manifest = read_manifest(model.config.data.manifest, split="test")

    videos = predict(*manifest.paths)
    for video, probs in zip(videos, table.probs, strict=True):
        best = np.sort(probs)[::-1][:5]
        assert [chosen.prob for chosen in video.use.moving] == pytest.approx(best, abs=1e-5)
        assert probs[video.use.answer.label] == pytest.approx(probs.max(), abs=1e-5)


def test_the_clips_of_several_views_are_those_of_the_evaluation(tmp_path, tiny_config):
    """Two times and three places; the middle place is that of the windows."""
    path = str(write_film(tmp_path / "wide.mkv", 45, width=48))

    def clips(**changes):
        config = parse(tiny_config("ce", **{"data.short_side": 40} | changes))
        items = list(VideoClips(config, [path], 5, tqdm(disable=True)))
        views = [item.clip for item in items if item.clip is not None and item.span is None]
        return config, views, [item.clip for item in items if item.span is not None]

    config, views, windows = clips(**{"eval.temporal_views": 2, "eval.spatial_views": 3})
    specs = wiring.views(config, task=wiring.suite(config).iid)
    assert len(views) == len(specs) == 6
    for clip, spec in zip(views, specs, strict=True):
        np.testing.assert_array_equal(clip, read_clip(path, spec, np.random.default_rng(0)))
    _, _, alone = clips()
    np.testing.assert_array_equal(windows, alone)


def test_a_time_line_is_the_prediction_of_each_window(out, films, logits):
    """Windows of 8 frames around the middles of cells of 5 frames; the ends are repeated."""
    rows = records(out / "timelines" / "long.jsonl")
    frames = read_frames(films / "long.mkv", range(45))
    assert len(rows) == 9
    for row, record in enumerate(rows):
        numbers = np.clip(np.arange(5 * row + 2 - 4, 5 * row + 2 + 4), 0, 44)
        assert record["start_frame"] == numbers[0]
        assert record["end_frame"] == numbers[-1] + 1
        assert record["start_seconds"] == pytest.approx(numbers[0] / 10)
        assert record["end_seconds"] == pytest.approx((numbers[-1] + 1) / 10)
        check_answers(record, frames[numbers], logits)


def test_a_film_not_longer_than_a_clip_has_no_time_line(out):
    names = {path.name for path in (out / "timelines").iterdir()}
    assert {name for name in names if name.startswith("short")} == set()
    assert {"long.csv", "long.jsonl", "long.svg"} <= names
    assert len(names) == 6


def test_films_that_cannot_be_read_are_listed_and_the_rest_is_done(out):
    rows = (out / "unreadable.tsv").read_text().splitlines()
    assert sorted(Path(row.split("\t")[0]).name for row in rows) == ["cut.avi", "text.mp4"]
    assert all(row.split("\t")[1] for row in rows)


def test_the_page_loads_nothing_and_shows_hostile_names_as_text(out):
    page = (out / "predict.html").read_text()
    assert "onerror" in page
    assert "<img src=x" not in page
    assert "\x1b" not in page
    assert page.count('<section class="card video">') == 3
    for name in (out / "timelines").iterdir():
        assert "<img src=x" not in name.read_text() or name.suffix != ".svg"


def test_the_terminal_names_both_answers_and_escapes_names(films, trained, capsys):
    words = ["predict", "--workdir", str(trained), str(films / "*.mkv"), str(films / "text.mp4")]
    assert cli.run(words) == 0
    printed = capsys.readouterr()
    assert "\x1b[31m" not in printed.out
    assert "\\x1b[31m" in printed.out
    assert printed.out.count(" the motion: without it ") == 3
    assert "time line of 11 windows" in printed.out
    totals = r"3 videos; answers that need the motion: \d; 1 cannot be read"
    assert re.fullmatch(totals, printed.out.splitlines()[-1])
    assert f"cannot read {films / 'text.mp4'}: " in printed.err


def test_no_readable_film_is_an_error(films, trained, capsys):
    assert cli.run(["predict", "--workdir", str(trained), str(films / "text.mp4")]) == 2
    assert "error: no video can be read; name others" in capsys.readouterr().err


def test_frames_in_a_folder_are_predicted_like_their_film(films, trained, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    with open_video(films / "long.mkv") as video:
        for number, frame in enumerate(video.read(range(20))):
            Image.fromarray(frame).save(folder / f"{number:04}.png")
    write_film(tmp_path / "film.mkv", 20)

    of_frames, of_film = albar_jax.predict(trained, [folder, tmp_path / "film.mkv"], hop=4)
    assert (of_frames["fps"], of_film["fps"]) == (None, 10.0)
    assert of_frames["windows"][0]["start_seconds"] is None
    assert len(of_frames["windows"]) == 5
    assert of_frames["moving"] == of_film["moving"]
    for ours, theirs in zip(of_frames["windows"], of_film["windows"], strict=True):
        assert ours["moving"] == theirs["moving"]
        assert ours["motion"] == theirs["motion"]


def test_a_film_is_decoded_once_and_in_order(films, predict, monkeypatch):
    decoded = []
    frames = StreamedFilm.frames

    def counted(self):
        decoded.append(Path(self.name).name)
        return frames(self)

    monkeypatch.setattr(StreamedFilm, "frames", counted)
    predict(films / "long.mkv", films / "short.mkv", hop=5)
    assert sorted(decoded) == ["long.mkv", "short.mkv"]


def test_a_film_of_fewer_frames_than_it_states_has_the_views_of_its_frames(
    tmp_path, predict, logits
):
    """The packets of one byte show nothing, as in the films of HMDB51."""
    source = Path(__file__).parent / "data" / "fixtures" / "xvid_no_bframes.avi"
    path = tmp_path / "null.avi"
    with av.open(str(source)) as film, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(film.streams.video[0])
        packets = [av.Packet(bytes(packet)) for packet in film.demux(video=0) if packet.size]
        nothing = [av.Packet(b"\x7f") for _ in range(20)]
        for number, packet in enumerate([*packets[:1], *nothing, *packets[1:]]):
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, 25)
            packet.stream = stream
            container.mux(packet)

    with FilmStream(path) as film:
        assert film.expected_frames == 80
    nothing, film = predict(path, source)
    assert (film.num_frames, len(film.windows)) == (60, 15)
    assert (nothing.use, nothing.windows) == (film.use, film.windows)


def test_several_devices_give_the_predictions_of_one(films, trained, out, tmp_path):
    flag = "--xla_force_host_platform_device_count=4"
    words = ["predict", "--workdir", str(trained), str(films / "long.mkv"), "--hop", "5"]
    code = (
        "import jax, sys; from albar_jax import cli; assert jax.device_count() == 4; "
        "sys.exit(cli.run(sys.argv[1:]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, *words, "--out", str(tmp_path)],
        env=os.environ | {"XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {flag}"},
        check=True,
        timeout=300,
    )
    ours = records(tmp_path / "timelines" / "long.jsonl")
    assert len(ours) == 9
    for record, expected in zip(ours, records(out / "timelines" / "long.jsonl"), strict=True):
        assert record["moving"][0]["class"] == expected["moving"][0]["class"]
        assert record["motion"] == pytest.approx(expected["motion"], abs=1e-4)


def test_results_so_far_are_written_if_the_command_is_interrupted(
    films, model, tmp_path, monkeypatch
):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_predict.prediction_files, "write_time_line", interrupt)
    names = [str(films / "short.mkv"), str(films / "long.mkv")]
    with pytest.raises(KeyboardInterrupt):
        run_predict.run(model, names, out=str(tmp_path), quiet=True)
    assert len(read_table(tmp_path / "predictions.csv")) == 2


def test_the_answers_so_far_are_written_about_once_a_minute(
    films, model, predict, tmp_path, monkeypatch
):
    (video,) = predict(films / "short.mkv")
    finished = VideoPrediction(video, np.zeros((LENGTH, 32, 32, 3), np.uint8), ())
    (tmp_path / "predict.html").write_text("the page of an earlier command")
    results = run_predict._Results(model, tmp_path, None, quiet=True)
    results.add(finished)
    assert [path.name for path in tmp_path.iterdir()] == ["predict.html"]

    monkeypatch.setattr(run_predict, "_SECONDS", 0.0)
    results.add(finished)
    assert len(read_table(tmp_path / "predictions.csv")) == 2
    assert not (tmp_path / "predict.html").exists()


def test_pictures_and_clips_of_equal_frames_have_no_motion(films, predict, tmp_path):
    picture = read_frames(films / "long.mkv", [3])[0]
    Image.fromarray(picture).save(tmp_path / "picture.png")
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(20):
        Image.fromarray(picture).save(folder / f"{number}.png")

    still, repeated, moving = predict(tmp_path / "picture.png", folder, films / "long.mkv")
    assert not still.use.moves
    assert not repeated.use.moves
    assert {window.use.moves for window in repeated.windows} == {False}
    assert moving.use.moves
    assert {window.use.moves for window in moving.windows} == {True}


def test_a_terminated_command_keeps_its_answers_and_the_film_so_far(films, trained, tmp_path):
    write_film(tmp_path / "endless.mkv", 3000)
    names = [str(films / "long.mkv"), str(tmp_path / "endless.mkv")]
    out = tmp_path / "out"
    words = ["predict", "--workdir", str(trained), *names, "--out", str(out), "--hop", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "albar_jax", *words],
        env=os.environ | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 200
    while not (out / "timelines" / "long.svg").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    # Then it predicts the second film.
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=60)

    assert process.returncode == 128 + signal.SIGTERM, printed
    assert [Path(row["path"]).name for row in records(out / "predictions.jsonl")] == ["long.mkv"]
    windows = records(out / "timelines" / "endless.jsonl")
    assert 0 < len(windows) < 3000
    assert "stopped after 1 of 2 videos; their answers are in" in printed
    assert "endless.svg is the time line of" in printed
    assert "the same command begins again with the first video" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--workdir", "{run}"], "name at least one video"),
        (["{film}"], "say which model: either --workdir DIR, or --weights W --config C"),
        (["--workdir", "{run}", "--weights", "w", "{film}"], "say which model"),
        (["--workdir", "{run}", "{film}", "--page"], "--page needs --out DIR"),
        (["--workdir", "{run}", "nowhere.mp4"], "nowhere.mp4 does not exist"),
        (["--workdir", "{run}", "{film}", "--checkpoint", "9999"], "9999"),
    ],
)
def test_mistakes_are_one_sentence(films, trained, capsys, words, sentence):
    places = {"run": str(trained), "film": str(films / "short.mkv")}
    assert cli.run(["predict", *(word.format(**places) for word in words)]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("hop", ["0", "-3", "many"])
def test_a_hop_that_is_no_count_is_refused(films, trained, capsys, hop):
    with pytest.raises(SystemExit) as ending:
        cli.run(["predict", "--workdir", str(trained), str(films), f"--hop={hop}"])
    assert ending.value.code == 2
    assert "is not a number from 1 to" in capsys.readouterr().err


def test_the_still_repeats_the_static_frame_of_the_training(tiny_config):
    assert still_frame(parse(tiny_config("ce"))) == 4
    for frame, expected in (("first", 0), ("last", 7), ("middle", 4), ("random", 4), ("5", 5)):
        changes = {"methods.albar.frame": frame}
        assert still_frame(parse(tiny_config("albar_fast", **changes))) == expected
    assert static_clips.tested_frame("still", 9) == 4
    assert static_clips.tested_frame(3, 9) == 3


def test_weights_with_a_class_list_need_no_manifest(films, trained, predict, tmp_path, tiny_config):
    assert cli.run(["export", f"--workdir={trained}", f"--out={tmp_path / 'w'}"]) == 0
    config = tiny_config("ce", **{"data.manifest": str(tmp_path / "nowhere.csv")})
    with pytest.raises(UserError, match="nowhere.csv"):
        trained_models.from_weights(str(tmp_path / "w"), config)
    model = trained_models.from_weights(str(tmp_path / "w"), config, checks_manifest=False)
    (video,) = run_predict.run(model, [str(films / "short.mkv")], quiet=True)
    (expected,) = predict(films / "short.mkv")
    assert video.use == expected.use

    (tmp_path / "w.classes.txt").unlink()
    with pytest.raises(
        UserError, match=r"neither .*/w\.classes\.txt, .* nor the manifest .*nowhere"
    ):
        trained_models.from_weights(str(tmp_path / "w"), config, checks_manifest=False)
