"""Claim: one command asks any model about every clip, once, and its tables are those of a loop."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from albar_jax import cli
from albar_jax.audit import ask, frames, models, run
from albar_jax.audit.models.base import Options, Sampling
from albar_jax.audit.settings import Settings
from albar_jax.config.config_files import load
from albar_jax.data.decode import num_frames, read_frames
from albar_jax.data.manifest import read_manifest, write_manifest
from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.storage.journal_lines import unseal

TASKS = (
    "quickstart",
    "quickstart_reversed",
    "quickstart_shuffled",
    "quickstart_static",
    "quickstart_scuba",
    "quickstart_scufo",
    "quickstart_conflfg",
)
# Each call of the function adds a line to a file, so that the tests count the clips asked.
MODEL = """
import os
import time
import numpy as np

LOG = os.path.join(os.path.dirname(__file__), "asked.txt")

def predict(clip):
    with open(LOG, "a") as file:
        file.write(f"{len(clip)}\\n")
    time.sleep(float(os.environ.get("SLOW_MODEL", "0")))
    values = np.diff(clip.astype(np.float64), axis=0).mean((1, 2)).ravel()[:8]
    weights = np.exp(np.resize(np.append(values, clip[0, 0, 0, 0]), 8) / 9)
    return (weights / weights.sum()).astype(np.float32)

def frail(clip):
    answer = predict(clip)
    # After ten clips.
    if os.path.exists(LOG + ".stop") and len(open(LOG).readlines()) == 10:
        raise RuntimeError("no power")
    return answer

def clears(clip):
    answer = predict(clip)
    clip[:] = 0
    return answer

def kept(clip):
    return predict(clip)

kept.fingerprint = "1"

def number(clip):
    return int(clip[0, 0, 0, 0]) % 8

def picky(clip):
    return None if clip[0, 0, 0, 0] % 2 else predict(clip)

def four(clip):
    return predict(clip)[[6, 1, 3, 0]] / predict(clip)[[6, 1, 3, 0]].sum()

def logits(clip):
    return np.arange(8.0)

def fails(clip):
    raise RuntimeError("out of memory")
"""


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "my_model.py"
    path.write_text(MODEL)
    return path


@pytest.fixture(scope="module")
def manifest(world_dir, tmp_path_factory) -> Path:
    """The quickstart's test sets with six clips each."""
    folder = tmp_path_factory.mktemp("small") / "world"
    folder.mkdir()
    shutil.copy(world_dir / "classes.txt", folder)
    for name in ("manifest.csv", *(f"{task}.csv" for task in TASKS[4:])):
        split = "test" if name == "manifest.csv" else None
        clips = read_manifest(world_dir / name, split=split).take(range(6))
        rows = []
        for path, label, clip in zip(clips.paths, clips.labels, clips.ids, strict=True):
            place = f"clips/{Path(path).parent.name}_{Path(path).name}"
            (folder / "clips").mkdir(exist_ok=True)
            shutil.copy(path, folder / place)
            row = {"path": place, "label": clips.classes[label], "split": "test", "id": clip}
            rows.append(row)
        write_manifest(folder / name, rows)
    return folder / "manifest.csv"


def asked(model: Path) -> int:
    log = model.parent / "asked.txt"
    count = len(log.read_text().splitlines()) if log.exists() else 0
    log.unlink(missing_ok=True)
    return count


def audit(*specs: str, out: Path, manifest: Path | None = None, **settings) -> Path:
    """Asks models in this process; returns the folder of the results."""
    config = None
    if manifest is not None:
        config = load("quickstart", [f"--config.data.manifest={manifest}"])
    options = settings.pop("options", Options())
    videos = settings.pop("videos", None)
    if videos is not None:
        config = load("custom", [])
    settings = Settings(
        models=specs,
        predictions=settings.pop("predictions", ()),
        config=config,
        videos=videos,
        out=out,
        options=options,
        threads=2,
        **settings,
    )
    assert run.run(settings) == 0
    return out


