"""Tests of appearance and motion: means by hand, intervals, the file, and the reports."""

import dataclasses
import json

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation import bootstrap, results
from albar_jax.evaluation.appearance_motion import (
    FILE,
    AppearanceMotion,
    read_split,
    summarise_split,
    write_split,
)
from albar_jax.evaluation.changed_answers import wrong_to_right
from albar_jax.evaluation.predictions import Predictions, write_predictions
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import html_page, outputs
from albar_jax.report.audit import audit_results
from albar_jax.report.report_data import ReportData

CLASSES = ("left", "right", "up", "down")
RIGHT = {"iid": [1] * 8, "scuba": [1] * 8, "scufo": [1] * 8, "conflfg": [1] * 8}


def split_of(appearance, motion, labels=None):
    labels = np.arange(len(appearance)) % 3 if labels is None else np.array(labels)
    ids = tuple(f"clip_{i}" for i in range(len(appearance)))
    return AppearanceMotion(ids, labels, np.array(appearance, float), np.array(motion, float))


def data_of(*runs):
    return ReportData(results.summarise(SUITES["quickstart"], runs), CLASSES)


def test_parts_are_averaged_over_clips_then_over_seeds():
    first = split_of([1, 2, 3, 6], [0, 0, 0, 4])
    second = split_of([3, 4, 5, 8], [2, 2, 2, 2])
    summary = summarise_split([first, second], 4)
    assert summary.every.clips == 4
    assert summary.every.appearance.mean == 4
    assert summary.every.appearance.sd == pytest.approx(2**0.5)
    assert summary.every.motion.mean == 1.5
    # Clips 0 and 3 have class 0; no clip has class 3.
    assert summary.classes[0].clips == 2
    assert summary.classes[0].appearance.mean == (1 + 6 + 3 + 8) / 4
    assert summary.classes[3] is None


def test_a_model_is_not_measured_unless_all_its_runs_are():
    assert summarise_split([split_of([1], [1]), None], 4) is None
    assert summarise_split([None], 4) is None


def test_the_interval_covers_the_mean_and_shrinks_with_more_videos():
    generator = np.random.default_rng(0)

    def interval(count, copies=1):
        ids = [f"clip_{i // copies}__{i % copies}" for i in range(count * copies)]
        values = generator.normal(1, 1, count).repeat(copies)
        return bootstrap.interval_of_means([(ids, values)])

    low, high = interval(400)
    # 1.96 standard errors to each side.
    assert low < 1 < high
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    # Copies of a video add nothing.
    low, high = interval(100, copies=4)
    assert high - low == pytest.approx(2 * 1.96 / 10, rel=0.25)


def test_the_interval_of_a_constant_is_a_point_and_seeds_are_averaged():
    ids = [f"clip_{i}" for i in range(9)]
    runs = [(ids, np.full(9, 2.0)), (ids[:5], np.full(5, 4.0))]
    assert bootstrap.interval_of_means(runs) == (3.0, 3.0)


def test_the_file_returns_the_same_bits_and_is_removed_with_the_parts(tmp_path):
    generator = np.random.default_rng(0)
    split = AppearanceMotion(
        ("a", "-b\tc", " d"), np.array([0, 2, 1]), *generator.normal(size=(2, 3))
    )
    write_split(tmp_path, split)
    again = read_split(tmp_path)
    assert again.ids == split.ids
    np.testing.assert_array_equal(again.labels, split.labels)
    np.testing.assert_array_equal(again.appearance, split.appearance)
    np.testing.assert_array_equal(again.motion, split.motion)

    write_split(tmp_path, None)
    assert read_split(tmp_path) is None


@pytest.mark.parametrize("row", ["a\t0\tnan\t1", "a\t0\t1\tx", "a\tone\t1\t1", ""])
def test_a_file_without_numbers_is_refused(tmp_path, row):
    (tmp_path / FILE).write_text(f"id\tlabel\tappearance\tmotion\n{row}\n")
    with pytest.raises(UserError, match=r"appearance_motion.tsv has a row without numbers"):
        read_split(tmp_path)


def test_reports_show_the_parts_of_measured_models_and_a_dash_for_others(make_run, tmp_path):
    split = split_of([1, -2.5, 3, 4], [2, 2, 2, 2])
    data = data_of(make_run("ce", 0, **RIGHT, split=split), make_run("mine", 0, **RIGHT))
    outputs.write(tmp_path, data)

    text = (tmp_path / "results.md").read_text()
    assert "| ce | 4 | +1.38 [" in text
    assert "| +2.00 [+2.00, +2.00] |" in text
    assert "| mine | – | – | – |" in text
    measured, other = json.loads((tmp_path / "results.json").read_text())["models"]
    assert other["appearance_motion"] is None
    content = measured["appearance_motion"]
    assert content["appearance"]["mean"] == 1.375
    assert [part["clips"] for part in content["classes"]] == [2, 1, 1, 0]
    assert content["classes"][1]["appearance"]["mean"] == -2.5

    page = (tmp_path / "report.html").read_text()
    assert "<h2>Appearance and motion</h2>" in page
    by_class = page[page.index('aria-label="Appearance and motion by class"') :].split("</table>")[
        0
    ]
    assert '<tbody data-model="ce">' in by_class
    assert '<tbody data-model="mine">' not in by_class


def test_reports_without_the_parts_have_no_place_for_them(make_run):
    data = data_of(make_run("ce", 0, **RIGHT))
    assert "Appearance and motion" not in html_page.render(data)
    assert "Appearance and motion" not in outputs.markdown(data)


def test_the_parts_change_no_other_figure(make_run):
    plain = make_run("ce", 0, **RIGHT)
    measured = dataclasses.replace(plain, split=split_of([1, 2], [3, 4]))
    without, content = (outputs.to_json(data_of(run)) for run in (plain, measured))
    assert content["models"][0].pop("appearance_motion")
    assert without["models"][0].pop("appearance_motion") is None
    assert content == without


def test_an_audit_reads_the_parts_next_to_the_predictions(tmp_path, answers):
    write_predictions(tmp_path / "quickstart.csv", answers([1] * 4))
    assert audit_results([tmp_path])["models"][0]["appearance_motion"] is None
    write_split(tmp_path, split_of([1, 2, 3, 4], [0, 0, 0, 1]))
    content = audit_results([tmp_path])["models"][0]["appearance_motion"]
    assert content["motion"]["mean"] == 0.25


def test_clips_are_chosen_that_only_the_second_model_recognises():
    labels = [0, 0, 0, 1, 1]
    ids = [f"clip_{i}" for i in range(5)]

    def predictions(probs_of_label):
        probs = np.array(
            [
                [p, 1 - p] if k == 0 else [1 - p, p]
                for k, p in zip(labels, probs_of_label, strict=True)
            ]
        )
        return Predictions(ids, labels, probs)

    first = predictions([0.4, 0.1, 0.9, 0.3, 0.2])
    second = predictions([0.99, 0.95, 0.9, 0.8, 0.1])
    # The largest gain, then the other class, then the rest. Clip 2 was right, clip 4 stays wrong.
    assert wrong_to_right(first, second, 4) == ("clip_1", "clip_3", "clip_0")
    assert wrong_to_right(first, second, 2) == ("clip_1", "clip_3")
    assert wrong_to_right(second, first, 4) == ()
