"""The committed tables: each names its command, commit and seeds, and the documents quote them."""

import re
from pathlib import Path

import pytest

from albar_jax.studies.seeds import REPORT_SEEDS

ROOT = Path(__file__).parent.parent
PAGES = sorted(path for path in (ROOT / "docs/results").glob("*.md") if path.name != "README.md")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Pages with the seeds of choices, from before the rule. A page that is redone leaves the list.
NOT_YET_REDONE = {
    "audit.md",
    "quickstart_cost.md",
    "quickstart_table1.md",
    "quickstart_table3.md",
    "quickstart_table3_longer.md",
    "quickstart_table4.md",
    "quickstart_table5.md",
    "waterbirds_stand_in.md",
}
COMMAND = re.compile(r"\b(?:albar|python) (?:study|train|evaluate)(?:\.py)? --")
COMMITS = re.compile(r"\bcommit (?P<commits>[0-9a-f]{7,}\+?(?:, [0-9a-f]{7,}\+?)*)")
SEEDS = re.compile(r"(?:--seeds|config\.seed)[= ](?P<seeds>[\d,]+)")
# The record of all trials has those of choices, too.
TRIALS = "# All trials"

# Headings and cells of the lines of a table.
Table = tuple[list[str], list[list[str]]]


def faults_of_origin(text: str) -> list[str]:
    """Returns what a page with a table does not name."""
    text = " ".join(text.split())
    faults = []
    if not COMMAND.search(text):
        faults.append("no command")
    if not COMMITS.search(text):
        faults.append("no commit")
    has_seeds = SEEDS.search(text) or "--report" in text or "(reports)" in text
    if not has_seeds and not text.startswith(TRIALS):
        faults.append("no seeds")
    return faults


def faults_of_seeds(text: str) -> list[str]:
    """Returns why the figures of a page are not for reports."""
    text = " ".join(text.split())
    if text.startswith(TRIALS):
        return []
    faults = []
    for found in SEEDS.finditer(text):
        others = set(map(int, found["seeds"].strip(",").split(","))) - set(REPORT_SEEDS)
        if others:
            faults.append(f"seeds {sorted(others)}")
    if "(for choices" in text or "(choices)" in text:
        faults.append("a table for choices")
    if any("+" in found["commits"] for found in COMMITS.finditer(text)):
        faults.append("uncommitted code")
    return faults


def tables(text: str) -> list[Table]:
    """Returns the tables of a page that have figures over seeds."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        header, _, *lines = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        ]
        if "±" in block:
            found.append((header, lines))
    return found


def figures(table: Table, columns: list[str]) -> list[tuple[str, ...]]:
    """Returns the cells of these columns in each line of a table."""
    header, lines = table
    places = [header.index(column) for column in columns]
    return [tuple(line[place] for place in places) for line in lines]


def is_copied(table: Table, sources: list[Table]) -> bool:
    """Returns whether all lines of a table, without their names, are lines of one other table."""
    columns = [title for title in table[0][1:] if title]
    for source in sources:
        has_columns = set(columns) <= set(source[0])
        if has_columns and set(figures(table, columns)) <= set(figures(source, columns)):
            return True
    return False


def sources() -> list[Table]:
    return [table for path in PAGES for table in tables(path.read_text())]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_with_a_table_names_its_command_its_commit_and_its_seeds(path):
    text = path.read_text()
    if tables(text):
        assert faults_of_origin(text) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_has_figures_of_the_seeds_for_reports(path):
    faults = faults_of_seeds(path.read_text())
    if path.name in NOT_YET_REDONE:
        assert faults, f"{path.name} is redone: remove it from NOT_YET_REDONE"
    else:
        assert faults == []


def test_only_pages_that_exist_are_not_yet_redone():
    assert {path.name for path in PAGES} >= NOT_YET_REDONE


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_tables_of_the_documents_are_copied_from_one_page(path):
    for table in tables(path.read_text()):
        assert is_copied(table, sources()), f"{path.name}: {table[0]}"


def test_the_readme_has_such_a_table():
    assert tables((ROOT / "README.md").read_text())


GOOD = """# Table 1 (for reports: seeds 10, 11)

| Model | Seeds | Cost | IID ↑ |
| :-- | --: | --: | --: |
| ce | 5 | 400 | 89.6 ± 2.4 |
| albar | 5 | 1237 (× 3.09) | 90.0 ± 2.8 |

<sub>`albar study --config quickstart_table1 --workdir runs --seeds
10,11`: 4 of 4 runs, trained at commit a15be09 in 9 min.</sub>
"""


def test_a_page_by_the_rules_has_no_fault():
    for text in (GOOD, GOOD.replace("--seeds\n10,11", "--report")):
        assert (faults_of_origin(text), faults_of_seeds(text)) == ([], [])


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("albar study", "a study", "no command"),
        ("commit a15be09", "some commit", "no commit"),
        ("--seeds\n10,11", "", "no seeds"),
    ],
)
def test_a_missing_origin_is_found(good, bad, fault):
    assert faults_of_origin(GOOD.replace(good, bad)) == [fault]


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("10,11", "10,2", "seeds [2]"),
        ("--seeds\n10,11", "--config.seed=0", "seeds [0]"),
        ("for reports", "for choices", "a table for choices"),
        ("a15be09", "a15be09+", "uncommitted code"),
        ("a15be09", "a15be09, b15be09+", "uncommitted code"),
    ],
)
def test_other_seeds_and_uncommitted_code_are_found(good, bad, fault):
    assert faults_of_seeds(GOOD.replace(good, bad)) == [fault]


@pytest.mark.parametrize(
    ("line", "copied"),
    [
        ("| `albar`: ours | 1237 (× 3.09) | 90.0 ± 2.8 |", True),
        ("| albar | 1237 (× 3.09) | 90.1 ± 2.8 |", False),
        ("| albar | 400 | 90.0 ± 2.8 |", False),
    ],
)
def test_a_table_is_copied_if_all_figures_of_a_line_are_in_one_line(line, copied):
    text = f"| Model | Cost | IID ↑ |\n| :-- | --: | --: |\n{line}\n"
    assert is_copied(tables(text)[0], tables(GOOD)) == copied
