"""The rules of evidence: seeds, trials, equal compute, and counts over several tables."""

import dataclasses
import json

import numpy as np
import pytest

from albar_jax import cli
from albar_jax.config import config_files
from albar_jax.errors import UserError
from albar_jax.evaluation.paired_differences import PairedDifference
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun, summarise
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import cells, evidence, tables
from albar_jax.report.evidence import Evidence
from albar_jax.studies import seeds, trials
from albar_jax.studies.trials import Trial
from albar_jax.wiring import study_origin, trials_table
from albar_jax.wiring.study_request import read_request


def test_choices_are_made_on_three_seeds_and_reports_on_five_others():
    assert seeds.read_seeds(None, for_report=False) == [0, 1, 2]
    assert seeds.read_seeds(None, for_report=True) == [10, 11, 12, 13, 14]
    assert seeds.read_seeds("10, 12", for_report=True) == [10, 12]
    assert seeds.purpose_of([0, 7, 9]) == "choices"
    assert seeds.purpose_of([14, 10]) == "reports"


@pytest.mark.parametrize("mixed", [[0, 10], [11, 3], [14, 15]])
def test_a_table_has_seeds_of_one_kind(mixed):
    with pytest.raises(UserError, match=r"is for reports and seed .* for choices"):
        seeds.purpose_of(mixed)


@pytest.mark.parametrize("text", ["²", "a", "", "1,1", "1,,2", "-1", "9" * 5000])
def test_what_is_no_list_of_different_numbers_is_one_sentence(text):
    with pytest.raises(UserError, match="it is different numbers from 0"):
        seeds.read_seeds(text, for_report=False)


def test_the_seeds_of_a_command_line_are_checked_before_any_work(tmp_path, capsys):
    # If the check were missing, --list would print the runs instead of training them.
    command = ["study", "--config=quickstart_table1", f"--workdir={tmp_path / 'work'}", "--list"]
    assert cli.run([*command, "--seeds=2,10"]) == 2
    assert "seed 10 is for reports and seed 2 for choices" in capsys.readouterr().err
    assert cli.run([*command, "--seeds=0,1", "--report"]) == 2
    assert "--report needs seeds from 10, 11, 12, 13, 14" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("study", ["fast_choice", "beyond_choice", "quickstart_start"])
def test_a_study_that_chooses_refuses_the_seeds_for_reports(study, tmp_path, capsys):
    command = ["study", f"--config={study}", f"--workdir={tmp_path / 'work'}", "--list"]
    assert cli.run([*command, "--seeds=10,11"]) == 2
    assert "chooses between recipes, and seeds 10, 11, 12, 13, 14 are for reports" in (
        capsys.readouterr().err
    )
    assert cli.run([*command, "--seeds=0"]) == 0


def test_the_table_of_a_report_has_another_folder_than_the_table_of_choices(tmp_path):
    def folder(seeds):
        return read_request("quickstart_table1:pretrained", str(tmp_path), seeds, []).folder.name

    assert folder("0,1") == "quickstart_table1_pretrained"
    assert folder("10,11") == "quickstart_table1_pretrained_report"


def test_a_report_needs_committed_code(tmp_path):
    shipped = config_files.find("world", "studies")
    study_origin.check_committed("a15be09", shipped)
    with pytest.raises(UserError, match="uncommitted changes; commit them"):
        study_origin.check_committed("a15be09+", shipped)
    # The current folder may be another checkout.
    with pytest.raises(UserError, match="world.py is not in .*, whose commit the table would name"):
        study_origin.check_committed("a15be09", tmp_path / "configs/studies/world.py")


def test_a_table_states_which_seeds_of_a_report_are_missing():
    assert "Not all seeds for reports are here: 13, 14" in seeds.caution("reports", [10, 11, 12])
    assert seeds.describe("reports", [10]) == "for reports: seed 10"


