"""`albar train`: trains one config in one folder, or resumes its training there."""

import contextlib
import dataclasses
import json
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
from ml_collections import ConfigDict

from albar_jax import wiring
from albar_jax.config import Config, differences, may_change_on, parse
from albar_jax.config.config_files import executed_files
from albar_jax.data import unreadable
from albar_jax.errors import StorageError, UserError
from albar_jax.files import write_text
from albar_jax.parallel import same_code
from albar_jax.parallel.exchange import all_gather
from albar_jax.parallel.same_launch import check_same_launch
from albar_jax.profiling.host_memory import keep_freed
from albar_jax.storage.lock import working_in
from albar_jax.terminal.escapes import shell_word, show
from albar_jax.train import checkpoint_health, run_summary
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.checkpoint_health import Health
from albar_jax.train.coverage import TooFewVideos
from albar_jax.train.experiment import Experiment, Summary
from albar_jax.train.loop import train


def run(config: ConfigDict, workdir: str, *, is_locked: bool = False) -> int:
    """Trains or resumes training. Collective: every process must call it.

    Args:
      config: the experiment.
      workdir: folder for checkpoints and logs.
      is_locked: whether the caller holds the lock of `workdir`.

    Returns:
      The exit status: 0 for a finished training, 128 plus the number of the signal that stopped it.

    Raises:
      UserError: a mistake of the user; most are found before training starts.
    """
    parsed = parse(config)
    meta = {"config": json.loads(config.to_json_best_effort())}
    settings = {"workdir": workdir, "config files": executed_files(), **meta}
    check_same_launch(settings, may_change_on("launch"))
    with working_in(
        workdir, "--workdir", active=jax.process_index() == 0 and not is_locked
    ) as folder:
        return _run(parsed, meta, folder)


def _run(parsed: Config, meta: dict, folder: Path) -> int:
    keep_freed()
    health = checkpoint_health.examine(folder / "checkpoints")
    checkpoint_health.require_sound(health)
    experiment = _experiment(parsed, meta, folder, health)
    check_same_launch({"videos": experiment.meta["videos"]})

    show(same_code.summary(), wiring.splits_in_words(parsed), *experiment.notes)
    resumed = f", resumed after step {health.sound[-1]}" if health.sound else ""
    show(
        f"{parsed.name}, seed {parsed.seed}: {experiment.num_steps} steps of {parsed.batch_size} "
        f"clips in {folder}{resumed}"
    )

    with contextlib.closing(Checkpoints(folder, health=health)) as checkpoints:
        try:
            summary = train(experiment, checkpoints, folder)
        # All processes raise this at the same step.
        except TooFewVideos:
            _report(all_gather(experiment.unreadable), folder)
            raise
        except (UserError, StorageError):
            _report(experiment.unreadable, folder)
            raise
        _report(all_gather(experiment.unreadable), folder)

    if jax.process_index() == 0:
        content = json.dumps(dataclasses.asdict(summary), indent=2)
        write_text(folder / run_summary.FILE, f"{content}\n")
        show(*_last_lines(parsed.name, summary, folder))
    # The status that shells report after a signal. Schedulers know the one of SIGTERM.
    return 128 + signal.Signals[summary.stopped_by] if summary.stopped_by else 0


def _report(videos: Mapping[str, str], folder: Path) -> None:
    if jax.process_index() == 0:
        unreadable.report(videos, folder)


def _experiment(config: Config, meta: dict, folder: Path, health: Health) -> Experiment:
    """Returns the experiment; writes nothing.

    Raises:
      UserError: the folder holds a run with another config or other videos.
    """
    last = None
    saved = {}
    if health.sound:
        last = health.sound[-1]
        saved = Checkpoints(folder, read_only=True, health=health).meta(
            last, ["config", "classes", "videos"]
        )
        if saved:
            _check_same_config(saved["config"], meta["config"], folder, last)

    experiment = wiring.experiment(config, meta, resumes=bool(saved))
    if saved and saved["videos"] != experiment.meta["videos"]:
        raise UserError(
            f"{folder} was trained up to step {last} on other videos than those of "
            f"{config.data.manifest}; restore the manifest, or choose another --workdir"
        )
    return experiment


def _check_same_config(saved: dict, config: dict, folder: Path, last: int) -> None:
    difference = differences(saved, config)
    if difference:
        raise UserError(
            f"{folder} holds a run with another config, at step {last}; choose another --workdir, "
            "or undo: " + "; ".join(_by_method(difference))
        )


def _by_method(difference: Sequence[str]) -> list[str]:
    """Replaces all options of a method that only one of two configs uses by one line."""
    lines = []
    for line in difference:
        line = re.sub(r"^(methods\.\w+)\.\w+: \(absent\) -> .*", r"\1: (absent) -> used", line)
        line = re.sub(r"^(methods\.\w+)\.\w+: .* -> \(absent\)$", r"\1: used -> (absent)", line)
        lines.append(line)
    return list(dict.fromkeys(lines))


def _last_lines(name: str, summary: Summary, folder: Path) -> list[str]:
    """Returns the lines that are printed when training ends."""
    if summary.stopped_by:
        return [
            f"{name} stopped by {summary.stopped_by} after step {summary.step} of "
            f"{summary.num_steps}, which is saved; repeat the command to resume",
            _videos_read(summary),
        ]

    if summary.best_validation_top1 >= 0:
        result = (
            f"best validation top-1 {summary.best_validation_top1:.1%} at step {summary.best_step}"
        )
        checkpoint = ""
    else:
        result = "not validated, so the last checkpoint is the result"
        checkpoint = "--checkpoint last "
    return [
        f"{name} is trained: {summary.num_steps} steps, {result}; {summary.seconds_total:.0f} s, "
        f"including {summary.seconds_waiting_for_data:.0f} s waiting for data and "
        f"{summary.seconds_validating:.0f} s validating, "
        f"after {summary.seconds_compiling:.0f} s of compilation",
        _videos_read(summary),
        f"next: albar evaluate --workdir {shell_word(str(folder))} {checkpoint}--out "
        f"{shell_word(str(folder / 'evaluation'))}",
    ]


def _videos_read(summary: Summary) -> str:
    training = f"{summary.videos_read:,} of {summary.videos:,} videos read to train on"
    # The run was stopped before its first validation.
    if not summary.validation_videos:
        return training
    validation = f"{summary.validation_videos_read:,} of {summary.validation_videos:,}"
    return f"{training}, {validation} to validate on"
