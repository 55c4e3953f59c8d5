"""Disturbs every command at random moments, repeats it until it succeeds, and compares the result.

    python -m chaos --minutes 20 --seed 0
    python -m chaos --command evaluate --seed 17 --trials 1      # replays one trial

Exits with 1 if anything was lost. Each trial prints its seed; failed trials print the command that
replays them.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chaos import processes
from chaos.commands import COMMANDS
from chaos.figures import table
from chaos.trial import Laboratory, Result


def main() -> int:
    """Runs trials until the time is up; returns the exit status."""
    args = _parser().parse_args()
    _enter_namespace()
    processes.adopt_orphans()
    commands = [command for command in COMMANDS if not args.command or command.name in args.command]

    with contextlib.ExitStack() as stack:
        scratch = args.folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos_"))
        laboratory = stack.enter_context(contextlib.closing(Laboratory(Path(scratch))))
        if not laboratory.has_disk:
            print(
                "note: cannot mount a disk: `full` limits the size of files instead, and /dev/shm "
                "is not checked"
            )

        results = _trials(laboratory, commands, args)
        lost = [result for result in results if result.findings]
        print(table(results))

    return 1 if lost else 0


def _trials(laboratory: Laboratory, commands: list, args: argparse.Namespace) -> list[Result]:
    deadline = time.monotonic() + 60 * args.minutes
    results: list[Result] = []

    while True:
        is_done = time.monotonic() >= deadline
        if args.trials:
            is_done = len(results) >= args.trials
        if is_done:
            return results

        seed = args.seed + len(results)
        # Consecutive seeds go through all commands.
        command = commands[seed % len(commands)]
        results.append(laboratory.run(command, seed))
        _say(results[-1])


def _say(result: Result) -> None:
    faults = [attempt.injected for attempt in result.attempts if attempt.injected]
    injected = ", ".join(faults) or "nothing in time"
    seconds = sum(attempt.seconds for attempt in result.attempts)
    line = f"{result.command.name}, seed {result.seed}: {injected} -> {result.verdict}"
    print(f"{line} ({len(result.attempts)} attempts, {seconds:.0f} s)", flush=True)

    for finding in result.findings:
        print(f"  {finding}", flush=True)

    if result.findings:
        print(
            f"  replay: python -m chaos --command {result.command.name} --seed {result.seed} "
            "--trials 1",
            flush=True,
        )


def _enter_namespace() -> None:
    """Restarts this program in its own mount namespace if the system allows it."""
    if "CHAOS_NAMESPACE" in os.environ:
        return

    # The processes inside end with it, even if it is killed.
    enter = [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]
    # Only root may create such namespaces without a user namespace.
    if os.geteuid():
        enter += ["--user", "--map-root-user"]
    mount = [*enter, "mount", "-t", "tmpfs", "chaos", "/mnt"]
    try:
        allowed = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        allowed = False

    # Tells the restarted program not to restart again.
    os.environ["CHAOS_NAMESPACE"] = "1" if allowed else ""
    if allowed:
        os.execvp(enter[0], [*enter, sys.executable, "-m", "chaos", *sys.argv[1:]])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--minutes", type=float, default=20.0, help="start no trial after this time (default: 20)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of the first trial; each later trial adds 1 (default: 0)",
    )
    parser.add_argument(
        "--trials", type=int, default=0, help="number of trials; replaces --minutes"
    )
    parser.add_argument(
        "--command",
        action="append",
        choices=[command.name for command in COMMANDS],
        help="repeatable",
    )
    parser.add_argument(
        "--folder",
        type=lambda text: Path(text).absolute(),
        help="folder that keeps undisturbed runs for the next time, and files of failed trials in "
        "lost/ (default: a temporary folder, which is removed)",
    )

    return parser


if __name__ == "__main__":
    sys.exit(main())
