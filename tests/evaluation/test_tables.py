import json

import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import cells, tables
from albar_jax.report.json_content import results_to_json

QUICKSTART, HMDB51 = SUITES["quickstart"], SUITES["hmdb51"]
FIGURES = ["iid", "scuba", "scufo", "conflfg", "contrasted"]


@pytest.fixture
def summarised(make_run, answers):
    wrong_and_right = {"scuba": [1, 1], "scufo": [1, 0], "conflfg": [0, 0], "cost_plain_steps": 400}
    runs = [
        make_run("ce", 0, iid=[1, 1], **wrong_and_right, train_seconds=61.5),
        make_run("ce", 1, iid=[1, 0], **wrong_and_right),
        ModelRun("a|b", 0, None, {"quickstart": answers([1, 1, 0])}),
    ]

    return results.summarise(QUICKSTART, runs)


def test_results_json_has_the_documented_shape(summarised):
    content = json.loads(json.dumps(results_to_json(summarised), allow_nan=False))
    assert list(content) == ["suite", "models", "published", "by_background"]
    assert (content["suite"], content["published"], content["by_background"]) == (
        "quickstart",
        None,
        None,
    )

    ce, other = content["models"]
    assert list(ce) == [
        "name",
        "seeds",
        "rows",
        "sd",
        "clips",
        "interval",
        "per_seed",
        "cost_plain_steps",
    ]
    assert (ce["name"], ce["seeds"], ce["cost_plain_steps"]) == ("ce", [0, 1], 400)
    assert ce["rows"] == {"iid": 75, "scuba": 100, "scufo": 50, "conflfg": 0, "contrasted": 50}
    assert list(ce["sd"]) == list(ce["interval"]) == FIGURES
    assert ce["interval"]["scuba"] == [100, 100]
    assert [line["rows"]["iid"] for line in ce["per_seed"]] == [100, 50]
    # The other model has one more clip.
    assert ce["clips"]["iid"] == {"tested": 2, "left_out": 1}
    assert ce["clips"]["scuba"] == {"tested": 2, "left_out": 0}
    assert other["clips"]["scuba"] is None
    assert ce["per_seed"][0]["clips"] == ce["clips"]
    assert ce["per_seed"][0] | {"rows": None, "clips": None} == {
        "seed": 0,
        "checkpoint_step": 400,
        "train_seconds": 61.5,
        "rows": None,
        "clips": None,
        "left_out": {
            "quickstart": 1,
            "quickstart_scuba": 0,
            "quickstart_scufo": 0,
            "quickstart_conflfg": 0,
        },
        "unpaired": {},
        "views": dict.fromkeys(
            ("quickstart", "quickstart_scuba", "quickstart_scufo", "quickstart_conflfg")
        ),
    }
    assert [name for name in FIGURES if other["rows"][name] is None] == FIGURES[1:]
    assert other["sd"] == dict.fromkeys(FIGURES)


def test_models_with_the_same_unpaired_clips_share_a_note(answers):
    def run(name, places, stripes):
        return ModelRun(
            name,
            0,
            None,
            {
                "hmdb51_scuba_places365": answers([1, 1, 0]),
                "hmdb51_scufo_places365": answers(places),
            }
            | {"hmdb51_scuba_stripe": answers([1, 1, 0]), "hmdb51_scufo_stripe": answers(stripes)},
        )

    # Without VQGAN-CLIP there is no mean over backgrounds, but the notes on the others remain.
    runs = [run("one", [1, 0], [0, 0]), run("two", [1, 1], [0, 0, 0])]

    assert cells.unpaired_notes(results.summarise(HMDB51, runs)) == [
        "Contrasted Places365: 1 clips without a partner of their id do not count, clip_2 first "
        "(all models).",
        "Contrasted stripes: 1 clips without a partner of their id do not count, clip_2 first "
        "(one, seed 0).",
    ]


def test_markdown_shows_mean_sd_and_dashes(summarised):
    lines = tables.markdown(summarised).splitlines()
    assert (
        lines[0] == "| Model | Seeds | Cost (plain steps) "
        "| IID ↑ | SCUBA ↑ | SCUFO ↓ | Confl-FG ↑ | Contrasted ↑ |"
    )
    assert (
        lines[2] == "| ce | 2 | 400 | 75.0 ± 35.4 (2 of 3) "
        "| 100.0 ± 0.0 | 50.0 ± 0.0 | 0.0 ± 0.0 | 50.0 ± 0.0 |"
    )
    assert lines[3] == "| a\\|b | 1 | – | 66.7 | – | – | – | – |"
    assert lines[4:6] == [
        "| Clips tested, ce |  |  | 2 of 3 | 2 | 2 | 2 | 2 |",
        "| Clips tested, a\\|b |  |  | 3 | – | – | – | – |",
    ]


def test_columns_that_say_nothing_are_left_out(make_run):
    right = {"scuba": [1], "scufo": [0], "conflfg": [1]}
    runs = [make_run(name, 0, iid=[1], **right) for name in ("a", "b")]
    lines = tables.markdown(results.summarise(QUICKSTART, runs)).splitlines()
    assert lines[0] == "| Model | IID ↑ | SCUBA ↑ | SCUFO ↓ | Confl-FG ↑ | Contrasted ↑ |"
    assert lines[2] == "| a | 100.0 | 100.0 | 0.0 | 100.0 | 100.0 |"
    assert lines[4] == "| Clips tested | 1 | 1 | 1 | 1 | 1 |"

    # A cell of a study that is not trained yet has no seed.
    waiting = results.summarise(QUICKSTART, runs).complete(["a", "later"])
    assert tables.markdown(waiting).splitlines()[3].startswith("| later | 0 | – |")


