"""Gives damaged and hostile files to every reader of untrusted files.

Run it as `python -m fuzz`; see docs/fuzzing.md.
"""

import argparse
import json
import os
import random
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzz.campaign import Report, run
from fuzz.hostile import PORT
from fuzz.process import Process
from fuzz.readers import READERS

_MOST_INPUTS = 10**9


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns 1 if there are findings."""
    args = _parser().parse_args(arguments)
    out = Path(args.out or tempfile.mkdtemp(prefix="albar_fuzz_")).absolute()
    out.mkdir(parents=True, exist_ok=True)

    if args.replay:
        return _replay(Path(args.replay), out)

    names = [
        name
        for name in READERS
        if not args.only or any(part in name for part in args.only.split(","))
    ]
    seed = random.SystemRandom().randrange(1 << 31) if args.seed is None else args.seed
    print(
        f"seed {seed}, {len(names)} readers, {args.minutes:g} minutes, "
        f"findings in {out / 'findings'}",
        flush=True,
    )

    # All readers get the same time.
    seconds = 60 * args.minutes * args.jobs / len(names)

    def work(job: int) -> dict[str, Report]:
        # Starting a process takes seconds, so all readers of a job share one.
        with Process(out / "desk" / str(job)) as process:
            reports = {}
            for name in names[job :: args.jobs]:
                reports[name] = run(
                    name, READERS[name], out, process, seed, inputs=args.inputs, seconds=seconds
                )
            return reports

    with _listener() as listener, ThreadPoolExecutor(args.jobs) as pool:
        reports: dict[str, Report] = {}
        for reports_of_job in pool.map(work, range(args.jobs)):
            reports |= reports_of_job
        connections = _connections(listener)

    _print_table({name: reports[name] for name in names})
    print(f"connections to the listener on loopback: {connections}")
    has_findings = any(report.findings for report in reports.values())

    return int(connections > 0 or has_findings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument(
        "--minutes",
        type=float,
        default=10.0,
        help="for all readers together (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, help="seed of the inputs (default: a random seed, which is printed)"
    )
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="parts of the names of readers, with commas"
    )
    parser.add_argument(
        "--inputs", type=int, default=_MOST_INPUTS, help="maximum number of inputs of each reader"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of parallel readers (default: %(default)s)"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder for seeds and findings (default: a new folder in /tmp)"
    )
    parser.add_argument(
        "--replay",
        metavar="FINDING",
        help="read the input of this finding again and print the result",
    )

    return parser


def _replay(folder: Path, out: Path) -> int:
    finding = json.loads((folder / "finding.json").read_text())
    with Process(out / "desk" / "replay") as process:
        # A link in the input may point to a file next to the input.
        shutil.copytree(folder / "case", process.case, symlinks=True, copy_function=_copy)
        verdict = process.judge(finding["reader"], process.case, READERS[finding["reader"]].limits)

    print(f"{verdict.detail}\noutcome: {verdict.outcome}\nfault: {verdict.fault or 'none'}")
    return int(bool(verdict.fault))


def _copy(source: str, target: str) -> None:
    if stat.S_ISFIFO(os.stat(source).st_mode):
        os.mkfifo(target)
    else:
        shutil.copy2(source, target)


def _listener() -> socket.socket:
    """Returns a socket on the port that hostile addresses name, or on any port if it is taken."""
    try:
        listener = socket.create_server(("127.0.0.1", PORT))
    except OSError:
        listener = socket.create_server(("127.0.0.1", 0))

    listener.setblocking(False)
    return listener


def _connections(listener: socket.socket) -> int:
    count = 0
    while True:
        try:
            listener.accept()
        except BlockingIOError:
            return count
        count += 1


def _print_table(reports: dict[str, Report]) -> None:
    print("| reader | inputs | read | refused | findings |\n|---|--:|--:|--:|--:|")
    for name, report in reports.items():
        findings = report.findings.total()
        refused = max(0, report.inputs - report.read - findings)
        print(f"| {name} | {report.inputs:,} | {report.read:,} | {refused:,} | {findings:,} |")

    total = sum(report.inputs for report in reports.values())
    kinds = sum(len(report.findings) for report in reports.values())
    print(f"{total:,} inputs, {kinds} kinds of findings")

    for name, report in reports.items():
        for fault, count in report.findings.items():
            print(f"- {name}: {fault}: {count:,}")


if __name__ == "__main__":
    sys.exit(main())
