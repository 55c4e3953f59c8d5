"""Claim: the published figures are the paper's, and notes mark its errors.

Typing errors in tables of up to 8 x 10 figures are found by other figures: another table has the
means over backgrounds, and contrasted accuracy has bounds.
"""

import numpy as np
import pytest

from albar_jax.evaluation.suites import SUITES
from albar_jax.evaluation.suites.published import Published, average_columns

TABLES = {
    table.table: table
    for suite in SUITES.values()
    for part in (suite, suite.by_background)
    if part and (table := part.published)
}
# Two roundings to a hundredth.
ROUNDING = 0.011


def mean(table, method, kind):
    values = [
        value
        for row, value in table.rows(method).items()
        if row == kind or row.startswith(f"{kind}_")
    ]

    return np.mean(values)


def noted(table, *places):
    return any(place in table.notes for place in places)


def test_six_tables_of_the_paper_are_available():
    assert list(TABLES) == ["Table 1", "Table 7", "Table 2", "Table 8", "Table 6", "Table 9"]
    assert [len(TABLES[f"Table {number}"].figures) for number in (1, 2, 6, 7, 8, 9)] == [
        10,
        4,
        4,
        10,
        10,
        2,
    ]


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_columns_are_rows_of_the_suite_in_its_order(suite):
    for part in (suite, suite.by_background):
        if part and part.published:
            names = [row.name for row in part.rows]
            assert list(part.published.columns) == [
                name for name in names if name in part.published.columns
            ]
            assert all(
                len(figures) == len(part.published.columns)
                for figures in part.published.figures.values()
            )


@pytest.mark.parametrize("kind", ["iid", "scuba", "scufo", "contrasted"])
def test_the_means_of_table_7_are_the_figures_of_table_1_except_where_a_note_says_so(kind):
    one, seven = TABLES["Table 1"], TABLES["Table 7"]
    assert one.figures.keys() == seven.figures.keys()
    for method in one.figures:
        same = abs(mean(one, method, kind) - mean(seven, method, kind)) < ROUNDING
        assert same != noted(seven, (method, ""), (method, kind)), method


@pytest.mark.parametrize(
    "table",
    [table for table in TABLES.values() if "contrasted" in table.columns],
    ids=lambda table: table.table,
)
def test_contrasted_is_between_scuba_minus_scufo_and_scuba_except_where_a_note_says_so(table):
    for method, figures in table.figures.items():
        scuba, scufo = mean(table, method, "scuba"), mean(table, method, "scufo")
        possible = (
            scuba - scufo - 2 * ROUNDING <= table.rows(method)["contrasted"] <= scuba + ROUNDING
        )
        assert possible != noted(table, (method, "contrasted")), (method, figures)


@pytest.mark.parametrize(
    ("suite", "method", "row", "figure"),
    [
        ("hmdb51", "albar", "contrasted", 53.22),
        ("hmdb51", "albar+stillmix", "conflfg", 47.07),
        ("ucf101", "ce", "conflfg", 49.36),
        ("kinetics400", "albar", "aras", 59.79),
        ("ucf101_boxes", "stillmix", "contrasted", 54.90),
        ("waterbirds", "ce", "landbird_on_water", 76.45),
        ("waterbirds", "albar", "waterbird_on_land", 59.50),
    ],
)
def test_figures_are_the_printed_ones(suite, method, row, figure):
    assert SUITES[suite].published.rows(method)[row] == figure


def test_notes_say_that_the_means_of_table_8_are_ours():
    boxes = SUITES["ucf101_boxes"]
    assert boxes.by_background.published.rows("ce")["scuba_stripe"] == 54.94
    assert boxes.published.rows("ce") == {
        "iid": 96.21,
        "scuba": 42.31,
        "scufo": 5.77,
        "contrasted": 36.82,
    }
    assert set(boxes.published.notes) == {("", "scuba"), ("", "scufo")}


def test_averaged_columns_keep_the_notes_on_whole_lines_and_on_single_figures():
    table = Published(
        "T",
        ("a", "b", "c"),
        {"x": (1.0, 2.0, 9.0)},
        {("x", ""): "p", ("x", "a"): "q", ("x", "c"): "r"},
    )
    averaged = average_columns(table, {"ab": ("a", "b"), "c": ("c",)})

    assert averaged.rows("x") == {"ab": 1.5, "c": 9.0}
    assert averaged.notes == {
        ("x", ""): "p",
        ("x", "c"): "r",
        ("", "ab"): "T has no such column: this is the mean of its 2",
    }


def test_the_worst_group_is_the_smallest_of_the_four_groups_in_table_9():
    table = TABLES["Table 9"]
    for *groups, worst in table.figures.values():
        assert worst == min(groups)
    assert ("", "worst_group") in table.notes
