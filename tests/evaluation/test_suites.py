import pytest

from albar_jax.evaluation.suites import SUITES


def test_tasks_and_manifests_of_quickstart():
    assert SUITES["quickstart"].tasks == {
        "quickstart": "manifest.csv",
        "quickstart_scuba": "quickstart_scuba.csv",
        "quickstart_scufo": "quickstart_scufo.csv",
        "quickstart_conflfg": "quickstart_conflfg.csv",
    }


@pytest.mark.parametrize("name", ["hmdb51", "ucf101"])
def test_tasks_of_the_published_suites(name):
    backgrounds = ("places365", "vqgan", "stripe")
    assert list(SUITES[name].tasks) == [
        name,
        *(f"{name}_scuba_{background}" for background in backgrounds),
        *(f"{name}_scufo_{background}" for background in backgrounds),
        f"{name}_conflfg_stripe",
    ]
    assert SUITES[name].pairs == tuple((f"{name}_scuba_{b}", f"{name}_scufo_{b}") for b in backgrounds)


def test_only_kinetics_has_aras_and_contrasted_stays_last():
    names = {name: [row.name for row in suite.rows] for name, suite in SUITES.items()}
    assert names["kinetics400"] == ["iid", "scuba", "scufo", "conflfg", "aras", "aras_unique", "contrasted"]
    for name in ("quickstart", "hmdb51", "ucf101", "custom"):
        assert names[name] == ["iid", "scuba", "scufo", "conflfg", "contrasted"]
    assert SUITES["kinetics400"].tasks["aras"] == "aras.csv"


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_is_filed_under_its_own_name_and_its_first_task_is_iid(name):
    suite = SUITES[name]
    assert suite.name == name
    assert next(iter(suite.tasks)) == suite.iid
    assert [row.goal for row in suite.rows if row.name == "scufo"] == ["down"]
    assert all(row.goal == "up" for row in suite.rows if row.name != "scufo")


def test_a_row_with_one_background_missing_is_absent(answers):
    rows = {row.name: row for row in SUITES["hmdb51"].rows}
    some = {f"hmdb51_{kind}_{b}": answers([1, 0]) for kind in ("scuba", "scufo") for b in ("places365", "vqgan")}
    assert rows["scuba"].outcomes(some) is None
    assert rows["contrasted"].outcomes(some) is None
    some["hmdb51_scuba_stripe"] = answers([1, 1])
    assert [outcomes.mean for outcomes in rows["scuba"].outcomes(some)] == [0.5, 0.5, 1.0]
    assert rows["contrasted"].outcomes(some) is None
