"""The studies: each loads, and its rows are the rows of the paper's table."""

import dataclasses
import fcntl
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from albar_jax.config import parse
from albar_jax.errors import UserError
from albar_jax.studies import alone, list_plain_runs, list_runs, read_study
from configs import base, worlds

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path for path in (ROOT / "configs" / "studies").glob("*.py") if path.stem != "__init__"
)
STUDIES = {path.stem: read_study(str(path)) for path in FILES}
HMDB51_TABLES = [name for name in STUDIES if name.startswith("hmdb51")]


TWINS = [f"quickstart_table{number}" for number in (1, 3, 4, 10, 11, 12)]


def read(name, argument):
    return read_study(str(ROOT / "configs" / "studies" / f"{name}.py"), argument)


def folders(name, seed=0, argument=None):
    study = STUDIES[name] if argument is None else read(name, argument)
    return {run.cell.name: run.folder.name for run in list_runs(study, [seed], Path("w"), {})}


def test_there_is_a_study_of_each_table_and_its_twins_and_those_of_the_generated_worlds():
    generated = {
        name for name in STUDIES if name.startswith("quickstart") or name.endswith("stand_in")
    } | {"world", "fast_choice", "beyond_choice"}
    tables = {name.rpartition("table")[2] for name in STUDIES if name not in generated}
    assert tables == {str(number) for number in range(1, 13)}
    others = {f"quickstart_{name}" for name in ("table5", "cost", "start")}
    assert {name for name in STUDIES if name.startswith("quickstart")} == {*TWINS, *others}


@pytest.mark.parametrize("name", STUDIES)
def test_cells_are_the_lines_of_the_published_table_and_parse(name):
    study = STUDIES[name]
    # Table 5 has probes, and the published figures of its encoders are in Table 1.
    if study.suite.published is not None and not study.probes:
        assert [cell.name for cell in study.cells] == list(study.suite.published.figures)
    for cell in study.cells:
        parsed = parse(cell.config(3, {}))
        assert parsed.seed == 3
        assert parsed.eval.static_validation == (not name.startswith("waterbirds"))
    names = folders(name).values()
    assert len(set(names)) == len(names), "two cells of one study are the same"


@pytest.mark.parametrize("name", STUDIES)
def test_contrasted_is_between_scuba_less_scufo_and_scuba_or_a_note_says_so(name):
    published = STUDIES[name].suite.published
    if published is None or "contrasted" not in published.columns:
        return
    for method in published.figures:
        rows = published.rows(method)
        scuba, scufo = (
            np.mean([v for k, v in rows.items() if k.startswith(kind)])
            for kind in ("scuba", "scufo")
        )
        possible = scuba - scufo - 0.03 <= rows["contrasted"] <= scuba + 0.03
        assert possible or (method, "contrasted") in published.notes, method


def test_plain_training_and_albar_are_shared_by_the_tables():
    plain = {
        folders(name)[row]
        for name in HMDB51_TABLES
        for row in ("ce", "none")
        if row in folders(name)
    }
    assert len(plain) == 1
    assert (
        folders("hmdb51_table1")["albar"]
        == folders("hmdb51_table3")["all"]
        == folders("hmdb51_table4")["middle"]
    )
    random = folders("hmdb51_table4")["random"]
    assert random == folders("hmdb51_table7")["albar"] == folders("hmdb51_table10")["adv_weight 1"]
    assert (
        random
        == folders("hmdb51_table11")["entropy_weight 4"]
        == folders("hmdb51_table12")["penalty_weight 10"]
    )
    assert folders("ucf101_table2")["stillmix"] == folders("ucf101_table8")["stillmix"]
    twin, cost = folders("quickstart_table3"), folders("quickstart_cost")
    assert (
        twin["all"]
        == folders("quickstart_table1")["albar"]
        == folders("quickstart_table4")["random"]
    )
    assert (twin["all"], twin["adv+ent"]) == (
        cost["albar, 8 frames"],
        cost["albar, 8 frames, no penalty"],
    )


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("argument", ["scratch", "pretrained", "cuts", "cuts/pretrained"])
def test_a_twin_has_the_rows_of_the_published_table_from_both_starts_in_any_world(name, argument):
    study = read(name, argument)
    assert [cell.name for cell in study.cells] == list(study.suite.published.figures)
    paper = STUDIES[name.replace("quickstart", "hmdb51")].suite.published
    assert list(study.suite.published.figures.values())[0] == list(paper.figures.values())[0]
    for run in list_runs(study, [4], Path("w"), {}):
        world = run.config.data.manifest.split("/")[1]
        assert world.startswith("cuts_" if "cuts" in argument else "quickstart_")
        assert world.endswith("_seed4")
        assert run.config.init == (
            str(worlds.get_start().weights) if "pretrained" in argument else ""
        )
    names = folders(name, argument=argument)
    assert len(set(names.values())) == len(names)
    usual = folders(name).values()
    assert (set(names.values()) == set(usual)) == (argument == "scratch")


