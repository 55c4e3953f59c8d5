"""Formats the table of trials, attempts and faults of each command."""

import collections
from collections.abc import Sequence

from chaos.faults import KINDS
from chaos.trial import Result

_COLUMNS = ("trials", "attempts", *KINDS, "as undisturbed", "named", "LOST")


def table(results: Sequence[Result]) -> str:
    """Returns a Markdown table with one row for each command and one row for all."""
    counts: dict[str, collections.Counter] = {}
    for result in results:
        for name in (result.command.name, "all"):
            counts.setdefault(name, collections.Counter()).update(_count(result))

    rows = [["command", *_COLUMNS], ["---"] + ["--:"] * len(_COLUMNS)]
    # The row of all commands comes last.
    total = counts.pop("all", None)
    for name, count in [*counts.items(), *([("all", total)] if total else [])]:
        rows.append([name, *(f"{count[column]:,}" for column in _COLUMNS)])

    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _count(result: Result) -> collections.Counter:
    count = collections.Counter(trials=1, attempts=len(result.attempts))
    count[result.verdict] += 1
    for attempt in result.attempts:
        # "kill main, then flip run/..." counts as two faults.
        count.update(part.split()[0] for part in attempt.injected.split(", then ") if part)

    return count
