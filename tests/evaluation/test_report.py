import dataclasses
import html.parser
import re

import numpy as np
import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import html_page
from albar_jax.report.report_data import ReportData

QUICKSTART = SUITES["quickstart"]
CLASSES = ("left", "right", "up", "<b>down")
EVIL = '<script>alert("x")</script>'


def read_clip(task, clip):
    value = int(clip.removeprefix("clip_")) + (100 if task.endswith("scufo") else 0)
    return np.full((4, 8, 8, 3), value, np.uint8)


class Outline(html.parser.HTMLParser):
    """Checks that tags close in order, and collects tags, text and attributes."""

    void = ("meta", "link", "img", "br", "input")

    def __init__(self, page):
        super().__init__()
        self.open, self.text, self.attributes, self.tags = [], [], [], []
        self.feed(page)

        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def data(make_run):
    history = [
        {"step": step, "loss/total": 1 / (1 + step), "validation/top1": 0.5} for step in range(5)
    ]
    right = {"iid": [1] * 8, "scuba": [1] * 8, "conflfg": [0] * 8}
    runs = [
        make_run(
            "ce", 0, **right, scufo=[1] * 8, history=history, cost_plain_steps=400, train_seconds=12
        ),
        make_run("ce", 1, **right, scufo=[1] * 8, history=history, cost_plain_steps=400),
        make_run(EVIL, 0, **right, scufo=[0] * 8, history=history),
    ]

    return ReportData(results.summarise(QUICKSTART, runs), CLASSES, read_clip)


def test_the_model_that_fails_although_it_is_the_best_is_the_best_of_the_table(data, make_run):
    phrase = "the highest in contrasted accuracy"
    right = {"iid": [1] * 24, "scuba": [1] * 24, "conflfg": [0] * 24}

    # First, `a` is better with its first seed and `b` over all seeds. Then both are equal.
    for number, best in ((12, "b"), (6, None)):
        runs = [
            make_run("a", 0, **right, scufo=[1] * 6 + [0] * 18),
            make_run("a", 1, **right, scufo=[1] * (24 if best else 6) + [0] * (0 if best else 18)),
            make_run("b", 0, **right, scufo=[0] * (24 - number) + [1] * number),
        ]
        page = html_page.render(
            dataclasses.replace(data, results=results.summarise(QUICKSTART, runs))
        )
        assert page.count(phrase) == (best is not None)
        assert best is None or f"{best}, {phrase}" in page


def test_clips_without_a_partner_are_reported(data, make_run):
    assert "without a partner" not in html_page.render(data)

    run = make_run("ce", 0, iid=[1], scuba=[1, 1, 1], scufo=[1, 1], conflfg=[1])
    page = html_page.render(dataclasses.replace(data, results=results.summarise(QUICKSTART, [run])))

    assert (
        "Contrasted: 1 clips without a partner of their id do not count, clip_2 first (all models)."
        in page
    )


def test_page_is_well_formed_and_names_every_model_metric_and_part(data):
    text = " ".join(Outline(html_page.render(data)).text)
    headings = (
        "Bias report: Quickstart",
        "Example clips",
        "Training",
        "Confusion matrices",
        "Runs",
    )

    for part in (
        "ce",
        EVIL,
        *headings,
        *(row.title for row in QUICKSTART.rows),
        "loss/total",
        "validation/top1",
    ):
        assert part in text
    for row in QUICKSTART.rows:
        assert row.meaning in text


def test_names_from_outside_are_escaped(data):
    page = html_page.render(data)
    assert EVIL not in page
    # The script that sorts.
    assert page.count("<script") == 1
    assert "<b>down" not in page
    assert "&lt;script&gt;" in page


def test_page_makes_no_network_request(data):
    page = html_page.render(data)
    assert "http" not in page.replace("http-equiv", "", 1)
    assert "url(" not in page
    assert "@import" not in page

    links = [
        value
        for name, value in Outline(page).attributes
        if name in ("src", "href", "srcset", "action")
    ]
    assert links
    assert all(value.startswith(("data:", "#")) for value in links)


