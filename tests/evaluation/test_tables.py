import json

import pytest

from albar_jax.evaluation import results, tables
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES

QUICKSTART = SUITES["quickstart"]
FIGURES = ["iid", "scuba", "scufo", "conflfg", "contrasted"]


@pytest.fixture
def summaries(make_run, answers):
    wrong_and_right = {"scuba": [1, 1], "scufo": [1, 0], "conflfg": [0, 0], "cost_plain_steps": 400}
    runs = [
        make_run("ce", 0, iid=[1, 1], **wrong_and_right, train_seconds=61.5),
        make_run("ce", 1, iid=[1, 0], **wrong_and_right),
        ModelRun("a|b", 0, None, {"quickstart": answers([1, 1, 0])}),
    ]
    return results.summarise(QUICKSTART, runs)


def test_results_json_has_the_documented_shape(tmp_path, summaries):
    tables.write_json(tmp_path / "out" / "results.json", QUICKSTART, summaries)
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(found) == ["suite", "models"]
    assert found["suite"] == "quickstart"
    ce, other = found["models"]
    assert list(ce) == ["name", "seeds", "rows", "sd", "interval", "per_seed", "cost_plain_steps"]
    assert (ce["name"], ce["seeds"], ce["cost_plain_steps"]) == ("ce", [0, 1], 400)
    assert ce["rows"] == {"iid": 75, "scuba": 100, "scufo": 50, "conflfg": 0, "contrasted": 50}
    assert list(ce["sd"]) == list(ce["interval"]) == FIGURES
    assert ce["interval"]["scuba"] == [100, 100]
    assert [line["rows"]["iid"] for line in ce["per_seed"]] == [100, 50]
    assert ce["per_seed"][0] | {"rows": None} == {
        "seed": 0,
        "checkpoint_step": 400,
        "train_seconds": 61.5,
        "rows": None,
        "unpaired": {},
    }
    assert [name for name in FIGURES if other["rows"][name] is None] == FIGURES[1:]
    assert other["sd"] == dict.fromkeys(FIGURES)


def test_markdown_shows_mean_sd_and_dashes(summaries):
    lines = tables.markdown(QUICKSTART, summaries).splitlines()
    assert lines[0] == "| Model | Seeds | Cost (plain steps) | IID ↑ | SCUBA ↑ | SCUFO ↓ | Confl-FG ↑ | Contrasted ↑ |"
    assert lines[2] == "| ce | 2 | 400 | 75.0 ± 35.4 | 100.0 ± 0.0 | 50.0 ± 0.0 | 0.0 ± 0.0 | 50.0 ± 0.0 |"
    assert lines[3] == "| a\\|b | 1 | – | 66.7 | – | – | – | – |"


def test_console_columns_are_aligned(summaries):
    lines = tables.console(QUICKSTART, summaries).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].startswith("Model  Seeds")
    assert " ".join(lines[2].split()) == "ce 2 400 75.0 ± 35.4 100.0 ± 0.0 50.0 ± 0.0 0.0 ± 0.0 50.0 ± 0.0"
    assert lines[0].index("IID ↑") + len("IID ↑") == lines[2].index("75.0 ± 35.4") + len("75.0 ± 35.4")