def test_console_columns_are_aligned(summarised):
    lines = tables.console(summarised).splitlines()
    assert lines.pop() == "Views of a test video: not known."
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split()[:2] == ["Model", "Seeds"]
    assert (
        " ".join(lines[2].split())
        == "ce 2 400 75.0 ± 35.4 (2 of 3) 100.0 ± 0.0 50.0 ± 0.0 0.0 ± 0.0 50.0 ± 0.0"
    )
    assert lines[0].index("IID ↑") + len("IID ↑") == lines[2].index("(2 of 3)") + len("(2 of 3)")


@pytest.fixture
def measured(answers):
    """Returns HMDB51 results of one model that was tested on stripes only."""
    tasks = {
        "hmdb51": [1, 1, 1, 0],
        "hmdb51_scuba_stripe": [1, 1, 0, 0],
        "hmdb51_scufo_stripe": [1, 0, 0, 0],
    }
    run = ModelRun("albar", 0, None, {task: answers(right) for task, right in tasks.items()})

    return results.summarise(HMDB51, [run])


def test_the_lines_of_the_paper_are_below_ours_with_the_printed_digits(measured):
    lines = tables.markdown(measured).splitlines()
    assert lines[2] == "| albar | 1 | 75.0 | – | – | – | – |"
    assert lines[3] == "| Clips tested |  | 4 | – | – | – | – |"
    assert lines[4] == "| ce (paper) | 3 | 73.92 | 43.93 | 20.46 | 36.58 | 27.84 |"
    assert lines[12] == "| albar (paper) | 3 | 72.81 | 53.53 | 1.50 | 48.13 | 53.22 |"
    assert (
        lines[17]
        == "(paper): Table 1 of ALBAR (ICLR 2025), Video Swin-T, reported as the mean of 3 seeds."
    )
    assert "look like single runs on sets of 2,560 clips" in lines[19]

    by_background = lines[lines.index("HMDB51, by background:") + 2 :]
    assert (
        by_background[2] == "| albar | 1 | 75.0 | – | – | 50.0 | – | – | 25.0 | – | – | – | 25.0 |"
    )
    assert by_background[12].startswith(
        "| albar (paper)† | 3 | 73.20 | 54.73 | 54.80 | 50.12 | 0.04 | 1.17 | 0.04 "
    )
    assert [line.split("|")[10] for line in by_background[8:14] if "†" in line.split("|")[10]] == [
        " 21.41† ",
        " 56.68† ",
    ]
    assert [line.split(":")[0] for line in by_background if line.startswith("†")] == [
        *("† be, Contrasted", "† albar", "† albar+stillmix, Contrasted")
    ]


def test_the_console_by_background_shows_the_papers_model_of_the_same_name(
    measured,
):
    main, by_background = tables.console(measured).split("\n\n")
    assert "stillmix (paper)" in main

    lines = [line.split() for line in by_background.splitlines()]
    assert lines[0] == ["By", "background", "albar", "albar", "(paper)†"]
    assert [" ".join(line) for line in lines[2:6]] == [
        "IID ↑ 75.0 73.20",
        "SCUBA stripes ↑ 50.0 50.12",
        "SCUFO stripes ↓ 25.0 0.04",
        "Contrasted stripes ↑ 25.0 –",
    ]
    assert [line for line in by_background.splitlines() if line.startswith("†")] == [
        "† albar: this is the model with a random static frame (Table 4); Table 1 has the one with "
        "the middle frame."
    ]


def test_results_json_has_the_papers_figures_and_those_of_each_background(measured):
    content = json.loads(json.dumps(results_to_json(measured)))
    assert content["published"]["table"] == "Table 1"
    assert content["published"]["models"][8]["name"] == "albar"
    assert content["published"]["models"][8]["rows"]["contrasted"] == 53.22

    parts = content["by_background"]
    assert (
        parts["models"][0]["rows"]["contrasted_stripe"]
        == parts["models"][0]["rows"]["scufo_stripe"]
        == 25
    )
    assert parts["published"]["table"] == "Table 7"
    assert {"name": "be", "row": "contrasted"}.items() <= parts["published"]["notes"][0].items()


def test_by_background_is_left_out_if_it_adds_nothing(answers):
    summarised = results.summarise(HMDB51, [ModelRun("ce", 0, None, {"hmdb51": answers([1, 0])})])
    assert summarised.by_background is None
    assert "by background" not in tables.markdown(summarised)
    assert results_to_json(summarised)["by_background"] is None


def test_a_column_that_the_paper_lacks_is_marked_in_every_line():
    boxes = SUITES["ucf101_boxes"]
    published = cells.published_lines(boxes, cells.published_methods(boxes))

    assert published[0] == ["ce (paper)", "3", "–", "96.21", "42.31†", "5.77†", "–", "36.82"]
    assert all(line[4].endswith("†") and not line[3].endswith("†") for line in published)

    note = "† SCUBA: Table 8 has no such column: this is the mean of its 3."
    assert note in cells.notes_below(results.Results(boxes, ()))