def tables(out: Path, name: str) -> dict[str, bytes]:
    folder = out / "predictions" / name
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def by_hand(function, manifest: Path, task: str) -> np.ndarray:
    """Answers of a function to a test set, in a plain loop."""
    source = manifest if task in TASKS[:4] else manifest.with_name(f"{task}.csv")
    clips = read_manifest(source, split="test" if task in TASKS[:4] else None)
    answers = []
    for path in clips.paths:
        clip = read_frames(path, np.arange(num_frames(path)))
        if task.endswith("_reversed"):
            clip = clip[::-1]
        if task.endswith("_static"):
            clip = np.repeat(clip[len(clip) // 2][None], len(clip), axis=0)
        answers.append(function(np.ascontiguousarray(clip)))
    return np.stack(answers)


def test_the_tables_are_those_of_a_loop(model, manifest, tmp_path, capsys):
    out = audit(f"mine=python:{model}:predict", out=tmp_path / "out", manifest=manifest)
    function = models.open_model(f"python:{model}:predict").answer
    for task in TASKS:
        table = read_predictions(out / "predictions" / "mine" / f"{task}.csv")
        if not task.endswith("_shuffled"):
            expected = by_hand(lambda clip: function([clip])[0], manifest, task)
            np.testing.assert_array_equal(table.probs, expected)
    assert (out / "report.html").exists()
    assert not (out / "unfinished_answers").exists()

    results = json.loads((out / "results.json").read_text())
    assert results["models"][0]["name"] == "mine"
    assert "Views of a test video: 1 clip of all frames." in capsys.readouterr().out


def test_shuffled_frames_are_the_same_frames_in_an_order_of_the_content(model, manifest, tmp_path):
    seen = {}

    def look(clip):
        seen[len(seen)] = clip
        return 0

    sys.modules["look_at_clips"] = type(sys)("look_at_clips")
    sys.modules["look_at_clips"].look = look
    copy = tmp_path / "copy"
    shutil.copytree(manifest.parent, copy)
    for place in (manifest, copy / "manifest.csv"):
        audit("python:look_at_clips:look", out=tmp_path / "out", manifest=place, batch_size=1)
    clips = list(seen.values())
    half = len(clips) // 2
    for one, other in zip(clips[:half], clips[half:], strict=True):
        np.testing.assert_array_equal(one, other)

    forward, backward, shuffled, still = clips[:4]
    np.testing.assert_array_equal(backward, forward[::-1])
    assert {frame.tobytes() for frame in shuffled} == {frame.tobytes() for frame in forward}
    assert not np.array_equal(shuffled, forward)
    assert {frame.tobytes() for frame in still} == {forward[len(forward) // 2].tobytes()}


def test_frames_and_views_are_chosen(model, manifest, tmp_path, capsys):
    out = audit(
        f"python:{model}:predict?frames=4&stride=2",
        out=tmp_path / "out",
        manifest=manifest,
        views=2,
    )
    table = read_predictions(out / "predictions" / "predict" / "quickstart.csv")
    function = models.open_model(f"python:{model}:predict").answer
    clips = read_manifest(manifest, split="test")
    for row, path in enumerate(clips.paths):
        views = []
        for view in range(2):
            numbers = frames.choose(num_frames(path), None, Sampling(4, stride=2), view, 2)
            views.append(function([read_frames(path, numbers)])[0] / 2)
        np.testing.assert_array_equal(table.probs[row], views[0] + views[1])
    assert "2 clips of 4 frames at stride 2" in capsys.readouterr().out


def test_a_kept_answer_is_not_asked_again(model, manifest, tmp_path):
    spec = f"python:{model}:kept"
    first = tables(audit(spec, out=tmp_path / "a", manifest=manifest), "kept")
    # The static clips of one video may be equal to others, but most differ.
    assert asked(model) > 0
    assert tables(audit(spec, out=tmp_path / "a", manifest=manifest), "kept") == first
    assert asked(model) == 0

    cache = tmp_path / "cache"
    audit(spec, out=tmp_path / "b", manifest=manifest, cache=cache)
    count = asked(model)
    assert tables(audit(spec, out=tmp_path / "c", manifest=manifest, cache=cache), "kept") == first
    assert asked(model) == 0
    audit(spec, out=tmp_path / "c", manifest=manifest, cache=cache, keeps_answers=False)
    assert asked(model) == count
    # Other frames are other clips, and other code is another model.
    audit(f"{spec}?frames=4", out=tmp_path / "c", manifest=manifest, cache=cache)
    assert asked(model) == count
    model.write_text(MODEL + "# changed\n")
    audit(spec, out=tmp_path / "c", manifest=manifest, cache=cache)
    assert asked(model) == count


def test_a_clip_of_two_tasks_is_asked_once(model, manifest, tmp_path):
    world = tmp_path / "world"
    shutil.copytree(manifest.parent, world)
    # The test clips under another name, with other paths.
    shutil.copytree(world / "clips", world / "copies")
    rows = (world / "manifest.csv").read_text().replace("clips/", "copies/")
    (world / "quickstart_scuba.csv").write_text(rows)
    for task in ("scufo", "conflfg"):
        (world / f"quickstart_{task}.csv").unlink()

    manifest = world / "manifest.csv"
    out = audit(f"python:{model}:predict", out=tmp_path / "out", manifest=manifest, batch_size=7)
    folder = out / "predictions" / "predict"
    # A function is not called for the copies that fill up the last batch.
    assert asked(model) == 4 * 6
    assert (folder / "quickstart_scuba.csv").read_bytes() == (
        folder / "quickstart.csv"
    ).read_bytes()


def test_weights_that_are_not_known_are_asked_again(model, manifest, tmp_path):
    for _ in range(2):
        audit(f"python:{model}:predict", out=tmp_path / "out", manifest=manifest)
        assert asked(model) > 0


def test_an_interrupted_function_is_resumed_with_a_note_or_asked_again(
    model, manifest, tmp_path, capsys
):
    spec, out = f"python:{model}:frail", tmp_path / "out"
    stop = model.parent / "asked.txt.stop"
    audit(spec, out=tmp_path / "whole", manifest=manifest)
    total = asked(model)

    def interrupt(**settings):
        stop.touch()
        with pytest.raises(UserError, match="frail raised RuntimeError: no power"):
            audit(spec, out=out, manifest=manifest, **settings)
        stop.unlink()
        assert 8 <= asked(model) < total
        return capsys.readouterr().err

    assert "answers so far are kept" in interrupt(batch_size=4)
    audit(spec, out=out, manifest=manifest, batch_size=4)
    assert asked(model) < total
    assert "frail gave 8 answers before a command was interrupted" in capsys.readouterr().err

    # Its weights may have changed, so all clips are asked again.
    interrupt(batch_size=4)
    audit(spec, out=out, manifest=manifest, batch_size=4, keeps_answers=False)
    assert asked(model) == total
    assert "answers so far are kept" not in interrupt(keeps_answers=False)


def test_large_clips_are_asked_in_smaller_batches(model, manifest, tmp_path, monkeypatch):
    spec = f"python:{model}:kept"
    expected = tables(audit(spec, out=tmp_path / "a", manifest=manifest), "kept")
    # Two clips of eight frames fit, and more of single frames.
    monkeypatch.setattr(ask, "_MOST_BYTES", 2 * 8 * 32 * 32 * 3)
    assert tables(audit(spec, out=tmp_path / "b", manifest=manifest), "kept") == expected
    sizes = []
    for out in ("a", "b"):
        (path,) = (tmp_path / out / "answers").glob("*/*.jsonl")
        sizes.append({len(json.loads(line)) for line in unseal(path.read_bytes().splitlines())})
    assert max(sizes[0]) == 8
    assert 2 in sizes[1]
    assert sizes[1].isdisjoint({3, 4, 8})


def test_a_function_that_changes_its_clip_changes_no_other(model, manifest, tmp_path):
    for name in ("predict", "clears"):
        audit(f"m=python:{model}:{name}", out=tmp_path / name, manifest=manifest, batch_size=1)
    assert tables(tmp_path / "clears", "m") == tables(tmp_path / "predict", "m")


def test_a_killed_command_is_resumed_to_the_same_bytes(model, manifest, tmp_path):
    function = "predict"
    spec = f"python:{model}:{function}"
    words = [sys.executable, "-m", "albar_jax", "audit", f"--model={spec}", "--config=quickstart"]
    words += [f"--config.data.manifest={manifest}", "--batch=4"]

    whole = tables(audit(spec, out=tmp_path / "whole", manifest=manifest, batch_size=4), function)
    total = asked(model)
    out = tmp_path / "killed"
    with subprocess.Popen(
        [*words, f"--out={out}"],
        env={**os.environ, "SLOW_MODEL": "0.05"},
        stderr=subprocess.DEVNULL,
    ) as command:
        log = model.parent / "asked.txt"
        deadline = time.monotonic() + 120
        while not log.exists() or len(log.read_text().splitlines()) < 10:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        command.send_signal(signal.SIGKILL)
    before = asked(model)
    assert not (out / "predictions" / function / "quickstart.csv").exists()

    assert tables(audit(spec, out=out, manifest=manifest, batch_size=4), function) == whole
    # At most one batch was asked twice.
    assert total <= before + asked(model) <= total + 4


def test_classes_and_abstentions_are_written(model, manifest, tmp_path):
    out = audit(
        f"python:{model}:number", f"python:{model}:picky", out=tmp_path / "out", manifest=manifest
    )
    table = read_predictions(out / "predictions" / "number" / "quickstart.csv")
    assert table.probs is None
    table = read_predictions(out / "predictions" / "picky" / "quickstart.csv")
    assert table.abstained.any()
    assert not table.abstained.all()
    results = json.loads((out / "results.json").read_text())
    assert [each["name"] for each in results["models"]] == ["number", "picky"]


def test_a_subset_is_asked_about_its_classes_and_says_so(model, manifest, tmp_path, capsys):
    classes = read_manifest(manifest).classes
    names = tmp_path / "names.txt"
    ours = ["other", classes[5].upper(), f"{classes[2]}_", "\x1b[1mhostile,<b>"]
    names.write_text("\n".join(ours))
    with pytest.raises(UserError):
        audit(f"python:{model}:four?classes={names}", out=tmp_path / "out", manifest=manifest)
    out = audit(
        f"python:{model}:four?classes={names}",
        out=tmp_path / "out",
        manifest=manifest,
        classes="subset",
    )
    table = read_predictions(out / "predictions" / "four" / "quickstart.csv")
    labels = read_manifest(manifest, split="test").labels
    assert set(table.labels) <= {2, 5}
    assert len(table) == np.isin(labels, [2, 5]).sum()
    assert len(table.left_out) == 0
    assert set(table.pred) <= {2, 5}
    views = json.loads((out / "predictions" / "four" / "views.json").read_text())
    assert (
        "argmax over the 2 classes in common of the model's 4 and the test set's 8"
        in views["quickstart"]
    )
    assert "argmax over the 2 classes in common" in (out / "results.md").read_text()
    assert "classes of the test set that four lacks" in capsys.readouterr().err


def test_an_unreadable_clip_is_counted_and_listed(model, manifest, tmp_path, capsys):
    world = tmp_path / "world"
    shutil.copytree(manifest.parent, world)
    test = read_manifest(world / "manifest.csv", split="test")
    Path(test.paths[3]).write_bytes(b"no film")
    out = audit(f"python:{model}:predict", out=tmp_path / "out", manifest=world / "manifest.csv")
    rows = (out / "predictions" / "predict" / "left_out.tsv").read_text().splitlines()
    expected = {f"{task}\t{test.ids[3]}\t{test.labels[3]}" for task in TASKS[:4]}
    assert set(rows) == {"task\tid\tlabel", *expected}
    printed = capsys.readouterr()
    assert f"{test.paths[3]}: Invalid data found" in printed.out
    assert "unreadable videos: 1" in printed.out
    assert test.paths[3] in (out / "unreadable.tsv").read_text()


def test_predictions_that_exist_are_compared(model, manifest, tmp_path):
    out = audit(f"a=python:{model}:predict", out=tmp_path / "a", manifest=manifest)
    both = audit(
        f"b=python:{model}:number",
        f"csv:{out / 'predictions'}",
        out=tmp_path / "b",
        manifest=manifest,
    )
    results = json.loads((both / "results.json").read_text())
    assert sorted(each["name"] for each in results["models"]) == ["a", "b"]


def test_predictions_that_do_not_fit_are_refused_before_a_clip_is_asked(model, manifest, tmp_path):
    spec = f"python:{model}:predict"
    out = audit(f"a=python:{model}:predict", out=tmp_path / "a", manifest=manifest)
    asked(model)

    def message(*specs, **settings):
        with pytest.raises(UserError) as error:
            audit(*specs, out=tmp_path / "b", manifest=manifest, **settings)
        assert asked(model) == 0
        return str(error.value)

    assert "there is no folder" in message(spec, predictions=[tmp_path / "none"])
    seeds = message(f"m=python:{model}:predict", f"m_seed00=python:{model}:number")
    assert "two runs are named 'm' and have seed 0" in seeds
    table = out / "predictions" / "a" / "quickstart.csv"
    table.write_text(table.read_text().replace(",0,", ",1,", 1))
    assert "number the classes" in message(spec, predictions=[out / "predictions"])


def test_a_model_can_be_asked_again_beside_the_predictions_of_others(model, manifest, tmp_path):
    out = tmp_path / "out"
    for name in ("a", "b", "b"):
        given = [out / ".." / "out" / "predictions"] if name == "b" else ()
        audit(f"{name}=python:{model}:number", out=out, manifest=manifest, predictions=given)
    results = json.loads((out / "results.json").read_text())
    assert [each["name"] for each in results["models"]] == ["a", "b"]


def test_a_folder_of_videos_needs_no_config(model, manifest, tmp_path, capsys):
    videos = tmp_path / "videos"
    test = read_manifest(manifest, split="test")
    for number, (path, label) in enumerate(zip(test.paths, test.labels.tolist(), strict=True)):
        folder = videos / test.classes[label]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / f"{number}{Path(path).suffix}")
    names = manifest.with_name("classes.txt")
    out = audit(
        f"python:{model}:predict?classes={names}",
        videos=videos,
        out=tmp_path / "out",
        classes="subset",
    )
    names = set(tables(out, "predict"))
    ends = ("", "_reversed", "_shuffled", "_static")
    assert {f"custom{end}.csv" for end in ends} <= names
    assert len(read_predictions(out / "predictions" / "predict" / "custom.csv")) == len(test)
    assert "left out" not in capsys.readouterr().out
    assert "data:image" in (out / "report.html").read_text()


def test_the_reason_is_given_if_no_clip_can_be_read(model, tmp_path):
    for name in ("run", "jump"):
        folder = tmp_path / "videos" / name
        folder.mkdir(parents=True)
        (folder / "1.avi").write_bytes(b"no film")
    with pytest.raises(UserError, match=r"no clip can be read.* first one: .*1.avi: Invalid data"):
        audit(f"python:{model}:number", videos=tmp_path / "videos", out=tmp_path / "out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--model tv:x",
            "'tv:x' names no model; write KIND:LOCATION, where KIND is one of python, ",
        ),
        ("--model python:{m}:predict", "--config is missing; name the test sets"),
        ("{c} --model a/b=python:{m}:predict", "the name 'a/b' has a slash"),
        ("{c} --model .a=python:{m}:predict", "the name '.a' begins with a dot"),
        ("{c} --model =python:{m}:predict", "the name '' is empty"),
        (
            "{c} --model python:{m}:predict --model python:{m}:predict",
            "two models are named predict; name one of them, as in --model b=python:",
        ),
        ("{c} --model x=csv:{t}", "renames a folder of predictions"),
        ("{c} --model csv:{t}/none", "there is no folder"),
        ("{c} --model python:{m}:predict --size 8", "--size has no effect on models of the kind"),
        ("{c} --model python:{m}:predict --frames x", "frames is 'x', which is not a number"),
        ("{c} --model python:{m}:predict --views 2", "takes all frames; give --frames, too"),
        ("{c} --model python:{m}:logits", "not numbers in 0..1 that sum to 1"),
        ("{c} --model python:{m}:fails", "fails raised RuntimeError: out of memory"),
        ("{c} --model python:{m}:four", "has shape (4,) for 8 classes; name the model's"),
        ("--predictions {t} --views 2", "--views has no effect without --model"),
        ("--predictions {t} --size 2", "--size has no effect without --model"),
        ("{c} --model python:{m}:kept --cache x --no-cache", "--cache has no effect with"),
        ("--videos {t}/none --model python:{m}:kept", "--videos {t}/none does not exist"),
        (
            "--videos {t} --config custom --config.data.manifest=x --model python:{m}:kept",
            "--config.data.manifest has no effect with --model",
        ),
    ],
)
def test_a_mistake_is_one_sentence(model, manifest, tmp_path, capsys, words, message):
    config = f"--config quickstart --config.data.manifest={manifest}"
    arguments = words.format(c=config, m=model, t=tmp_path).split()
    status = cli.run(["audit", *arguments, "--out", str(tmp_path / "out")])
    printed = capsys.readouterr().err
    assert status == 2
    assert message.format(t=tmp_path) in printed
    assert "Traceback" not in printed