def test_from_the_pretrained_start_the_tables_share_their_runs_as_in_the_paper():
    tables = {name: folders(name, argument="pretrained") for name in TWINS}
    table_1, table_3, table_4, table_10, table_11, table_12 = tables.values()
    assert table_1["albar"] == table_3["all"] == table_4["middle"]
    assert table_4["random"] == table_10["adv_weight 1"] == table_11["entropy_weight 4"]
    assert table_4["random"] == table_12["penalty_weight 10"]
    plain = {table_1["ce"], *(table["none"] for table in tables.values() if "none" in table)}
    assert len(plain) == 1


def test_from_scratch_the_weights_of_the_penalty_are_scaled_and_show_the_papers_figures():
    study = STUDIES["quickstart_table12"]
    table_12 = folders("quickstart_table12")
    assert table_12["penalty_weight 0.1"] == folders("quickstart_table1")["albar"]
    published, paper = study.suite.published, STUDIES["hmdb51_table12"].suite.published
    assert published.figures["penalty_weight 0.05"] == paper.figures["penalty_weight 5"]
    assert published.notes["penalty_weight 0.05", ""] == "the paper's weight is 5"
    weights = [cell.config(0, {}).methods.albar.penalty_weight for cell in study.cells[1:]]
    assert weights == [0.05, 0.1, 0.2]


