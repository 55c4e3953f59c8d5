"""Audits predictions of any program without JAX: reads CSV files, writes the table and the page."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from albar_jax.evaluation import results
from albar_jax.evaluation.annotations import Annotations
from albar_jax.evaluation.audit import Audit, read_audit
from albar_jax.report import outputs
from albar_jax.report.report_data import ReadClip, ReportData
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
    publish_audit(audit, report_data(audit), out)


def audit_results(folders: Sequence[str | os.PathLike]) -> dict[str, Any]:
    """Reads predictions and returns the content of results.json; writes and prints nothing.

    Args:
      folders: as for `write_audit`.

    Raises:
      UserError: files that belong to no benchmark, contradict each other, or are malformed.
    """
    return outputs.to_json(report_data(read_audit(folders)))


def report_data(
    audit: Audit,
    read_clip: ReadClip | None = None,
    foregrounds: Mapping[str, int] | None = None,
    annotations: Mapping[str, Annotations] | None = None,
) -> ReportData:
    """Returns the report of an audit; see `ReportData` for what is known of the videos."""
    summarised = results.summarise(audit.suite, audit.runs)
    return ReportData(
        summarised, audit.classes, read_clip, foregrounds, annotations=annotations or {}
    )


def publish_audit(
    audit: Audit, data: ReportData, out: str | os.PathLike, *, writes: bool = True
) -> None:
    """Writes the files of a report and prints its table, and the files that were not read.

    Args:
      audit: the predictions.
      data: their report.
      out: folder for the results.
      writes: whether this process writes; False on all but the first of several.
    """
    with working_in(out, "--out", active=writes) as folder:
        for path in audit.unknown:
            show(f"skipped {path}: not a task of {audit.suite.name}")
        if writes:
            outputs.publish(data, folder)