def trial(outcome="finished", seed=0, run=None, **more):
    name = run or f"albar_seed{seed}"
    entries = {
        "time": "2026-11-28T15:40:00+00:00",
        "study": "one",
        "row": "albar",
        "data": f"data/w_seed{seed}/manifest.csv",
        "commit": "a15be09",
        "recipe": {"methods": "albar", "optim.b1": 0.5},
        "figures": {"iid": 50.0 + seed} if outcome == "finished" else {},
        "steps": 400,
        "cost_plain_steps": 1237.2,
    }
    return Trial(outcome=outcome, seed=seed, run=name, **{**entries, **more})


def test_the_record_is_read_as_written_and_damaged_lines_are_skipped(tmp_path):
    written = [trial("begun"), trial(), trial("failed", 1, error="diverged\n| at step 3")]
    for each in written[:2]:
        trials.append(tmp_path, each)
    path = tmp_path / "trials.jsonl"
    with path.open("a") as file:
        file.write('{"a": 1}\n[1]\n{"outcome": "won"}\n' + json.dumps({"time": 3}) + "\n{tor")
    trials.append(tmp_path, written[2])

    assert trials.read(tmp_path) == written
    assert len(path.read_text().splitlines()) == 8


def test_a_line_with_an_entry_of_another_type_is_damaged_and_a_new_entry_is_not(tmp_path):
    good = dataclasses.asdict(trial())
    entries = [("seed", "zero"), ("figures", {"iid": "high"}), ("recipe", 3), ("run", None)]
    with (tmp_path / "trials.jsonl").open("a") as file:
        for name, value in (*entries, ("mood", "good")):
            file.write(json.dumps({**good, name: value}) + "\n")
    assert trials.read(tmp_path) == [trial()]


def test_trials_without_a_record_are_one_sentence(tmp_path, capsys):
    assert cli.run(["study", "--trials", f"--workdir={tmp_path}"]) == 2
    assert "has no trials.jsonl; a study writes it" in capsys.readouterr().err


def test_the_page_of_trials_has_a_line_for_each_recipe_and_purpose():
    other = {"methods": "ce", "optim.b1": 0.5, "optim.b2": 0.9}
    record = [trial(seed=seed) for seed in (0, 1, 2, 10)]
    record += [trial("begun", 3), trial("failed", 4, error="the loss is not finite")]
    record.append(trial(seed=1, run="ce_seed1", recipe=other, cost_plain_steps=None))
    page = trials_table.page(record, "albar study --trials", "abc")

    assert "Runs: 5 finished, 1 failed, 1 unfinished." in page
    lines = [line for line in page.splitlines() if line.startswith("| ")][2:]
    assert len(lines) == 3
    assert lines[0].startswith("| albar | one: albar | data/w_seedN/manifest.csv | choices | ")
    assert " | 0, 1, 2, 3 (unfinished), 4 (failed) | 400 | 1237 | 51.0 ± 1.0 | " in lines[0]
    assert " | reports | 10 | 400 | 1237 | 60.0 | " in lines[1]
    assert lines[2].startswith("| ce, optim.b2=0.9 | one: albar | ")
    assert "Failed: albar, seed 4: the loss is not finite" in page
    assert "All recipes: optim.b1=0.5." in page


def test_a_run_that_was_deleted_and_began_again_keeps_its_figures():
    begun = {"steps": 0, "cost_plain_steps": None}
    record = [trial(seed=0), trial(seed=1), trial("begun", 1, **begun), trial("begun", 2, **begun)]
    page = trials_table.page(record, "albar study --trials", "abc")
    seeds_of_runs = "0, 1 (unfinished, finished before), 2 (unfinished)"
    assert f" | {seeds_of_runs} | 400 | 1237 | 50.5 ± 0.7 | " in page


ANSWERS = Predictions(("clip",), np.array([0]), np.array([[0.9, 0.1]]))


def models(*costs):
    """Results of the models a, b, c with these costs: plain steps and factor."""
    runs = []
    for name, (cost, factor) in zip("abc", costs, strict=True):
        cost_of = {"cost_plain_steps": cost, "cost_factor": factor}
        runs.append(ModelRun(name, 0, 1, {"quickstart": ANSWERS}, **cost_of))
    return summarise(SUITES["quickstart"], runs)


