"""Claims about pages that only a browser can decide; the claims are in tests/browser/."""

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.annotations import Annotations
from albar_jax.evaluation.motion_use import VideoUse, WindowUse, motion_use
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import attribution_page, html_page, plots, prediction_page
from albar_jax.report.attribution_pictures import ExplainedClip, Style
from albar_jax.report.prediction_page import VideoSection
from albar_jax.report.report_data import ReportData
from tests.evaluation.test_report_in_a_browser import BROWSER, hostile_page

FOLDER = Path(__file__).parent.parent / "browser"
NODE = shutil.which("node")
CLASSES = ("clap", "brush hair", "dive", "golf")


def _why_not() -> str | None:
    """Returns a reason to skip; None if everything is installed."""
    if BROWSER is None:
        return "no Chromium is installed"
    if NODE is None:
        return "Node.js is not installed"
    version = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.strip().removeprefix("v").split(".")[0]) < 20:
        return f"Node.js {version.stdout.strip()} is older than 20"
    if not (FOLDER / "node_modules" / "playwright-core").is_dir():
        return "the packages of tests/browser are not installed: make test-browser"
    return None


WHY_NOT = _why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


def photograph(seed: int) -> np.ndarray:
    """Returns a frame with the detail of a photograph, uint8 (112, 112, 3)."""
    rough = np.random.default_rng(seed).integers(0, 256, (28, 28, 3), np.uint8)
    return cv2.resize(rough, (112, 112), interpolation=cv2.INTER_CUBIC)


def read_clip(task: str, clip: str) -> np.ndarray:
    """Returns eight different frames."""
    return np.stack([photograph(frame) for frame in range(8)])


def check(test: str, pages: Path) -> None:
    """Runs the claims of a file in a browser on the pages of a folder."""
    run = subprocess.run(
        [NODE, "--test", FOLDER / test],
        env=os.environ | {"CHROMIUM": BROWSER, "PAGES": str(pages)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_report_is_sound_and_its_parts_work(make_run, answers, tmp_path):
    history = [{"step": step, "loss/total": 1 / (1 + step)} for step in range(5)]
    ones = [1] * 16
    albar = {"scuba": [1] * 14 + [0] * 2, "scufo": [0] * 14 + [1, 0]}
    common = {"iid": ones, "conflfg": [1, 0] * 8, "history": history, "cost_plain_steps": 400}
    runs = [
        make_run("albar", 0, **albar, **common),
        make_run("albar", 1, **albar, **common),
        make_run("ce", 0, scuba=[1, 1, 1, 0] * 4, scufo=[1, 1, 0, 0] * 4, **common),
    ]
    further = dict.fromkeys(("quickstart_static", "quickstart_afd"), answers([1, 0] * 8))
    further["quickstart_hat_swap"] = answers([1, 0, 0, 1] * 4)
    ids = further["quickstart_static"].ids
    cameras = {clip: f"camera {row % 2}" for row, clip in enumerate(ids)}
    annotations = {
        "quickstart": Annotations(groups={"camera": cameras}, training={"camera": {"camera 0": 9}}),
        "quickstart_hat_swap": Annotations(scenes=dict.fromkeys(ids, 2)),
    }
    runs = [dataclasses.replace(run, predictions=run.predictions | further) for run in runs]
    summaries = results.summarise(SUITES["quickstart"], runs)
    data = ReportData(summaries, CLASSES, read_clip, annotations=annotations)
    page = html_page.render(data)
    foreign = (
        "<style>h1{display:none}</style><p style='color:red'>x</p>"
        "<script>document.title='RAN'</script>"
    )
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    changed = page.replace("</h1>", f"</h1>{foreign}", 1)
    (tmp_path / "changed.html").write_text(changed, encoding="utf-8")

    check("report.test.mjs", tmp_path)


def test_other_pages_are_sound(tmp_path):
    large = large_page()
    assert len(large.encode()) < 5_000_000
    pages = {
        "large.html": large,
        "hostile.html": hostile_page(port=9),
        "predict.html": predict_page(),
        "attribution.html": attribution(),
    }
    for name, page in pages.items():
        (tmp_path / name).write_text(page, encoding="utf-8")

    check("pages.test.mjs", tmp_path)


def large_page() -> str:
    """Returns the page of 400 classes, all tasks and 4 models."""
    suite = SUITES["kinetics400"]
    tasks = suite.every_task
    assert len(tasks) >= 12

    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(400), 2)
    ids = tuple(f"video_{row:05}" for row in range(len(labels)))
    runs = []
    for name in ("videomae_base_k400", "timesformer", "albar", "ce"):
        predictions = {}
        for task in tasks:
            pred = np.where(
                rng.random(len(labels)) < 0.6, labels, rng.integers(0, 400, len(labels))
            )
            predictions[task] = Predictions(ids, labels, None, pred)
        runs.append(ModelRun(name, 0, None, predictions))

    classes = [f"playing musical instrument {number}" for number in range(400)]
    return html_page.render(ReportData(results.summarise(suite, runs), classes, read_clip))


def predict_page() -> str:
    """Returns the page of `albar predict`."""
    logits = np.eye(4)[0] * 3
    use = motion_use([logits], [-logits], np.zeros(4))
    video = VideoUse("a.mp4", use, 32, 25.0, (WindowUse(0, 31, use),))
    picture = plots.frame_png(photograph(0))
    section = VideoSection(video, frames=(picture,) * 8, still=picture)
    return prediction_page.render("albar", ["a note"], [video], [section], CLASSES)


def attribution() -> str:
    """Returns the page of `albar attribute`."""
    clip = ExplainedClip("a", "clap", read_clip("", "a"), ())
    return "".join(attribution_page.render([clip], [], Style()))