@pytest.mark.parametrize("world", ["quickstart", "long", "classes51"])
def test_the_table_of_a_world_has_each_row_from_both_starts(world):
    study = read("world", world)
    names = [cell.name for cell in study.cells]
    assert {"ce", "albar", "albar+stillmix", "albar_fast"} <= set(names)
    scratch, pretrained = names[: len(names) // 2], names[len(names) // 2 :]
    assert pretrained == [f"{name}, pretrained" for name in scratch]
    assert {study.reference_of(name) for name in scratch} == {"albar"}
    assert {study.reference_of(name) for name in pretrained} == {"albar, pretrained"}
    runs = {run.cell.name: run for run in list_runs(study, [0], Path("w"), {})}
    assert len({run.folder for run in runs.values()}) == len(runs)
    if world == "quickstart":
        for start, suffix in (("scratch", ""), ("pretrained", ", pretrained")):
            table_1 = folders("quickstart_table1", argument=start)
            for row in ("ce", "albar", "albar+stillmix"):
                assert runs[f"{row}{suffix}"].folder.name == table_1[row]


def test_the_choice_of_the_start_shares_the_run_with_the_tables():
    rows = folders("quickstart_start")
    chosen = f"{worlds.START_STEPS} steps, rate {worlds.PEAK_LR:g}"
    assert rows[chosen] == folders("quickstart_table1", argument="pretrained")["ce"]
    assert rows["scratch"] == folders("quickstart_table1")["ce"]


def test_the_cost_of_a_plain_step_comes_from_a_run_of_another_study():
    """Table 4 has no row of plain training."""
    runs = list_runs(STUDIES["quickstart_table4"], [0, 1], Path("w"), {})
    plain = [run.folder.name for run in list_plain_runs(runs, Path("w"))]
    assert plain == [folders("quickstart_table1", seed)["ce"] for seed in (0, 1)]


def test_a_recipe_is_the_methods_and_the_changed_fields_without_data_and_seed():
    runs = list_runs(STUDIES["quickstart_table4"], [0, 10], Path("w"), {"optim.weight_decay": 0.5})
    first, other, *_ = [run for run in runs if run.cell.name == "middle"]
    assert first.recipe == other.recipe
    assert first.recipe["methods"] == "albar"
    assert first.recipe["optim.weight_decay"] == 0.5
    assert first.recipe["methods.albar.penalty_weight"] == 0.1
    assert "methods.albar.entropy_weight" not in first.recipe
    assert not {"seed", "name", "data.manifest"} & first.recipe.keys()


@pytest.mark.parametrize("reference", ["albr", {"albar": "albr"}, {"albr": "ce"}])
def test_the_reference_of_a_study_is_one_of_its_rows(reference):
    with pytest.raises(UserError, match="names the row 'albr', but its rows are ce, mixup"):
        dataclasses.replace(STUDIES["quickstart_table1"], reference=reference)


def test_rows_are_compared_with_the_first_with_one_row_or_each_with_its_own():
    study = dataclasses.replace(STUDIES["quickstart_table1"], reference=None)
    one = dataclasses.replace(study, reference="albar")
    each = dataclasses.replace(study, reference={"fame": "albar"})
    assert [made.reference_of("fame") for made in (study, one, each)] == ["ce", "albar", "albar"]
    assert [made.reference_of("be") for made in (study, one, each)] == ["ce", "albar", "ce"]


def test_other_seeds_are_other_runs():
    assert not set(folders("quickstart_table1", 0).values()) & set(
        folders("quickstart_table1", 1).values()
    )


def test_the_folder_of_a_run_heeds_neither_the_loader_nor_a_new_field_at_its_default(monkeypatch):
    study = STUDIES["quickstart_table3"]
    before = list_runs(study, [0], Path("w"), {})[0].folder
    assert list_runs(study, [0], Path("w"), {"loader.workers": 7})[0].folder == before
    assert list_runs(study, [0], Path("w"), {"optim.b1": 0.8})[0].folder != before
    get_config = base.get_config

    def with_a_new_field():
        config = get_config()
        config.optim.new_field = 5
        return config

    monkeypatch.setattr("albar_jax.studies.base.parse", lambda config: None)
    monkeypatch.setattr(base, "get_config", with_a_new_field)
    fresh = read_study(str(ROOT / "configs" / "studies" / "quickstart_table3.py"))
    cell = fresh.cells[0].__class__(
        "none", fresh.cells[0].recipe, with_a_new_field, "ce", fresh.cells[0].changes
    )
    assert "new_field" in cell.config(0, {}).optim
    study = fresh.__class__("t", fresh.suite, (cell,), "")
    assert list_runs(study, [0], Path("w"), {})[0].folder == before


@pytest.mark.parametrize(
    ("name", "row", "folder"),
    [
        ("hmdb51_table1", "albar", "albar_seed0_7a8af1f1"),
        ("hmdb51_table4", "random", "albar_seed0_abdd970b"),
        ("ucf101_table8", "stillmix", "stillmix_seed0_991213fd"),
        ("quickstart_table1", "ce", "ce_seed0_b42b395d"),
        ("quickstart_table3", "adv+ent", "albar_seed0_514f5033"),
        ("quickstart_cost", "albar, 2 frames, no penalty", "albar_seed0_cd5262c4"),
        ("waterbirds_stand_in", "ce", "ce_seed0_2047cc8a"),
        ("waterbirds_table9", "ce", "ce_seed0_5cad2a42"),
    ],
)
def test_the_runs_of_version_0_1_are_found(name, row, folder):
    """The literals were computed by version 0.1, when some fields had other names."""
    assert folders(name)[row] == folder


def test_the_rows_of_table_3_are_the_subsets_of_the_terms():
    weights = {
        cell.name: [
            cell.config(0, {}).methods.albar[f"{term}_weight"] > 0
            for term in ("adv", "entropy", "penalty")
        ]
        for cell in STUDIES["quickstart_table3"].cells[1:]
    }
    assert weights == {
        "adv": [True, False, False],
        "ent": [False, True, False],
        "gp": [False, False, True],
        "adv+ent": [True, True, False],
        "adv+gp": [True, False, True],
        "ent+gp": [False, True, True],
        "all": [True, True, True],
    }


def test_table_1_has_every_method_of_the_paper():
    tokens = {
        token for cell in STUDIES["quickstart_table1"].cells for token in cell.tokens.split("+")
    }
    assert tokens == {
        "ce",
        "mixup",
        "videomix",
        "sdn",
        "be",
        "actorcutmix",
        "fame",
        "stillmix",
        "albar",
    }


def test_each_seed_of_the_twins_has_a_world_of_its_own():
    manifests = {
        run.config.data.manifest
        for run in list_runs(STUDIES["quickstart_table1"], [0, 4], Path("w"), {})
    }
    assert manifests == {f"data/quickstart_seed{seed}/manifest.csv" for seed in (0, 4)}


def test_one_process_at_a_time_makes_the_data_of_a_study(tmp_path):
    order = []

    def second():
        with alone(tmp_path / "data" / "world"):
            order.append("second")

    thread = threading.Thread(target=second)
    with alone(tmp_path / "data" / "world"):
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_who_looks_at_a_run_is_not_at_work_on_it(tmp_path):
    run = list_runs(STUDIES["quickstart_table4"], [0], tmp_path, {})[0]
    assert not run.is_busy
    with run.claimed() as ours:
        assert ours
        assert run.is_busy
    # The folder was removed because it stayed empty.
    run.folder.mkdir(parents=True)
    with (run.folder / ".lock").open("w") as file:
        # As another process that looks at the run.
        fcntl.flock(file, fcntl.LOCK_SH)
        assert not run.is_busy
        threading.Timer(0.15, fcntl.flock, (file, fcntl.LOCK_UN)).start()
        with run.claimed() as ours:
            assert ours
        time.sleep(0.2)
