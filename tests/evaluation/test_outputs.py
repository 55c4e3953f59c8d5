import json

import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import outputs
from albar_jax.report.report_data import ReportData

QUICKSTART = SUITES["quickstart"]
CLASSES = ("left", "right", "up", "down")


@pytest.fixture
def written(make_run, tmp_path):
    right = {"scuba": [1] * 8, "conflfg": [0] * 8}
    runs = [
        make_run("ce", 0, iid=[1] * 8, **right, scufo=[1] * 8),
        make_run("ce", 1, iid=[1] * 8, **right, scufo=[1] * 8),
        make_run("a|b", 0, iid=[1] * 7 + [0], **right, scufo=[0] * 8),
    ]
    outputs.write(tmp_path / "out", ReportData(results.summarise(QUICKSTART, runs), CLASSES))

    return tmp_path / "out"


def test_results_json_has_the_documented_keys(written):
    content = json.loads((written / "results.json").read_text())
    keys = {
        "suite",
        "published",
        "by_background",
        "models",
        "notes",
        "comparisons",
        "comparison_test",
        "optional",
        "standard",
        "groups",
    }

    assert keys == set(content)

    ce = content["models"][0]
    assert {
        "name",
        "seeds",
        "rows",
        "sd",
        "interval",
        "per_seed",
        "figures",
        "figures_sd",
        "classes",
    } <= set(ce)
    assert ce["figures"]["confidence/scufo"] == pytest.approx(90)
    assert ce["figures_sd"]["confidence/scufo"] == 0
    assert ce["figures"]["shuffled/stay_right"] is None
    assert ce["classes"][1] == {
        "class": "right",
        "clips": 2,
        "left_out": 0,
        "iid": 100,
        "scuba": 100,
        "scufo": 100,
        "conflfg": 0,
        "contrasted": 0,
        "background": 0,
        "conflict": 100,
    }

    (pair,) = content["comparisons"]
    assert (pair["first"], pair["second"]) == ("ce", "a|b")
    assert pair["rows"]["scufo"] == {
        "difference": 100,
        "p_value": 2 / 2**8,
        "p_adjusted": 2 / 2**8,
        "seeds_count": True,
        "videos": 8,
        "exact": True,
        "unpaired": 0,
    }
    assert content["comparison_test"].startswith(
        "by a paired test over the source videos and the training seeds"
    )
    assert pair["rows"]["iid"]["difference"] == pytest.approx(12.5)


def test_markdown_has_the_table_the_figures_and_the_differences(written):
    text = (written / "results.md").read_text()
    assert text.startswith("| Model")
    assert "| Confidence, SCUFO ↓ | 90.0 ± 0.0 | 90.0 |" in text
    assert "| Still right, shuffled | – | – |" in text
    assert "Differences, by a paired test over the source videos and the training seeds" in text
    assert "Holm's method for all pairs of models of a column" in text
    assert "| ce − a\\|b | +12.5 (p = 1.000) | +0.0 (p = 1.000) | +100.0 (p = 0.008) |" in text


def test_the_three_files_are_written(written):
    assert {path.name for path in written.iterdir()} == {
        "results.json",
        "results.md",
        "report.html",
    }
