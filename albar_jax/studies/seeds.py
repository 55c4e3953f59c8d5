"""The rule about seeds: choices are made on some seeds, and figures are reported on others.

A recipe that was chosen by its figures has better figures on the seeds of the choice than on
others. So reported figures come from seeds that no choice has used.
"""

from collections.abc import Sequence
from typing import Literal

from albar_jax.errors import UserError

# Whether the seeds of a table are for choices or for reports.
Purpose = Literal["choices", "reports"]

CHOICE_SEEDS = (0, 1, 2)
REPORT_SEEDS = (10, 11, 12, 13, 14)


def read_seeds(text: str | None, *, for_report: bool) -> list[int]:
    """Returns the seeds that the command line asks for.

    Args:
      text: the value of `--seeds`, numbers joined by commas; None if it is not given.
      for_report: whether `--report` is given.

    Raises:
      UserError: `text` is not a list of different numbers, mixes seeds of both purposes, or
        contradicts `--report`.
    """
    if text is None:
        return list(REPORT_SEEDS if for_report else CHOICE_SEEDS)

    words = [word.strip() for word in text.split(",")]
    # `int` would also take other scripts' digits and superscripts.
    if not all(word.isascii() and word.isdecimal() and len(word) < 10 for word in words):
        raise UserError(f"--seeds is {text!r}; it is different numbers from 0, as in --seeds 0,1,2")
    seeds = [int(word) for word in words]
    if len(set(seeds)) < len(seeds):
        raise UserError(f"--seeds is {text!r}; it is different numbers from 0, as in --seeds 0,1,2")
    if purpose_of(seeds) == "choices" and for_report:
        raise UserError(
            f"--seeds is {text!r}, but --report needs seeds from {_listed(REPORT_SEEDS)}; leave "
            "out --seeds"
        )
    return seeds


def purpose_of(seeds: Sequence[int]) -> Purpose:
    """Returns what seeds are for; every seed that is not for reports is for choices.

    Raises:
      UserError: the seeds have different purposes.
    """
    for_reports = [seed for seed in seeds if seed in REPORT_SEEDS]
    if not for_reports:
        return "choices"
    # A table of both kinds would report figures that recipes were chosen by.
    others = [seed for seed in seeds if seed not in REPORT_SEEDS]
    if others:
        raise UserError(
            f"seed {for_reports[0]} is for reports and seed {others[0]} for choices, and one table "
            f"has seeds of one kind; give --report for seeds {_listed(REPORT_SEEDS)}, or leave "
            "these out"
        )
    return "reports"


def refuse_reports(seeds: Sequence[int], title: str) -> None:
    """Raises UserError for seeds for reports, in a study that chooses between recipes."""
    if purpose_of(seeds) == "reports":
        raise UserError(
            f"the study {title!r} chooses between recipes, and seeds {_listed(REPORT_SEEDS)} are "
            "for reports, which no choice may have used; leave out --seeds and --report"
        )


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def describe(purpose: Purpose, seeds: Sequence[int]) -> str:
    """Describes the seeds of a table in a few words, as its first line has them."""
    word = "seed" if len(seeds) == 1 else "seeds"
    return f"for {purpose}: {word} {_listed(seeds)}"


def caution(purpose: Purpose, seeds: Sequence[int]) -> str:
    """Returns the sentence on what the figures of a table may be used for."""
    if purpose == "choices":
        return (
            "These figures are for choices between recipes and are not to be quoted. Reported "
            f"figures come from seeds {_listed(REPORT_SEEDS)}, which no choice has used: --report."
        )

    missing = [seed for seed in REPORT_SEEDS if seed not in seeds]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        return f"Not all seeds for reports are here: {_listed(missing)} {verb} missing."
    return "No choice has used the seeds of this table."
