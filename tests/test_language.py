"""Plain language and room to breathe: counts over the code and the documents.

A failure names the places, or the files that need the most work. The numbers are limits for the
whole package: a single place may exceed them.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = [path for folder in ("albar_jax", "configs") for path in (ROOT / folder).rglob("*.py")]
PYTHON = sorted(
    path
    for pattern in ("*.py", "benchmarks/**/*.py", "chaos/**/*.py", "fuzz/**/*.py", "tests/**/*.py")
    for path in ROOT.glob(pattern)
)
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if path.name != "CHANGELOG.md"
)

STILTED = re.compile(
    r"\b(of which|but for|goes on|go on|that of|those of|of those|alike|summands?|manieth"
    r"|turn by turn|in turn|beside it|is parted|counted along|brought along|goes along)\b",
    re.IGNORECASE,
)
STILTED_PER_10_000_WORDS = 2.0
NOUN_CLAUSE = re.compile(r"(What|Where|Which|Whether|How|That|Of)\b")
LONGEST_LINE = 100
README_WORDS = 700
# Percent of the lines in function bodies.
LEAST_BLANK_LINES = 5.0
# Per 100 lines of code.
LEAST_COMMENTS = 4.0
# Per 100 statements.
MOST_COMPREHENSIONS = 4.0
MOST_CONDITIONAL_EXPRESSIONS = 1.5

# Line number and text.
Prose = Iterator[tuple[int, str]]
# How much of something a file has, and how large the file is in the same unit.
Count = Callable[[Path], tuple[int, int]]
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def docstrings(path: Path) -> Prose:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node):
            yield node.body[0].lineno, ast.get_docstring(node)


def comments(path: Path) -> Iterator[tokenize.TokenInfo]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token


def prose_of_code(path: Path) -> Prose:
    yield from docstrings(path)
    for token in comments(path):
        yield token.start[0], token.string


def prose_of_document(path: Path) -> Prose:
    yield 1, path.read_text()


@pytest.mark.parametrize(
    ("paths", "prose"),
    [(PACKAGE, prose_of_code), (DOCUMENTS, prose_of_document)],
    ids=["code", "documents"],
)
def test_stilted_phrases_are_rare(paths, prose):
    words = 0
    places = []
    for path in paths:
        for line, text in prose(path):
            words += len(re.findall(r"\w+", text))
            for phrase in STILTED.finditer(text):
                number = line + text[: phrase.start()].count("\n")
                places.append(f"{name(path)}:{number}: {phrase[0]!r}")

    share = 1e4 * len(places) / words
    assert share <= STILTED_PER_10_000_WORDS, f"{share:.1f} per 10,000 words\n" + "\n".join(places)


def test_no_docstring_begins_with_a_noun_clause():
    places = [
        f"{name(path)}:{line}: {text.splitlines()[0]}"
        for path in [*PACKAGE, *PYTHON]
        for line, text in docstrings(path)
        if NOUN_CLAUSE.match(text)
    ]
    assert not places, "\n".join(places)


def test_no_line_of_code_is_too_long():
    places = [
        f"{name(path)}:{number}: {len(line)} characters"
        for path in sorted([*PACKAGE, *PYTHON])
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > LONGEST_LINE
    ]
    assert not places, "\n".join(places)


def test_no_line_of_text_is_too_long():
    """Tables, commands, and links that cannot be broken are not text."""
    places = []
    for path in DOCUMENTS:
        in_code = False
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            in_code ^= line.lstrip().startswith("```")
            is_text = not in_code and not line.startswith(("|", "!", "    "))
            if is_text and len(line) > LONGEST_LINE and " " in line.strip()[:LONGEST_LINE]:
                places.append(f"{name(path)}:{number}: {len(line)} characters")

    assert not places, "\n".join(places)


def test_the_readme_is_short():
    words = len((ROOT / "README.md").read_text().split())
    assert words <= README_WORDS


def blank_lines(path: Path) -> tuple[int, int]:
    """Counts the blank lines and all lines of function bodies, without docstrings."""
    lines = path.read_text().splitlines()
    blank = total = 0
    for node in ast.walk(ast.parse("\n".join(lines))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0]
        start = first.lineno - 1
        if ast.get_docstring(node) is not None:
            start = first.end_lineno
        body = lines[start : node.end_lineno]
        blank += sum(not line.strip() for line in body)
        total += len(body)

    return blank, total


def own_line_comments(path: Path) -> tuple[int, int]:
    lines = [line.strip() for line in path.read_text().splitlines()]
    own = sum(token.line.strip().startswith("#") for token in comments(path))
    code = sum(bool(line) and not line.startswith("#") for line in lines)
    return own, code


def comprehensions(path: Path) -> tuple[int, int]:
    return nodes(path, COMPREHENSIONS)


def conditional_expressions(path: Path) -> tuple[int, int]:
    return nodes(path, (ast.IfExp,))


def nodes(path: Path, kinds: tuple[type[ast.AST], ...]) -> tuple[int, int]:
    """Counts nodes of some kinds, and all statements."""
    tree = list(ast.walk(ast.parse(path.read_text())))
    return (
        sum(isinstance(node, kinds) for node in tree),
        sum(isinstance(node, ast.stmt) for node in tree),
    )


def in_package(count: Count, worst_first: Callable[[tuple[int, int]], float]) -> tuple[float, str]:
    """Returns the percentage over the package, and the 15 files that need the most work."""
    counts = {path: count(path) for path in PACKAGE}
    number = sum(number for number, _ in counts.values())
    size = sum(size for _, size in counts.values())

    worst = sorted(counts, key=lambda path: worst_first(counts[path]))[:15]
    lines = [f"{name(path)}: {counts[path][0]} of {counts[path][1]}" for path in worst]
    percentage = 100 * number / size
    return percentage, "\n".join([f"{percentage:.1f} in 100, worst files:", *lines])


@pytest.mark.parametrize(
    ("count", "least"), [(blank_lines, LEAST_BLANK_LINES), (own_line_comments, LEAST_COMMENTS)]
)
def test_code_has_room_and_comments(count, least):
    # Files that lack the most lines come first.
    percentage, message = in_package(count, lambda pair: pair[0] - least / 100 * pair[1])
    assert percentage >= least, message


@pytest.mark.parametrize(
    ("count", "most"),
    [
        (comprehensions, MOST_COMPREHENSIONS),
        (conditional_expressions, MOST_CONDITIONAL_EXPRESSIONS),
    ],
)
def test_code_is_not_dense(count, most):
    percentage, message = in_package(count, lambda pair: most / 100 * pair[1] - pair[0])
    assert percentage <= most, message