def test_the_figures_of_the_table_are_on_the_page(data):
    page = html_page.render(data)
    assert "100.0 ± 0.0" in page

    # Bold is the best of a column; the second model has the lowest SCUFO and highest contrasted.
    row = page[page.index('<th scope="row">&lt;script') :].split("</tr>")[0]
    assert re.findall(r"<td>(.*?)</td>", row)[4:] == [
        "<strong>0.0</strong>",
        "<strong>0.0</strong>",
        "<strong>100.0</strong>",
    ]


def test_significant_differences_from_the_best_are_marked(make_run):
    right = {"iid": [1] * 8, "scuba": [1] * 8, "conflfg": [0] * 8}
    # The smallest of three p-values, 1/128, counts three times.
    # Three of three: p = 1/4.
    few = make_run("a", 0, **right, scufo=[1] * 3 + [0] * 5)
    many, none = make_run("b", 0, **right, scufo=[1] * 8), make_run("c", 0, **right, scufo=[0] * 8)
    summaries = results.summarise(QUICKSTART, [few, many, none])
    page = html_page.render(ReportData(summaries, CLASSES))
    rows = [page.split(f'<th scope="row">{name}</th>')[1].split("</tr>")[0] for name in "abc"]
    marked = [[">*<" in cell for cell in re.findall(r"<td>(.*?)</td>", row)] for row in rows]

    # Columns: iid, scuba, scufo, conflfg, contrasted.
    assert marked == [[False] * 5, [False, False, True, False, True], [False] * 5]
    assert "b − c" in page
    assert "<strong>+100.0 (p = 0.023)</strong>" in page
    assert "<td>+37.5 (p = 0.250)</td>" in page


def test_the_figures_of_the_paper_are_below_ours(answers):
    suite = SUITES["hmdb51"]
    tasks = {task: answers([1, 0, 1]) for task in suite.tasks}
    data = ReportData(results.summarise(suite, [ModelRun("mine", 0, None, tasks)]), CLASSES)
    text = " ".join(Outline(html_page.render(data)).text)

    assert "albar (paper)" in text
    assert "53.53" in text
    # The table by background.
    assert "Contrasted VQGAN-CLIP" in text
    assert "hmdb51_reversed" not in text


def test_each_class_has_its_bar_and_its_figures(data):
    page = html_page.render(data)
    first = page[page.index('<tbody data-model="ce">') :].split("</tbody>")[0]
    row = first[first.index('<th scope="row">left</th>') :].split("</tr>")[0]

    # No prediction needs the motion; all stills are correct.
    assert re.findall(r'width="([\d.]+)%"', row) == ["0", "100"]
    assert re.findall(r"<td>([^<]*)</td>", row) == ["2", "100", "100", "100", "0", "0", "0", "100"]
    assert "Strongest use of the appearance of the foreground by ce: left (100)" in page


def test_confidence_and_other_figures_are_a_table_of_models(data):
    page = html_page.render(data)
    row = page[page.index("Confidence, SCUFO ↓") :].split("</tr>")[0]

    assert re.findall(r"<td>(.*?)</td>", row) == ["90.0 ± 0.0", "90.0"]

    # No model has this figure.
    assert "Still right, shuffled" not in page


def test_pictures_have_names_and_table_headings_have_a_scope(data):
    page = html_page.render(data)
    assert re.findall(r"<th(?! scope)(?!ead)[^>]*>", page) == []
    assert re.findall(r"<img(?![^>]* alt=)", page) == []
    assert re.findall(r"<svg(?![^>]*(aria-label|aria-hidden))", page) == []


def test_without_videos_the_predictions_are_still_shown(data):
    page = html_page.render(ReportData(data.results, data.classes))
    assert "Example clips" in page
    assert "needs the motion" in page
    assert "<img" not in page


def test_correct_and_wrong_are_written_as_words(data):
    text = " ".join(" ".join(Outline(html_page.render(data)).text).split())
    assert "✓ correct: left" in text
    assert "✗ wrong: right" in text
    assert "needs the motion" in text
    assert "a still was enough" in text


def test_strips_show_the_frames_of_the_clip_and_of_its_own_still(data):
    seen = []

    def spy(task, clip):
        seen.append((task, clip))
        return read_clip(task, clip)

    page = html_page.render(ReportData(data.results, data.classes, spy))
    moving = [clip for task, clip in seen if task == "quickstart_scuba"]

    assert moving
    assert moving == [clip for task, clip in seen if task == "quickstart_scufo"]
    assert all(f"Frames of the moving clip {clip}" in page for clip in moving)


