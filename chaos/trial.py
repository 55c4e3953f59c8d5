"""Runs trials: disturbs a command, repeats it, and compares it with an undisturbed run."""

import dataclasses
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from chaos.attempt import Attempt, Place, attempt
from chaos.commands import Command, named
from chaos.contents import contents, differences
from chaos.ends import End, Ends
from chaos.faults import Fault, draw_faults

# Size of the disk of a trial, in bytes.
_DISK = 512 << 20
# Time limit of an attempt: a number of seconds plus a multiple of an undisturbed attempt.
LIMIT = (90.0, 5.0)

_UNDISTURBED_SECONDS = 600.0
_FIRST_ATTEMPTS = 3


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a trial.

    Attributes:
      command: its command.
      seed: its seed.
      attempts: all attempts, in order.
      verdict: "as undisturbed", "named" after damage, or "LOST".
      findings: lines that say what is wrong.
    """

    command: Command
    seed: int
    attempts: tuple[Attempt, ...]
    verdict: str
    findings: tuple[str, ...]


class Laboratory:
    """Runs trials in a folder; runs a command undisturbed when its result is first needed.

    Attributes:
      has_disk: whether the folder under test is its own disk, which can be filled.
    """

    def __init__(self, folder: Path, limit: tuple[float, float] = LIMIT):
        self._folder = folder
        self._limit = limit

        self._place = Place(folder / "work", folder / "temporary", folder / "cache", folder / "log")
        for each in dataclasses.astuple(self._place):
            each.mkdir(parents=True, exist_ok=True)

        self._ends = Ends(folder / "ends")
        self.has_disk = _mount(self._place.work, _DISK)

    def run(self, command: Command, seed: int) -> Result:
        """Disturbs a command with the faults of a seed; see `disturb`."""
        return self.disturb(command, draw_faults(seed, bool(command.damages)), seed)

    def disturb(self, command: Command, faults: Sequence[Fault], seed: int = 0) -> Result:
        """Runs a command once for each fault and once undisturbed, then compares the result."""
        end = self._end(command)
        attempts = [self._first(command, faults[0], end)]
        attempts += [self._attempt(command, fault, end) for fault in (*faults[1:], None)]
        # The last attempt has no fault and must succeed.
        verdict, findings = self._verdict(attempts, end)
        result = Result(command, seed, tuple(attempts), verdict, tuple(findings))

        if findings:
            self._keep(result)

        for each in attempts:
            # A damaged file in the cache would also disturb later trials.
            if each.damage and each.damage.remains():
                each.damage.file.unlink()

        return result

    def close(self) -> None:
        """Unmounts the disk."""
        if self.has_disk:
            subprocess.run(["umount", self._place.work], check=True)

    def _end(self, command: Command) -> End:
        if command not in self._ends:
            if command.after:
                self._end(named(command.after))

            self._begin(command)
            done = attempt(command, self._place, None, 0.0, limit=_UNDISTURBED_SECONDS)
            if done.status or done.faults:
                output = (self._place.log / "stderr").read_text(errors="replace")[-2000:]
                raise SystemExit(f"{command.name} fails undisturbed: {done.faults}\n{output}")

            self._ends.add(command, self._place.work, done.seconds)

        return self._ends[command]

    def _begin(self, command: Command) -> None:
        _empty(self._place.work)
        _empty(self._place.temporary)

        if command.after:
            shutil.copytree(
                self._ends[named(command.after)].folder, self._place.work, dirs_exist_ok=True
            )

        if command.arrange:
            command.arrange(self._place.work)

    def _first(self, command: Command, fault: Fault, end: End) -> Attempt:
        """Restarts a command until the fault comes before its end.

        With compiled programs the command gets faster each time.
        """
        for _ in range(_FIRST_ATTEMPTS):
            self._begin(command)
            done = self._attempt(command, fault, end)
            if done.injected:
                break

            end.seconds = min(end.seconds, done.seconds)

        return done

    def _attempt(self, command: Command, fault: Fault | None, end: End) -> Attempt:
        return attempt(
            command, self._place, fault, end.seconds, self._limit[0] + self._limit[1] * end.seconds
        )

    def _verdict(self, attempts: list[Attempt], end: End) -> tuple[str, list[str]]:
        findings = [
            f"attempt {number} ({each.injected or 'undisturbed'}): {fault}"
            for number, each in enumerate(attempts, 1)
            for fault in each.faults
        ]
        damages = [each.damage for each in attempts if each.damage]

        last = attempts[-1]
        # After damage, a command may refuse to continue if it says so.
        if last.status and damages and not last.faults:
            return ("LOST" if findings else "named"), findings

        if last.status:
            findings.append(
                f"the repeat without a fault failed with status {last.status}: {last.sentence}"
            )

        damaged = [
            str(each.file.relative_to(self._place.work)) for each in damages if each.remains()
        ]
        findings += differences(end.contents, contents(self._place.work), damaged)
        return ("LOST" if findings else "as undisturbed"), findings

    def _keep(self, result: Result) -> None:
        target = self._folder / "lost" / f"{result.command.name}_{result.seed}"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self._place.work, target / "work", symlinks=True)
        shutil.copytree(self._place.log, target / "log")


def _mount(folder: Path, size: int) -> bool:
    """Mounts private disks on a folder and on /dev/shm; returns False without permission."""
    if not os.environ.get("CHAOS_NAMESPACE"):
        return False

    for target, amount in ((folder, size), (Path("/dev/shm"), size)):
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={amount}", "chaos", target], check=True
        )

    return True


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
