"""Records the origin of a study's figures: commits, devices, command, time."""

import functools
import importlib.metadata
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from albar_jax.config import config_files
from albar_jax.errors import UserError
from albar_jax.files import read_text, write_text
from albar_jax.studies import Run
from albar_jax.terminal.escapes import markdown_text

ROOT = Path(__file__).parents[2]
# Files in the folder of a run, one line for each change.
_COMMITS = "commits.txt"
_DEVICES = "devices.txt"


def record_origin(run: Run) -> None:
    """Appends the commit and the device to the files of a run if they have changed."""
    _append_change(run.folder / _COMMITS, commit())
    _append_change(run.folder / _DEVICES, jax.devices()[0].device_kind)


def commits_of(run: Run) -> list[str]:
    """Returns the commits that trained and tested a run; a + means uncommitted changes."""
    return _lines(run.folder / _COMMITS)


def _append_change(path: Path, value: str) -> None:
    lines = _lines(path)
    # A run that was resumed on another machine has several lines.
    if lines[-1:] != [value]:
        write_text(path, "".join(f"{line}\n" for line in (*lines, value)))


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    return read_text(path, remedy="; delete it").splitlines()


# Cached, because the running code is the imported code, even if the checkout changes later.
@functools.cache
def commit() -> str:
    """Returns the commit of the running checkout, with a + if it has changes.

    Without a checkout, it is the version of the package, or "unknown".
    """
    # Changes of other files, such as docs, do not change figures.
    try:
        head = _git("rev-parse", "--short", "HEAD")
        changes = _git("status", "--porcelain", "--", "albar_jax", "configs")
    except (OSError, subprocess.CalledProcessError):
        return _version()

    if changes:
        return f"{head.strip()}+"
    return head.strip()


def check_committed(running: str, study: Path) -> None:
    """Raises UserError if the code of a report is not the one of its commit.

    Args:
      running: the commit of the running code, from `commit`.
      study: file of the study. One from another place, such as another checkout in the current
        folder, is in no commit that the table names.
    """
    if running.endswith("+"):
        raise UserError(
            "--report needs committed code, but files of albar_jax or configs have uncommitted "
            "changes; commit them, or choose on other seeds without --report"
        )

    shipped = config_files.shipped_folder().resolve()
    if shipped not in study.resolve().parents:
        raise UserError(
            f"--report needs committed code, but {study} is not in {shipped}, whose commit the "
            "table would name; add it there and commit it, or leave out --report"
        )


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _version() -> str:
    try:
        return f"version {importlib.metadata.version('albar_jax')}"
    except importlib.metadata.PackageNotFoundError:
        # The package is a copied folder.
        return "unknown"


def origin_of(command: str, num_runs: int, done: Sequence[Run], trials: str) -> dict[str, Any]:
    """Returns the origin of the figures, as results.json has it.

    Args:
      command: the command that writes the table.
      num_runs: number of runs of the study.
      done: the finished runs.
      trials: the number of trials of these runs, in words.
    """
    seconds = 0.0
    commits: list[str] = []
    devices: list[str] = []
    for run in done:
        summary = run.summary
        seconds += summary["seconds_total"] + summary["seconds_compiling"]
        commits += commits_of(run)
        devices += _lines(run.folder / _DEVICES)

    return {
        "command": command,
        "trained_at": list(dict.fromkeys(commits)),
        "written_at": commit(),
        "runs": num_runs,
        "runs_done": len(done),
        "trials": trials,
        "train_seconds": seconds,
        "jax": jax.__version__,
        "devices": list(dict.fromkeys(devices)),
    }


def describe_origin(origin: dict[str, Any]) -> str:
    """Formats the origin as a line of Markdown below the table."""
    command = origin["command"].replace("`", "'")
    commits = markdown_text(", ".join(origin["trained_at"]))
    devices = markdown_text(", ".join(origin["devices"]))
    trials = f" (trials.jsonl: {origin['trials']})" if origin["trials"] else ""
    return (
        f"<sub>`{command}`: {origin['runs_done']} of {origin['runs']} runs{trials}, trained and "
        f"tested at commit {commits} in {format_duration(origin['train_seconds'])} with "
        f"compiling, on {devices}; "
        f"table of commit {origin['written_at']}, JAX {origin['jax']}.</sub>"
    )


def format_duration(seconds: float) -> str:
    """Formats a duration: `45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"

    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"
