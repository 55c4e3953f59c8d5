"""Claim: a derived clip has the frames per second of the video that it was made from."""

import csv
import io
import os
import shutil
import zipfile

import numpy as np
from PIL import Image

from albar_jax.audit import asked_sets, rates
from albar_jax.audit.models.base import Sampling
from albar_jax.audit.reading import Reader
from albar_jax.config import parse
from albar_jax.config.config_files import load
from albar_jax.data.decode import open_video, read_frames


def derived_zip(folder, name, film):
    """Writes the frames of a film as a .zip, which has no rate."""
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        with open_video(film) as video:
            pictures = video.read(np.arange(len(video)))
        for number, picture in enumerate(pictures):
            file = io.BytesIO()
            Image.fromarray(picture).save(file, "PNG")
            archive.writestr(f"{number:03}.png", file.getvalue())


def test_clips_of_one_source_show_the_same_span(world_dir, tmp_path):
    world = tmp_path / "world"
    shutil.copytree(world_dir, world)
    with open(world / "quickstart_scuba.csv") as file:
        first = next(csv.DictReader(file))
    film = world / first["source"]
    for task in ("quickstart_afd", "quickstart_hat_swap"):
        derived_zip(world, task, film)
        row = f"{task}.zip,{first['label']},{first['id']},{first['source']}\n"
        (world / f"{task}.csv").write_text("path,label,id,source\n" + row)

    config = parse(load("quickstart", [f"--config.data.manifest={world / 'manifest.csv'}"]))
    tests = asked_sets.find(config)
    read = Reader(Sampling(4, fps=15.0), 1, lambda key: False)
    places = {}
    for job in asked_sets.questions(tests, range(8)):
        question = job.questions[0]
        if question.row == 0:
            (clip, *_) = read(job).clips.values()
            places[question.task] = (len(clip.frames), clip.places.tolist())

    with open_video(film) as video:
        assert video.fps == 8
    with open_video(world / first["path"]) as video:
        assert video.fps == 30
    # Four frames at 15 per second are 2.1 frames of a film with 8 per second: 2, 3, 4 and 4.
    for task in ("", "_scuba", "_conflfg", "_afd", "_hat_swap"):
        assert places[f"quickstart{task}"] == (3, [0, 1, 2, 2])
    assert places["quickstart_scufo"] == (1, [0, 0, 0, 0])


def test_a_still_has_the_source_of_its_clip(tmp_path):
    (tmp_path / "a.csv").write_text("path,label,source\na/1.mp4,x,videos/1.avi\n")
    (tmp_path / "b.csv").write_text("path,label,source\nb/1.jpg,x,./a/1.mp4\nb/2.jpg,x,\n")
    found = rates.sources([tmp_path / "a.csv", tmp_path / "b.csv"])
    video = os.path.join(tmp_path, "videos", "1.avi")
    assert found == {
        str(tmp_path / "a" / "1.mp4"): video,
        str(tmp_path / "b" / "1.jpg"): video,
    }


def test_a_chain_that_returns_ends(tmp_path):
    (tmp_path / "a.csv").write_text("path,label,source\na,x,b\nb,x,a\n")
    assert set(rates.sources([tmp_path / "a.csv"])) == {str(tmp_path / "a"), str(tmp_path / "b")}


def test_a_missing_source_leaves_the_rate_of_the_file(tmp_path, world_dir):
    assert rates.rate_of(str(tmp_path / "none.mp4")) is None
    (tmp_path / "damaged.mp4").write_bytes(b"no film")
    assert rates.rate_of(str(tmp_path / "damaged.mp4")) is None
    film = next((world_dir / "videos" / "test").iterdir())
    assert rates.rate_of(str(film)) == 8
    assert len(read_frames(film, [0])) == 1
