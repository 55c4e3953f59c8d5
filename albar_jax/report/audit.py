"""Audits predictions of any program without JAX: reads CSV files, writes the table and the page."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from albar_jax.evaluation import results
from albar_jax.evaluation.audit import Audit, read_audit
from albar_jax.report import outputs, tables
from albar_jax.report.report_data import ReportData
from albar_jax.storage.lock import working_in
from albar_jax.terminal.escapes import show


def write_audit(folders: Sequence[str | os.PathLike], out: str | os.PathLike) -> None:
    """Reads predictions, writes results.json, results.md and report.html, and prints the table.

    Args:
      folders: a folder of CSV files for each model, or folders of such folders; see
        `albar_jax.evaluation.audit`.
      out: folder for the results.

    Raises:
      UserError: files that belong to no benchmark, contradict each other, or are malformed.
    """
    audit = read_audit(folders)
    with working_in(out, "--out") as folder:
        show_skipped(audit)
        publish(report_data(audit), folder)


def audit_results(folders: Sequence[str | os.PathLike]) -> dict[str, Any]:
    """Reads predictions and returns the content of results.json; writes and prints nothing.

    Args:
      folders: as for `write_audit`.

    Raises:
      UserError: files that belong to no benchmark, contradict each other, or are malformed.
    """
    return outputs.to_json(report_data(read_audit(folders)))


def report_data(audit: Audit) -> ReportData:
    """Returns the report of an audit, without videos."""
    return ReportData(results.summarise(audit.suite, audit.runs), audit.classes)


def show_skipped(audit: Audit) -> None:
    """Prints a line for each CSV file that is not named after a task of the suite."""
    for path in audit.unknown:
        show(f"skipped {path}: not a task of {audit.suite.name}")


def publish(data: ReportData, out: Path) -> None:
    """Writes the table and the page, and prints the table."""
    outputs.write(out, data)
    show(*tables.console(data.results).splitlines())
    show(*data.notes)
    show(f"the page: {out / 'report.html'}")
