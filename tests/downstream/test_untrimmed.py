"""The generated untrimmed films: the truth is what they show, and the bias is only in training."""

import collections
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from albar_jax.data.decode import open_video
from albar_jax.data.manifest import read_manifest
from albar_jax.errors import UserError
from albar_jax.features.anomaly import frame_truth, read_anomaly
from albar_jax.features.segments import read_segments
from albar_jax.toy import films, untrimmed
from albar_jax.toy.films import EVENTS, FRAMES_PER_SECOND, plan
from albar_jax.toy.world import World

FAMILIES = [family.name for family in World().spec.backgrounds]

SMALL = {"seed": 3, "num_train": 4, "num_test": 4}
# Mean loss by compression over a film of 256 levels.
LOSS = 4.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("untrimmed") / "films"
    assert untrimmed.make(out, **SMALL, jobs=1)
    return out


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def decode(path):
    with open_video(str(path)) as video:
        return video.read(range(len(video)))


def many(task, split, count=400, seed=0):
    return [plan(World(seed), task, split, index) for index in range(count)]


def speeds(frames):
    """Direction of motion between neighbouring frames, by cross-correlation on the torus.

    The still scene has no part in the differences of frames from the mean over time.
    """
    grey = frames.astype(float).mean(-1)
    moving = np.fft.fft2(np.clip(grey - np.median(grey, 0), 0, None))
    peaks = []
    for one, other in zip(moving, moving[1:], strict=False):
        correlation = np.fft.ifft2(other * np.conj(one)).real
        y, x = np.unravel_index(correlation.argmax(), correlation.shape)
        peaks.append([(x + 16) % 32 - 16, (y + 16) % 32 - 16])
    return np.array(peaks)


def test_films_decode_to_what_was_planned_and_drawn(folder):
    for task in EVENTS:
        manifest = read_manifest(folder / task / "manifest.csv")
        for split in ("train", "test"):
            film = plan(World(3), task, split, 1)
            row = list(manifest.ids).index(film.id)
            decoded = decode(manifest.paths[row])
            drawn = films.draw_film(World(3), film)
            assert decoded.shape == drawn.shape == (film.num_frames, 32, 32, 3)
            assert abs(decoded.astype(int) - drawn).mean() < LOSS


def test_frames_of_an_event_show_its_motion_and_the_frames_around_it_another(folder):
    truth = read_segments(folder / "segments" / "thumos14.json")
    direction = {"left": (0, -1), "right": (0, 1), "up": (1, -1), "down": (1, 1)}
    checked = 0
    for video in truth.of_split("test"):
        path = folder / "segments" / "videos" / "test" / f"{video.id}.avi"
        motions = speeds(decode(path))
        for (start, end), label in zip(video.segments, video.labels, strict=True):
            first, last = round(start * FRAMES_PER_SECOND), round(end * FRAMES_PER_SECOND)
            axis, sign = direction[truth.classes[label]]
            # Within the event; a cut to another part moves the sprite anywhere.
            inside = motions[first : last - 1, axis] * sign
            assert np.median(inside) >= 1, (video.id, first, last)
            assert abs(np.median(motions[first : last - 1, 1 - axis])) < 1
            checked += 1
    assert checked >= 8


def test_anomalous_frames_are_those_of_the_planned_events(folder):
    for video in read_anomaly(folder / "anomaly"):
        index = int(video.id.rpartition("_")[2])
        film = plan(World(3), "anomaly", video.split, index)
        assert video.label == film.label
        if video.split == "train":
            assert not video.events
            continue

        expected = np.zeros(film.num_frames)
        for part in film.events:
            expected[part.start : part.start + part.length] = 1
        rows = -(-film.num_frames // 8)
        marked = frame_truth(video, rows, 8)[: film.num_frames]
        np.testing.assert_array_equal(marked, expected)
        assert bool(expected.any()) == video.is_abnormal


def test_segments_last_as_long_as_the_film(folder):
    truth = read_segments(folder / "segments" / "thumos14.json")
    assert truth.classes == EVENTS["segments"]
    for video in truth.videos:
        film = plan(World(3), "segments", video.split, int(video.id.rpartition("_")[2]))
        path = folder / "segments" / "videos" / video.split / f"{video.id}.avi"
        assert video.duration * video.fps == len(decode(path)) == film.num_frames
        assert video.segments.max() <= video.duration


@pytest.mark.parametrize("task", list(EVENTS))
def test_parts_have_no_gaps_and_events_do_not_touch(task):
    for film in many(task, "train", 100):
        end = 0
        for part in film.parts:
            assert part.start == end
            end += part.length
        for one, other in zip(film.parts, film.parts[1:], strict=False):
            assert not (one.is_event and other.is_event)
        assert {part.action for part in film.events} <= {film.label}
        rest = {part.action for part in film.parts if not part.is_event}
        assert not rest & set(EVENTS[task])


@pytest.mark.parametrize("task", list(EVENTS))
def test_scene_gives_away_the_class_in_training_only(task):
    def share(split):
        labelled = [film for film in many(task, split) if film.label != films.NORMAL]
        classes = World().spec.classes
        own = [film.scene == FAMILIES[classes.index(film.label)] for film in labelled]
        return np.mean(own)

    assert share("train") == pytest.approx(0.85, abs=0.06)
    assert share("test") == pytest.approx(1 / 8, abs=0.06)


def test_test_scenes_do_not_tell_normal_films_from_others():
    def counts(is_normal):
        chosen = [film for film in many("anomaly", "test", 1600) if is_normal(film)]
        scenes = collections.Counter(film.scene for film in chosen)
        return np.array([scenes[name] / len(chosen) for name in FAMILIES])

    normal = counts(lambda film: film.label == films.NORMAL)
    others = counts(lambda film: film.label != films.NORMAL)
    assert abs(normal - others).max() < 0.06


def test_half_of_the_anomaly_films_are_normal_and_classes_are_balanced():
    labels = collections.Counter(film.label for film in many("anomaly", "test", 40))
    assert labels == {"Normal": 20, "shuttle_h": 10, "shuttle_v": 10}


def test_same_settings_give_the_same_bytes_with_any_number_of_processes(folder, tmp_path):
    untrimmed.make(tmp_path / "again", **SMALL, jobs=2)
    assert hashes(tmp_path / "again") == hashes(folder)


def test_other_seeds_give_other_films():
    assert many("anomaly", "test", 5, seed=0) != many("anomaly", "test", 5, seed=1)


def test_folder_is_not_made_twice_and_not_with_other_settings(folder, tmp_path):
    before = hashes(folder)
    assert not untrimmed.make(folder, **SMALL, jobs=1)
    assert hashes(folder) == before
    with pytest.raises(UserError, match="was made with"):
        untrimmed.make(folder, **SMALL | {"seed": 4}, jobs=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_train": 3}, "--train is 3"),
        ({"num_test": 1}, "--test is 1"),
        ({"bias": 1.5}, "--bias is 1.5"),
    ],
)
def test_impossible_settings_are_refused_before_work(settings, message, tmp_path):
    with pytest.raises(UserError, match=message):
        untrimmed.make(tmp_path / "films", **SMALL | settings)
    assert not list(tmp_path.iterdir())


def test_command_makes_the_films(folder, tmp_path):
    out = tmp_path / "films"
    arguments = ["toy", "untrimmed", f"--out={out}", "--seed=3", "--train=4", "--test=4"]
    subprocess.run([sys.executable, "-m", "albar_jax", *arguments], check=True)
    assert hashes(out) == hashes(folder)
    assert json.loads((out / "dataset.json").read_text())["seed"] == 3
