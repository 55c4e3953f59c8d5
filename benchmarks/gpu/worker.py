"""Runs one stage in a process: `python -m benchmarks.gpu.worker STAGE SETTINGS`."""

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback

from albar_jax.errors import UserError
from benchmarks.gpu.journal import Journal
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.stages import STAGES


def main(name: str, settings: Settings) -> int:
    """Runs a stage and records its failure in the journal.

    Returns:
      0, 1 after a crash, 2 after a mistake of the user.
    """
    _end_with(settings.driver)
    # The journal still prints to the driver's output after the redirection.
    shown = os.fdopen(os.dup(1), "w")
    _print_to(settings.log)
    stage = next(stage for stage in STAGES if stage.name == name)
    journal = Journal(settings.out, name, settings.began, shown)

    try:
        module = importlib.import_module(f"benchmarks.gpu.{stage.module}")
        module.run(settings, journal, *stage.arguments)
    # Any failure is recorded, so that the next stage can start.
    except Exception as error:
        traceback.print_exc()
        first_line = (str(error).splitlines() or [""])[0]
        is_mistake = isinstance(error, UserError)
        journal.write(
            "failed", error=first_line if is_mistake else f"{type(error).__name__}: {first_line}"
        )
        return 2 if is_mistake else 1

    return 0


def _print_to(log: str) -> None:
    """Redirects the output of this process and its programs to the log."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def _end_with(driver: int) -> None:
    """Ends this process and its programs when the driver ends, also by SIGKILL."""

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(0.5)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Settings(**json.loads(sys.argv[2]))))
