"""Claim: the tables beside the paper's are on the page, in results.md and in the terminal."""

import re

import numpy as np
import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.annotations import Annotations
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import further, further_text, html_page, outputs, reliability
from albar_jax.report.environment import environment
from albar_jax.report.report_data import ReportData

EVIL = "<script>alert(1)</script>"
MACROS = """{% import "further.html.jinja" as further %}
{{ further.optional(more.optional) }}{{ further.standard(more.standard) }}
{{ further.reliability(more.reliability) }}{{ further.groups(more.groups) }}"""


def run(name, right, **more):
    """Returns a run with 8 clips of 8 classes on each task; the first `right` are correct."""
    labels = np.arange(8)
    pred = np.where(labels < right, labels, (labels + 1) % 8)
    probs = np.full((8, 8), 0.02)
    probs[labels, pred] = 0.86
    clips = Predictions([f"clip_{row}" for row in range(8)], labels, probs)
    tasks = ("quickstart", "quickstart_static", "quickstart_hat_swap")
    return ModelRun(name, 0, None, dict.fromkeys(tasks, clips), **more)


@pytest.fixture
def data():
    runs = [run(EVIL, 8, views={"quickstart": "2 crops"}), run("none", 0)]
    group_of = {f"clip_{row}": (EVIL, "b")[row % 2] for row in range(8)}
    annotations = {
        "quickstart": Annotations(groups={EVIL: group_of}),
        "quickstart_hat_swap": Annotations(scenes={"clip_0": 1, "clip_1": 2}),
    }
    classes = [f"class {k}" for k in range(8)]
    return ReportData(
        results.summarise(SUITES["quickstart"], runs), classes, annotations=annotations
    )


@pytest.fixture
def page(data):
    text = environment().from_string(MACROS).render(more=further.sections(data))
    # Intervals do not wrap.
    assert "100.0 [100.0,\u00a0100.0]" in text
    return text.replace("\u00a0", " ")


def test_the_page_has_each_figure_with_its_interval_best_model_and_mark(page):
    row = page[page.index("Swap: the human&#39;s class ↑<small>") :].split("</tr>")[0]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert cells[0] == "8"
    assert cells[1] == "<strong>100.0 [100.0, 100.0]</strong>"
    assert cells[2].startswith("0.0 [0.0, 0.0]<abbr title=")

    # Errors that are read from the scene are better if they are few.
    row = page[page.index("Swap: the background&#39;s class ↓<small>") :].split("</tr>")[0]
    assert re.findall(r"<td[^>]*>(.*?)</td>", row) == [
        "2 of 8",
        "<strong>0.0 [0.0, 0.0]</strong>",
        "100.0 [100.0, 100.0]",
    ]
    assert "<strong>+100.0 (p = 0.008)</strong>" in page


def test_the_page_has_the_standard_figures_of_each_test_set_and_model(page):
    row = page[page.index("<td>none</td>") :].split("</tr>")[0]
    # Top-5: ties with 0.02 are decided by the order of the classes; class 4 and later are missed.
    # Brier: 0.86^2 + 6 x 0.02^2 + 0.98^2.
    assert re.findall(r"<td>(.*?)</td>", row) == [
        "none",
        "8",
        "0.0",
        "50.0",
        "0.0",
        "86.0",
        "1.702",
        "0",
    ]


def test_names_are_escaped_and_there_are_no_styles(page):
    assert EVIL not in page
    assert page.count("&lt;script&gt;") > 5
    assert " style=" not in page
    assert re.findall(r"<th(?! scope)(?!ead)[^>]*>", page) == []
    assert re.findall(r"<svg(?![^>]*aria-label)", page) == []


def test_the_reliability_diagram_has_a_bar_for_each_bin_with_a_clip(data, page):
    diagrams = reliability.diagrams(data.standard)
    assert len(diagrams) == 6
    (bar,) = diagrams[0].bars

    # 0.86 is in bin 12 of 15: 0.8 to 0.867.
    assert (bar.x, bar.width, bar.y, bar.height) == (160, 13.33, 0, 200)
    assert bar.confidence_x == 172
    assert bar.text == "confidence 80 to 87 %: 100 % right, 8 clips"
    assert diagrams[0].error == "14.0"
    assert page.count('<rect class="reliable"') == 6
    # The first test set is open, the others fold.
    assert page.count("<summary>quickstart") == 2

    (content, *_) = outputs.to_json(data)["standard"]
    assert content["reliability"]["clips"][12] == 8
    assert content["reliability"]["accuracy"][12] == 100
    assert content["reliability"]["confidence"][12] == pytest.approx(86)
    assert content["reliability"]["confidence"][0] is None
    assert content["figures"]["top5"] == content["figures"]["top1"] == 100


def test_groups_have_a_summary_and_a_table_for_each_test_set(page):
    row = page[page.index("Gap ↓</th>") :].split("</tr>")[1]
    cells = re.findall(r"<td>(.*?)</td>", row)
    assert cells[1] == "100.0 [100.0, 100.0]"
    # Of equal groups the first one is the worst; the gap is 0, and p is 1.
    assert cells[2] == "100.0 [100.0, 100.0] &lt;script&gt;alert(1)&lt;/script&gt;"
    assert cells[3:] == ["0.0 [0.0, 0.0]", "1.000"]


def test_the_views_are_stated_with_each_table(data, page):
    assert page.count("Views of a test video") == 3
    assert outputs.markdown(data).count("Views of a test video") == 4
    assert further_text.console(data).count("Views of a test video") == 3


def test_the_terminal_has_the_tables_without_markup(data):
    text = further_text.console(data)
    assert re.search(
        r"Swap: the human's class ↑ +100.0 \[100.0, 100.0\] +0.0 \[0.0, 0.0\]\* +8", text
    )
    assert "ECE ↓" in text
    # The name of a group is text from outside.
    assert f"By {EVIL}" in text
    assert "Gap ↓" in text


def test_the_views_are_stated_in_each_section_with_a_table_of_figures(data):
    whole = html_page.render(data)
    sections = re.split(r'<details class="section" id="', whole)
    stating = {part.partition('"')[0] for part in sections if "Views of a test video" in part}
    assert stating == {
        *("results", "further", "classes", "significance"),
        *("groups", "standard", "confidence"),
    }
