"""Claim: the pictures of a study show the figures at the correct places."""

import xml.etree.ElementTree as ElementTree

import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import study_plots

SVG = "{http://www.w3.org/2000/svg}"
RIGHT = {"iid": [1], "conflfg": [1]}


def summaries_of(*runs):
    return results.summarise(SUITES["quickstart"], runs).summaries


def elements(svg, tag):
    return list(ElementTree.fromstring(svg).iter(SVG + tag))


def texts(svg):
    return [element.text for element in elements(svg, "text")]


def history(*values, key="validation/top1"):
    return [{"step": 10 * (i + 1), key: value} for i, value in enumerate(values)]


@pytest.fixture
def scatter(make_run):
    """Draws models given as name: (cost, [correct SCUBA clips of each seed])."""

    def draw(**models):
        runs = [
            make_run(
                name, seed, **RIGHT, scuba=right, scufo=[0] * len(right), cost_plain_steps=cost
            )
            for name, (cost, seeds) in models.items()
            for seed, right in enumerate(seeds)
        ]

        return study_plots.cost_scatter(summaries_of(*runs))

    return draw


def test_points_are_at_their_cost_and_accuracy_with_one_sd_to_both_sides(scatter):
    svg = scatter(a=(100.0, [[1, 0]]), b=(400.0, [[1, 1], [0, 1]]))
    high, low = sorted(elements(svg, "circle"), key=lambda circle: float(circle.get("cy")))

    # The plane is 56..716 for costs 0..400, and 480..40 for 0..100 percent.
    assert (float(low.get("cx")), float(low.get("cy"))) == (221, 260)
    assert (float(high.get("cx")), float(high.get("cy"))) == (716, 150)

    bar = [
        line for line in elements(svg, "line") if line.get("x1") == high.get("cx") == line.get("x2")
    ]
    ends = sorted(float(line.get(end)) for line in bar for end in ("y1", "y2"))
    # The sd of 50 and 100 percent, with 4.4 units for a percent.
    sd = 4.4 * 35.355

    assert ends == pytest.approx([150 - sd, 150 + sd], abs=0.1)
    assert {"a", "b"} <= set(texts(svg))


def test_labels_of_equal_points_do_not_cover_each_other_and_stay_in_the_picture(scatter):
    names = [f"m{i}" for i in range(12)]
    svg = scatter(**{name: (100.0, [[0]]) for name in names})
    places = sorted(float(text.get("y")) for text in elements(svg, "text") if text.text in names)

    assert len(places) == 12
    assert all(second - first >= 16 for first, second in zip(places, places[1:], strict=False))
    # The lower edge of the plane is at 480.
    assert places[-1] <= 480 + 4


def test_a_line_leads_from_each_point_to_its_label(scatter):
    svg = scatter(a=(100.0, [[1, 0]]), b=(400.0, [[1]]))
    labels = {float(text.get("y")) - 4: text.text for text in elements(svg, "text")}

    for line in elements(svg, "polyline"):
        start, *_, end = [
            tuple(map(float, point.split(","))) for point in line.get("points").split()
        ]
        assert labels[end[1]] == {221: "a", 716: "b"}[start[0]]


def test_without_costs_there_is_no_picture(scatter):
    assert scatter(a=(None, [[1]])) is None


@pytest.fixture
def curves(make_run):
    """Draws models given as name: [histories of the seeds]."""

    def draw(every_epochs, names, **models):
        runs = [
            make_run(name, seed, **RIGHT, scuba=[1], scufo=[0], history=rows)
            for name, seeds in models.items()
            for seed, rows in enumerate(seeds)
        ]

        return study_plots.validation_curves(*names, every_epochs=every_epochs)(summaries_of(*runs))

    return draw


def test_each_seed_is_a_faint_line_and_their_mean_a_bold_one(curves):
    svg = curves(2.0, ["a"], a=[history(0.2, 1.0), history(0.4, 0.8)])
    lines = elements(svg, "polyline")

    assert [line.get("stroke-opacity") is not None for line in lines] == [True, True, False]
    # Epochs 2 and 4 of 0..4 on 56..386; percent 0..100 on 260..40.
    assert lines[0].get("points") == "221.0,216.0 386.0,40.0"
    assert lines[2].get("points") == "221.0,194.0 386.0,62.0"


def test_an_unfinished_seed_shortens_the_mean(curves):
    svg = curves(1.0, ["a"], a=[history(0.2, 1.0), history(0.4)])
    assert elements(svg, "polyline")[-1].get("points").count(",") == 1


def test_only_the_named_models_are_drawn_in_the_order_of_their_names(curves):
    svg = curves(1.0, ["b", "a"], a=[history(0.2)], b=[history(0.4)], c=[history(0.6)])
    assert [text for text in texts(svg) if text in ("a", "b", "c")] == ["b", "a"]
    assert len(elements(svg, "polyline")) == 4


def test_each_validation_metric_has_its_own_chart(curves):
    rows = [{"step": 5, **dict.fromkeys(study_plots.VALIDATION, 0.5)}]
    svg = curves(1.0, ["a"], a=[rows])

    assert [text for text in texts(svg) if text.endswith("(%)")] == [
        f"{title} (%)" for title in study_plots.VALIDATION.values()
    ]


def test_without_histories_there_is_no_picture(curves):
    assert curves(1.0, ["a"], a=[[]]) is None
    assert curves(1.0, ["gone"], a=[history(0.5)]) is None
