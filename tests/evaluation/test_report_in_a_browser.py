"""Claim: untrusted names stay text on the page; a real browser runs and loads nothing."""

import html.parser
import shutil
import subprocess

import numpy as np
import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import html_page, pages
from albar_jax.report.report_data import ReportData

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
QUICKSTART = SUITES["quickstart"]
RUN = "document.title='RAN'"
PAYLOADS = [
    f"<script>{RUN}</script>",
    f'"><img src=x onerror="{RUN}">',
    f"'><svg onload={RUN}>",
    f"</title><script>{RUN}</script>",
    f"</style><script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f'<iframe srcdoc="<script>parent.{RUN}</script>">',
    f"<a href=javascript:{RUN}>x</a>",
    f'" onmouseover="{RUN}" autofocus onfocus="{RUN}" tabindex=1 x="',
    '<img src="http://127.0.0.1:PORT/img">',
    '<link rel="stylesheet" href="http://127.0.0.1:PORT/css">',
    "</style><style>@import url(http://127.0.0.1:PORT/import);body{display:none}",
    "red;background:url(http://127.0.0.1:PORT/style)",
    '<meta http-equiv="refresh" content="0;url=http://127.0.0.1:PORT/refresh">',
    '<base href="http://127.0.0.1:PORT/">',
    '<form action="http://127.0.0.1:PORT/"><input autofocus>',
    "{{ 7 * 7 }}{% raw %}<!--",
    "\u202egpj.exe\u2066 \x00\x1b[31m\u2028\ud800",
]


class Body(html.parser.HTMLParser):
    """The title, the tags and the text of a page after rendering."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.attributes = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def hostile_page(port):
    """Returns a page whose models, classes, clips, metrics and views have hostile names."""
    names = [payload.replace("PORT", str(port)) for payload in PAYLOADS]
    labels = np.arange(len(names))
    wrong = np.roll(labels, 1)
    tasks = {
        "quickstart": Predictions(names, labels, None, np.where(labels % 3, labels, wrong)),
        "quickstart_scuba": Predictions(names, labels, None, labels),
        "quickstart_scufo": Predictions(names, labels, None, np.where(labels % 2, labels, wrong)),
    }
    tasks["quickstart_conflfg"] = Predictions(names[1:], labels[1:], None, wrong[1:], {names[0]: 0})
    history = [
        {"step": step, **{f"loss/{name}": 1.0 / (1 + step) for name in names}} for step in range(3)
    ]
    runs = [
        ModelRun(name, 0, None, tasks, history=history, views=dict.fromkeys(tasks, names[at - 1]))
        for at, name in enumerate(names[:8])
    ]
    summaries = results.summarise(QUICKSTART, runs)
    clip = np.zeros((4, 8, 8, 3), np.uint8)

    return html_page.render(ReportData(summaries, names, lambda task, name: clip))


def _browse(page, folder):
    """Returns the page after its scripts have run in the browser, and the console output."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    flags = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
    ]
    flags += [
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
        "--virtual-time-budget=3000",
    ]
    run = subprocess.run(
        [BROWSER, *flags, "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]

    return run.stdout, console


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_hostile_names_run_nothing_and_the_page_shows_them(listener, tmp_path):
    port, heard = listener
    page = hostile_page(port)
    shown, console = _browse(page, tmp_path)
    body = Body(shown)
    text = "".join(body.text)

    assert "RAN" not in shown.partition("</title>")[0]
    assert console == []
    assert heard == []
    # Our own script has run: it turns the headings into buttons.
    assert "button" in body.tags
    assert body.tags.count("script") == 1
    assert not {"iframe", "base", "form"} & set(body.tags)
    assert {value[0] for name, value in body.attributes if name == "href"} == {"#", "d"}
    assert not [name for name, _ in body.attributes if name.startswith("on")]
    for payload in PAYLOADS[:-1]:
        assert payload.replace("PORT", str(port)) in text
    assert r"\u202egpj.exe\u2066 \x00\x1b[31m\u2028\ud800" in text


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_the_policy_stops_what_escaping_would_miss(listener, tmp_path):
    port, heard = listener
    scripts = "".join(PAYLOADS[:6]) + "".join(PAYLOADS[9:11])
    page = hostile_page(port).replace("</h1>", f"</h1>{scripts.replace('PORT', str(port))}", 1)
    shown, console = _browse(page, tmp_path)

    assert "RAN" not in shown.partition("</title>")[0]
    assert any("Content Security Policy" in line for line in console)
    assert heard == []


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_without_the_policy_the_same_page_would_run_them(listener, tmp_path):
    port, heard = listener
    policy = pages.policy("", "").split(";")[0]
    page = hostile_page(port).replace(
        "</h1>", f"</h1>{PAYLOADS[1]}{PAYLOADS[9].replace('PORT', str(port))}", 1
    )
    start = page.index('<meta http-equiv="Content-Security-Policy"')

    assert policy.replace("'", "&#39;") in page

    shown, _ = _browse(page[:start] + page[page.index(">", start) + 1 :], tmp_path)
    assert "<title>RAN</title>" in shown
    assert heard
