import pytest

from albar_jax.evaluation.suites import SUITES


def test_tasks_and_manifests_of_quickstart():
    assert SUITES["quickstart"].tasks == {
        "quickstart": "manifest.csv",
        "quickstart_scuba": "quickstart_scuba.csv",
        "quickstart_scufo": "quickstart_scufo.csv",
        "quickstart_conflfg": "quickstart_conflfg.csv",
    }


BACKGROUNDS = ("places365", "vqgan", "stripe")


@pytest.mark.parametrize(
    ("name", "iid"), [("hmdb51", "hmdb51"), ("ucf101", "ucf101"), ("ucf101_boxes", "ucf101")]
)
def test_tasks_of_the_published_suites(name, iid):
    backgrounds = BACKGROUNDS
    assert list(SUITES[name].tasks) == [
        iid,
        *(f"{name}_scuba_{background}" for background in backgrounds),
        *(f"{name}_scufo_{background}" for background in backgrounds),
        f"{name}_conflfg_stripe",
    ]
    assert SUITES[name].pairs == tuple(
        (f"{name}_scuba_{b}", f"{name}_scufo_{b}") for b in backgrounds
    )


def test_only_kinetics_has_aras_and_contrasted_stays_last():
    names = {name: [row.name for row in suite.rows] for name, suite in SUITES.items()}
    assert names["kinetics400"] == [
        "iid",
        "scuba",
        "scufo",
        "conflfg",
        "aras",
        "aras_unique",
        "contrasted",
    ]
    for name in ("quickstart", "hmdb51", "ucf101", "ucf101_boxes", "custom"):
        assert names[name] == ["iid", "scuba", "scufo", "conflfg", "contrasted"]
    assert SUITES["kinetics400"].tasks["aras"] == "aras.csv"


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_is_filed_under_its_own_name_and_its_first_task_is_iid(name):
    suite = SUITES[name]
    assert suite.name == name
    assert next(iter(suite.tasks)) == suite.iid
    assert {row.goal for row in suite.rows if row.name == "scufo"} <= {"down"}
    assert all(row.goal == "up" for row in suite.rows if row.name != "scufo")


def test_a_row_with_one_background_missing_is_absent(answers):
    rows = {row.name: row for row in SUITES["hmdb51"].rows}
    some = {
        f"hmdb51_{kind}_{b}": answers([1, 0])
        for kind in ("scuba", "scufo")
        for b in ("places365", "vqgan")
    }

    assert rows["scuba"].outcomes(some) is None
    assert rows["contrasted"].outcomes(some) is None

    some["hmdb51_scuba_stripe"] = answers([1, 1])
    assert [outcomes.mean for outcomes in rows["scuba"].outcomes(some)] == [0.5, 0.5, 1.0]
    assert rows["contrasted"].outcomes(some) is None


@pytest.mark.parametrize("name", ["hmdb51", "ucf101", "ucf101_boxes", "kinetics400"])
def test_by_background_has_the_columns_of_table_7_and_no_mean_except_contrasted(name):
    suite = SUITES[name]
    parts = suite.by_background

    assert [row.name for row in parts.rows] == [
        "iid",
        *(f"{kind}_{background}" for kind in ("scuba", "scufo") for background in BACKGROUNDS),
        "contrasted",
        *(f"contrasted_{background}" for background in BACKGROUNDS),
    ]
    assert {row.name: row.sets for row in parts.rows if len(row.sets) > 1} == {
        "contrasted": suite.pairs
    }
    assert set(parts.tasks) <= set(suite.tasks)
    assert {row.goal for row in parts.rows if row.name.startswith("scufo")} == {"down"}


def test_a_suite_with_one_background_has_no_rows_by_background():
    assert SUITES["quickstart"].by_background is None
    assert SUITES["custom"].by_background is None
    assert list(SUITES["custom"].tasks) == [
        "custom",
        "custom_scuba_stripe",
        "custom_scufo_stripe",
        "custom_conflfg_stripe",
    ]


def test_one_background_alone_has_its_figures(answers):
    stripes = {"hmdb51_scuba_stripe": answers([1, 1, 0]), "hmdb51_scufo_stripe": answers([1, 0, 0])}
    outcomes_of = {row.name: row.outcomes(stripes) for row in SUITES["hmdb51"].by_background.rows}
    means = {
        name: outcomes[0].mean for name, outcomes in outcomes_of.items() if outcomes is not None
    }

    assert means == {"scuba_stripe": 2 / 3, "scufo_stripe": 1 / 3, "contrasted_stripe": 1 / 3}