def test_without_videos_histories_and_most_tasks_there_is_a_page():
    runs = [
        ModelRun("audited", 0, None, {"quickstart": Predictions(["a", "b"], [0, 1], None, [0, 0])})
    ]
    page = html_page.render(ReportData(results.summarise(QUICKSTART, runs), CLASSES))
    text = " ".join(Outline(page).text)

    assert "Example clips" not in text
    assert "Training time" in text
    # Only figures that a model has.
    missing = "SCUBA, SCUFO, Confl-FG, Contrasted"
    assert f"predictions for all test sets that it needs: {missing}." in page
    head = page[page.index("<thead>") :].split("</thead>")[0]
    titles = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', head)
    assert titles == ["Model", "IID ↑"]
    assert re.findall('id="figure-(.*?)"', page) == ["iid"]
    assert "right predicted as left (100 %)" in " ".join(text.split())


def test_confusions_sum_the_seeds_and_many_classes_are_not_named(make_run):
    right = {"scuba": [1] * 4, "scufo": [0] * 4, "conflfg": [1] * 4}
    runs = [make_run("ce", 0, iid=[1] * 4, **right), make_run("ce", 1, iid=[0, 1, 1, 1], **right)]
    summaries = results.summarise(QUICKSTART, runs)
    page = html_page.render(ReportData(summaries, CLASSES))

    assert "left predicted as right (50&nbsp;%)" in page

    many = tuple(f"class{i}" for i in range(400))
    assert "class399" not in html_page.render(ReportData(summaries, many))


def test_page_is_the_same_each_time(data, tmp_path):
    html_page.write(tmp_path / "out" / "report.html", data)
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == html_page.render(data)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.html"]


def test_a_clip_that_cannot_be_read_has_no_pictures(data):
    gone = "clip_0"
    page = html_page.render(
        dataclasses.replace(
            data, read_clip=lambda task, clip: None if clip == gone else read_clip(task, clip)
        )
    )

    assert f'id="clip-{gone}"' in page
    assert f"Frames of the moving clip {gone}" not in page

    shown = page.count('id="clip-clip_') - 1
    for part in ("Frames of the moving clip", "Its motionless parts", "Its still"):
        assert page.count(f'aria-label="{part}') == shown > 0


def test_unknown_costs_and_single_seeds_have_no_column(data, make_run):
    assert "Cost (plain steps)" in html_page.render(data)

    row = {"iid": [1] * 4, "scuba": [1] * 4, "scufo": [0] * 4, "conflfg": [1] * 4}
    summaries = results.summarise(QUICKSTART, [make_run("audited", 0, **row)])
    page = html_page.render(ReportData(summaries, CLASSES))

    assert "Cost" not in page

    head, body = (
        re.search(rf"<{part}>(.*?)</{part}>", page, re.DOTALL)[1] for part in ("thead", "tbody")
    )
    assert head.count("<th ") == body.count("<th ") + body.count("<td>") == 6


def test_without_masks_the_classes_show_what_a_still_is_enough_for(answers):
    tasks = {"quickstart": answers([1] * 8), "quickstart_static": answers([1, 0] * 4)}
    runs = [ModelRun("ce", 0, None, tasks)]
    page = html_page.render(ReportData(results.summarise(QUICKSTART, runs), CLASSES))
    table = page[page.index('aria-label="Classes"') :].split("</table>")[0]

    # Columns that nothing is known of are missing.
    titles = ["Class", "Motion | appearance", "Clips", "IID", "Right from a still"]
    assert re.findall(r'<th scope="col"[^>]*>(.*?)</th>', table) == [*titles, "Needs the motion"]
    # The classes that a still is enough for come first.
    rows = re.findall(r'<th scope="row">(.*?)</th>.*?<td>(\d+)</td><td>(.*?)</tr>', table)
    assert [(name, clips) for name, clips, _ in rows[:2]] == [("left", "2"), ("up", "2")]
    assert [re.findall(r"\d+", figures) for *_, figures in rows] == [
        *[["100", "100", "0"]] * 2,
        *[["100", "0", "100"]] * 2,
    ]
    assert "Strongest use of a single frame by ce: left (100), up (100)." in page
