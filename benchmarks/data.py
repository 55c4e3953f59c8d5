"""Measures the cost of reading clips in units of decoding them: `python -m benchmarks.data`.

The unit is decoding with libavcodec alone: PyAV opens a film and decodes it in one thread, from its
first frame to the last frame that the clip needs. The frames are dropped. This equals
`ffmpeg -threads 1 -frames:v N -f null` without the start of a process. It uses the same build of
the library as the pipeline. The ratio of the pipeline may be above 1, because it
skips frames that no clip needs.

All figures are CPU time (user and system) of this process and its workers together, so a busy
machine changes them little. All programs alternate, and ratios are ratios of medians. Clips are the
paper's, 32 frames at stride 2 in 224 x 224, from the middle of the film. The cost grows linearly
with the start of the clip, so this is the mean over all starts.
"""

import argparse
import contextlib
import io
import itertools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import psutil

from albar_jax.data.clips import placed_indices
from albar_jax.data.decode import num_frames
from albar_jax.data.loader import Batches
from albar_jax.terminal import flags
from albar_jax.train.run_log import read_history
from albar_jax.wiring import program, run_training
from benchmarks import films
from benchmarks.reading import BATCH, SPEC, STAGES, open_loader, read_batches, stages
from configs import custom

WORKERS = (0, 1, 2)
# Clips of a round.
CLIPS = {"HMDB-like": 48, "Kinetics-like": 16}
TRAINING = {
    "init": "",
    "batch_size": BATCH,
    "model.preset": "micro",
    "data.validation_split": "train",
    "data.size": 112,
    "data.short_side": 128,
    "train.steps": 24,
    "train.log_every_steps": 4,
    "train.save_every_epochs": 99.0,
    "loader.workers": 1,
    "loader.threads": 1,
}


def main(options: argparse.Namespace) -> int:
    """Measures both sets and prints the tables."""
    paths_of = {kind.name: films.make(kind, options.films) for kind in films.KINDS}
    print(f"{'':<16}{'':>14}" + "".join(f"{f'{count} workers':>20}" for count in WORKERS))
    print(
        f"{'films':<16}{'decode only':>14}" + f"{'CPU-ms':>8}{'ratio':>6}{'MB':>6}" * len(WORKERS)
    )
    shares_of = {}
    for name, paths in paths_of.items():
        _print_costs(name, paths, options.rounds)
        shares_of[name] = stages(paths, CLIPS[name])

    print("\nshare of each stage  " + "".join(f"{title:>14}" for title in [*STAGES, "batch, rest"]))
    for name, shares in shares_of.items():
        print(f"{name:<21}" + "".join(f"{share:>14.0%}" for share in shares.values()))

    print(
        "\nshare of training steps spent waiting for data (micro model at 112 x 112, 1 worker)",
        flush=True,
    )
    for name, paths in paths_of.items():
        print(f"{name:<21}{_waiting(paths):>14.1%}", flush=True)
    return 0


def _print_costs(name: str, paths: Sequence[Path], rounds: int) -> None:
    """Measures a set and prints its row."""
    with contextlib.ExitStack() as stack:
        loaders, megabytes = {}, {}
        for count in WORKERS:
            before = _tree_megabytes()
            loaders[count] = stack.enter_context(open_loader(paths, SPEC, workers=count, threads=1))
            next(loaders[count])
            _settled()
            megabytes[count] = _tree_megabytes() - before
        decoding, reading = _cpu_seconds_per_clip(paths, loaders, CLIPS[name], rounds)

    row = f"{name:<16}{1000 * decoding:>11.1f} ms"
    for count, seconds in reading.items():
        row += f"{1000 * seconds:>8.1f}{decoding / seconds:>6.2f}{megabytes[count]:>6.0f}"
    print(row, flush=True)


def _cpu_seconds_per_clip(
    paths: Sequence[Path], loaders: dict[int, Batches], clips: int, rounds: int
) -> tuple[float, dict[int, float]]:
    """Measures decoding alone and each loader, in alternation.

    Returns:
      Median CPU seconds per clip of decoding, and of the loaders by number of workers.
    """
    num_batches = clips // BATCH
    lengths = [num_frames(path) for path in paths]
    decoding: list[float] = []
    reading: dict[int, list[float]] = {count: [] for count in loaders}
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(num_batches):
            for path, length in zip(paths, lengths, strict=True):
                _decode_only(path, length)
        decoding.append((time.process_time() - began) / clips)

        for count, batches in loaders.items():
            # The buffers of the loader are full before and after.
            before = _settled()
            read_batches(batches, num_batches)
            reading[count].append((_settled() - before) / clips)

    medians = {count: float(np.median(seconds)) for count, seconds in reading.items()}
    return float(np.median(decoding)), medians


def _decode_only(path: Path, length: int) -> None:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        context.thread_type, context.thread_count = "NONE", 1
        last = placed_indices(length, SPEC.num_frames, SPEC.stride, SPEC.time).max()
        for _ in itertools.islice(container.decode(stream), int(last) + 1):
            pass


def _settled() -> float:
    """Waits until all buffers are full and all processes idle; returns their CPU seconds."""
    used = _tree_cpu()
    while True:
        time.sleep(0.3)
        before = used
        used = _tree_cpu()
        if used - before < 0.04:
            return used


def _tree() -> list[psutil.Process]:
    """Returns this process and its descendants."""
    return [psutil.Process(), *psutil.Process().children(recursive=True)]


def _tree_cpu() -> float:
    return sum(process.cpu_times().user + process.cpu_times().system for process in _tree())


def _tree_megabytes() -> float:
    return sum(process.memory_info().rss for process in _tree()) / 1e6


def _waiting(paths: Sequence[Path]) -> float:
    """Returns the share of the time of training steps spent waiting for data, 0 to 1.

    The first logged steps, in which the workers start, do not count.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = custom.get_config("ce")
        manifest = _write_manifest(Path(folder) / "manifest.csv", paths)
        config.update_from_flattened_dict(TRAINING | {"data.manifest": str(manifest)})
        # The log of the training would disturb the table.
        with contextlib.redirect_stdout(io.StringIO()):
            run_training.run(config, f"{folder}/run")
        history = read_history(Path(folder) / "run")

    records = [record for record in history if "loss/total" in record]
    steps = np.diff([record["step"] for record in records])
    speeds = np.array([record["speed/clips_per_second"] for record in records[1:]])
    seconds = sum(steps * BATCH / speeds)

    waited = [record["speed/seconds_waiting_for_data"] for record in (records[0], records[-1])]
    return (waited[1] - waited[0]) / seconds


def _write_manifest(path: Path, films: Sequence[Path]) -> Path:
    """Writes a training split with four copies of each film."""
    lines = ["path,label,split,id"]
    for film in films:
        for copy in range(4):
            lines.append(f"{film},{film.stem},train,{film.stem}_{copy}")
    path.write_text("\n".join(lines) + "\n")
    return path


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.data", description=__doc__)
    parser.add_count("--rounds", 3, "repetitions of each measurement")
    parser.add_path(
        "--films",
        "folder where the films are kept",
        default=Path(tempfile.gettempdir()) / "albar_jax_films",
    )
    return parser.parse_args()


if __name__ == "__main__":
    program.leave_with(lambda: main(_options()))
