"""`evaluate.py --predictions`: the benchmark on what any program has predicted."""

from collections.abc import Sequence

from albar_jax.commands.evaluate import publish
from albar_jax.evaluation import results
from albar_jax.evaluation.audit import read_audit
from albar_jax.evaluation.report import ReportData
from albar_jax.files import make_folder


def run(folders: Sequence[str], out: str) -> int:
    """Reads a CSV file for each task, writes the table and the page; returns the exit status.

    Raises:
      UserError: for files that belong to no benchmark, contradict each other or are malformed.
    """
    audit = read_audit(folders)
    folder = make_folder(out, "--out")
    for path in audit.unknown:
        print(f"not a task of {audit.suite.name}, left out: {path}")
    publish(ReportData(audit.suite, results.summarise(audit.suite, audit.runs), audit.classes), audit.runs, folder)
    return 0
