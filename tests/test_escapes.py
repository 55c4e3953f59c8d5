"""Claim: printed text and table rows are single lines without terminal codes.

Names are unchanged after they are written to a table and read back.
"""

import csv
import random
import subprocess
import sys
import unicodedata

import pytest

from albar_jax.data import unreadable
from albar_jax.data.manifest import write_manifest
from albar_jax.evaluation import results
from albar_jax.evaluation.predictions import Predictions, read_predictions, write_predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import outputs
from albar_jax.report.report_data import ReportData
from albar_jax.report.tables import console
from albar_jax.storage.class_names import read_class_list, write_class_list
from albar_jax.storage.csv_files import read_table, to_text, write_table
from albar_jax.terminal.escapes import (
    from_cell,
    markdown_text,
    notify,
    printable,
    shell_line,
    show,
    to_cell,
)

HOSTILE = [
    "a\nforged/path.mp4\tforged reason.mp4",
    "b\x1b[31mred\x1b]0;title\x07",
    "c\r\x08\x7f",
    "d\x85\x9b31m\u2028\u2029",
    "e\u202egpj.exe\u2066\u200f",
    "\ufefff",
    "$'g\\n'",
    "h\\n",
    "'",
    "\0",
]
FORMULAS = [
    "=1+1",
    "+1+cmd|' /C calc'!A0",
    "-x",
    "--0B32Yk2JA",
    "@SUM(1)",
    "'=1",
    "''-x",
    "=\n",
    "\t=1",
    "\r=1",
]
PLAIN = [
    "",
    "a",
    "-0.5",
    "-1e-05",
    "+3",
    "1.5",
    "é",
    "a-b",
    "'quoted'",
    "brush_hair",
    "a\\b",
    "$x",
    "字",
    "عربي",
]


def _is_safe(text):
    return not any(
        unicodedata.category(letter) in ("Cc", "Zl", "Zp", "Cs") or letter in "\u202e\u2066"
        for letter in text
    )


@pytest.mark.parametrize("text", HOSTILE + FORMULAS, ids=ascii)
def test_text_is_printed_as_one_line_without_control_characters(text, capsys):
    show(f"read {text}", "next")
    notify(text)
    out, err = capsys.readouterr()
    for lines in (out.split("\n"), err.split("\n")):
        assert lines[-1] == ""
        assert all(map(_is_safe, lines))
    assert (len(out.split("\n")), len(err.split("\n"))) == (3, 2)


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_is_printed_and_written_as_it_is(text):
    assert printable(text) == text
    assert to_cell(text) == text


def test_cells_of_any_content_are_read_back_unchanged():
    rng = random.Random(0)
    alphabet = "=+-@'$\\\"nrtxu09ae,;\n\r\t\0\x1b\x85\u2028\u202e\ufeff\ud800\udce9é "
    texts = ["".join(rng.choices(alphabet, k=rng.randrange(9))) for _ in range(20_000)]
    for text in [*HOSTILE, *FORMULAS, *PLAIN, *texts]:
        cell = to_cell(text)
        assert from_cell(cell) == text
        assert _is_safe(cell)
        assert cell[:1] not in ("=", "+", "-", "@") or float(cell) is not None


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_table_has_one_line_for_each_row_and_no_formula(tmp_path, delimiter):
    texts = HOSTILE + FORMULAS + PLAIN
    write_table(
        tmp_path / "t", ["name", "value"], [(text, -0.5) for text in texts], delimiter=delimiter
    )
    content = (tmp_path / "t").read_text()
    lines = content.removesuffix("\n").split("\n")
    assert len(lines) == len(texts) + 1
    assert all(_is_safe(line.replace("\t", "")) for line in lines)
    cells = [row[0] for row in csv.reader(lines[1:], delimiter=delimiter)]
    numbers = {"-0.5", "-1e-05", "+3"}
    assert not [cell for cell in cells if cell[:1] in {*"=+-@"} and cell not in numbers]
    assert read_table(tmp_path / "t", strip=False, delimiter=delimiter).column("name") == texts
    assert {row[1] for row in csv.reader(lines[1:], delimiter=delimiter)} == {"-0.5"}


def test_predictions_join_by_their_ids_again(tmp_path):
    ids = tuple(HOSTILE + FORMULAS)
    write_predictions(tmp_path / "p.csv", Predictions(ids, [0] * len(ids), None, [0] * len(ids)))
    assert read_predictions(tmp_path / "p.csv").ids == ids


def test_the_list_of_unreadable_videos_keeps_names_that_are_not_utf8(tmp_path, capsys):
    names = [*HOSTILE, *FORMULAS, "caf\udce9.mp4"]
    unreadable.report({name: f"{name}: bad \x1b[2J" for name in names}, tmp_path)
    assert unreadable.listed(tmp_path) == {*names}
    content = (tmp_path / unreadable.FILE).read_text()
    assert len(content.removesuffix("\n").split("\n")) == len(names)
    assert "\x1b" not in content + capsys.readouterr().out


def test_class_names_that_look_like_formulas_are_read_back_unchanged(tmp_path):
    for names in (("=1", "-x", "+y"), ("1 =x", "2 -y"), ("'=a", "@b")):
        write_class_list(tmp_path / "classes.txt", names)
        assert read_class_list(tmp_path / "classes.txt").names == names


def test_a_manifest_that_a_spreadsheet_opens_holds_no_formula(tmp_path):
    write_manifest(tmp_path / "m.csv", [{"path": "-0B32.mp4", "label": "=1", "id": "@x"}])
    assert (tmp_path / "m.csv").read_text().split("\n")[1] == "'-0B32.mp4,'=1,'@x"


@pytest.mark.parametrize("word", [*HOSTILE[:6], "caf\udce9", "plain", "two words", "it's"])
def test_commands_that_are_shown_can_be_pasted_into_bash(word):
    if "\0" in word:
        return
    line = shell_line(["printf", "%s", word])
    assert _is_safe(line)
    output = subprocess.run(
        ["bash", "-c", line], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    ).stdout
    assert output.decode(errors="surrogateescape") == word


@pytest.mark.parametrize(
    "name", ["<script>x</script>", "[a](javascript:x)", "![a](http://x)", "`x`", "a|b", "a\n# b"]
)
def test_names_stay_text_in_markdown_and_on_the_terminal(name):
    suite = SUITES["quickstart"]
    tasks = {"quickstart": Predictions((name, "b"), [0, 1], None, [0, 0], {f"{name}2": 0})}
    summarised = results.summarise(
        suite, [ModelRun(name, 0, None, tasks, views={"quickstart": name})]
    )
    data = ReportData(summarised, [name, "other", "third"])
    text = outputs.markdown(data)
    assert name not in text
    assert markdown_text(name) in text
    assert all(map(_is_safe, console(summarised).split("\n")))
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert not [line for line in text.split("\n") if line.startswith("#")]
    assert rows


@pytest.mark.parametrize("error", ["UserError", "KeyError"])
def test_a_program_that_fails_prints_no_control_characters(error):
    code = (
        "from albar_jax.errors import UserError, leave, exit_status\n"
        f"def work(): raise {error}('cannot read a\\nerror: forged\\x1b[31m\\x9b')\n"
        "leave(lambda: exit_status(work))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == (2 if error == "UserError" else 1)
    assert "\x1b" not in run.stderr
    assert "\x9b" not in run.stderr
    assert not [line for line in run.stderr.split("\n") if line.startswith("error: forged")]


def test_lines_of_tables_are_counted_once():
    assert to_text([("a\nb", "c\td")], delimiter="\t") == "$'a\\nb'\t$'c\\td'\n"