def costs_of(results):
    return [line[1] for line in cells.table_of(results)][1:4]


def test_a_row_of_another_cost_is_marked_and_a_sentence_says_so():
    results = models((400, 1.0), (402, 1.005), (1237, 3.0925))
    assert costs_of(results) == ["400", "402", "1237 (× 3.09)"]
    assert "Compute is not equal in this table: × is the cost" in tables.markdown(results)


def test_a_cost_that_is_not_known_is_not_called_equal():
    known = tables.markdown(models((400, 1.0), (400, 1.0), (1237, 3.0925)))
    assert "A row without × has the cost of the reference row." in known
    unknown = tables.markdown(models((400, 1.0), (None, None), (1237, 3.0925)))
    assert "has the cost of the reference row, or its cost is not known." in unknown


def test_equal_costs_need_no_sentence():
    text = tables.markdown(models((400, 1.0), (402, 1.005), (400, None)))
    assert "Compute" not in text
    assert "×" not in text


def test_a_cheaper_row_is_marked_too_and_without_plain_steps():
    assert costs_of(models((None, 1.0), (None, 0.4), (None, None))) == ["–", "– (× 0.40)", "–"]


def test_differences_are_shown_towards_the_reference():
    pairs = [
        PairedDifference("a", "b", "iid", -2.04, (-5.0, 1.0), (0,)),
        PairedDifference("a", "c", "iid", 1.0, (0.5, 1.5), (0,)),
        PairedDifference("b", "c", "iid", 3.0, (2.0, 4.0), (0,)),
    ]
    shown = Evidence("", "", {"a": "a", "b": "a", "c": "b"}, pairs, {"iid": -1.0, "scuba": None})
    results = models((1, 1), (1, 1), (1, 1))
    header, lines = evidence.difference_table(shown, results)
    assert header[:2] == ["Difference in points", "IID ↑"]
    assert [line[:2] for line in lines] == [
        ["b − a", "+2.0 [−1.0, +5.0]"],
        ["c − b", "−3.0 [−4.0, −2.0]"],
    ]
    assert "IID −1.00, SCUBA –." in evidence.markdown(shown, results)


@pytest.fixture
def table(tmp_path):
    """Writes the table of a world; returns its folder."""

    def make(name, figures, seeds_of=None, **more):
        written = []
        for row, figure in figures.items():
            rows = {"contrasted": figure, "scufo": figure}
            sds = {"contrasted": 2.0, "scufo": 2.0}
            model = {"name": row, "rows": rows, "sd": sds, "cost_plain_steps": 400}
            written.append({**model, "seeds": (seeds_of or {}).get(row, [10, 11])})

        pair = dict(zip(("first", "second"), figures, strict=True))
        difference = {"row": "contrasted", **pair, "difference": 1, "interval": [-1, 2]}
        study = {
            "goals": {"contrasted": "up", "scufo": "down"},
            "titles": {"contrasted": "Contrasted"},
            "differences": [difference],
            "rank_correlation": {"contrasted": 0.5},
            "purpose": "reports",
            "seeds": [10, 11],
            "trained_at": ["abc"],
        }
        folder = tmp_path / name
        folder.mkdir()
        content = {"models": written, "study": study | more}
        (folder / "results.json").write_text(json.dumps(content))
        return str(folder)

    return make


def compare(tmp_path, *words):
    out = tmp_path / "out.md"
    assert cli.run(["study", "--compare", *words, "--out", str(out)]) == 0
    return out.read_text()


def test_worlds_are_counted_in_which_a_row_is_as_good_or_better_by_a_margin(table, tmp_path):
    worlds = [
        table("mild", {"albar": 80.0, "fast": 78.0}),
        table("strong", {"albar": 80.0, "fast": 77.9}),
        table("camera", {"albar": 80.0, "fast": 83.0}),
        table("long", {"albar": 80.0, "fast": None}),
    ]
    page = compare(tmp_path, *worlds, "--row=fast", "--row=albar", "--margin=3")

    assert "or better, in 2 of 4 tables. Its lead is at least +3.0 points in 1 of 4." in page
    lines = page.splitlines()
    assert lines[4] == (
        "| mild | 10, 11 (reports) | 78.0 ± 2.0 | 80.0 ± 2.0 | −1.0 [−2.0, +1.0] | × 1.00 "
        "| yes | no |"
    )
    assert [line.split(" | ")[6:] for line in lines[5:8]] == [
        ["no", "no |"],
        ["yes", "yes |"],
        ["–", "– |"],
    ]
    assert "tested at commit abc" in page


def test_a_lower_figure_is_better_where_the_goal_is_down(table, tmp_path):
    mild = table("mild", {"albar": 10.0, "fast": 7.0})
    long = table("long", {"albar": 5.0, "fast": 9.0})
    words = ["--row=fast", "--row=albar", "--column=scufo", "--margin=-3"]
    page = compare(tmp_path, mild, long, *words)
    assert "or better, in 1 of 2 tables. Its lead is at least −3.0 points in 1 of 2." in page


def test_the_orders_of_two_tables_are_set_side_by_side(table, tmp_path):
    rows = {"a": 1.0, "b": 2.0}
    order = {"contrasted": 0.934, "iid": None}
    folders = [table("scratch", rows), table("pretrained", rows, rank_correlation=order)]
    page = compare(tmp_path, *folders)
    assert "| scratch | 10, 11 (reports) | +0.50 | – |" in page
    assert "| pretrained | 10, 11 (reports) | +0.93 | – |" in page


def test_rows_of_different_seeds_are_named(table, tmp_path):
    rows = {"albar": 80.0, "fast": 78.0}
    folders = [table("mild", rows), table("long", rows, seeds_of={"fast": [10]})]
    page = compare(tmp_path, *folders, "--row=fast", "--row=albar")
    assert "long is not finished: fast has the seeds 10, albar 10, 11." in page
    assert "mild is not finished" not in page


def test_tables_of_both_kinds_of_seeds_and_a_table_given_twice_are_refused(table, tmp_path, capsys):
    rows = {"albar": 80.0, "fast": 78.0}
    mild, choices = table("mild", rows), table("long", rows, purpose="choices")
    for words in ([], ["--row=fast", "--row=albar"]):
        command = ["study", f"--out={tmp_path / 'out.md'}", *words, "--compare", mild]
        assert cli.run([*command, choices]) == 2
        assert "has seeds for reports and" in capsys.readouterr().err
        assert cli.run([*command, f"{mild}/results.json"]) == 2
        assert "mild/results.json twice; leave one out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--row=fast", "--row=alber"], "has no row 'alber'; its rows are albar, fast"),
        (["--row=fast", "--row=albar", "--column=iod"], "has no column 'iod'; its columns are"),
        (["--row=fast"], "--row is given 1 times; name two rows"),
        (["--row=fast", "--row=albar", "--margin=nan"], "--margin is nan"),
        (["--column=iid"], "--column has no effect without --row"),
        (["--table"], "--table and --compare are two commands"),
        (["--seeds=1"], "--seeds has no effect with --compare"),
        (["nowhere"], "nowhere/results.json does not exist; name the folder of a table"),
    ],
)
def test_a_mistaken_comparison_is_one_sentence(table, words, sentence, tmp_path, capsys):
    folder = table("mild", {"albar": 80.0, "fast": 78.0})
    assert cli.run(["study", f"--out={tmp_path / 'out.md'}", "--compare", folder, *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error
    assert not (tmp_path / "out.md").exists()


@pytest.mark.parametrize(
    "damage", [{"differences": 3}, {"goals": None}, {"rank_correlation": {"iid": "high"}}]
)
def test_a_table_of_another_version_or_damaged_is_one_sentence(table, damage, tmp_path, capsys):
    folder = table("mild", {"albar": 80.0, "fast": 78.0}, **damage)
    assert cli.run(["study", f"--out={tmp_path / 'o.md'}", "--compare", folder]) == 2
    assert "is not the table of a study of this version; write" in capsys.readouterr().err
