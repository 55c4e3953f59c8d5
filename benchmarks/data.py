"""What reading clips costs, in units of decoding them: `python -m benchmarks.data`.

The unit is libavcodec alone: a film is opened and decoded from its first frame to the last one that the clip needs, by
PyAV, in one thread, and the frames are dropped. This is what `ffmpeg -threads 1 -frames:v N -f null` does, without the
start of a process for every film, and by the very build of the library that the pipeline uses. The pipeline may come
out above 1: it leaves out frames that nothing needs.

All figures are CPU time, user and system, of this process and its workers together, so a busy machine changes them
little. The rounds interleave what is compared; ratios are of medians. Clips are the paper's, 32 frames at stride 2 in
224 x 224, from the middle of the film: the costs grow evenly with the start, so this is the mean over all starts.
"""

import argparse
import contextlib
import cProfile
import io
import itertools
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import psutil

from albar_jax.data.clips import placed_indices
from albar_jax.data.decode import num_frames
from albar_jax.data.loader import Batches, ClipSpec, train_batches
from albar_jax.data.manifest import Manifest
from albar_jax.terminal import flags
from albar_jax.train.run_log import read_history
from albar_jax.wiring import program, run_training
from benchmarks import films
from configs import custom

WORKERS = (0, 1, 2)
CLIPS = {"HMDB-like": 48, "Kinetics-like": 16}  # a round
BATCH = films.FILMS_PER_SET  # so that each batch has every film once
SPEC = ClipSpec(time=0.5)
ENDLESS = 10**6
TRAINING = {
    "model.preset": "micro",
    "data.size": 112,
    "data.short_side": 128,
    "train.steps": 24,
    "train.log_every_steps": 4,
    "train.save_every_epochs": 99.0,
    "loader.workers": 1,
    "loader.threads": 1,
}
# Stage -> the function that it is spent in, as (file, name).
STAGES = {
    "open, demux": ("pyav.py", "__init__"),
    "decode": ("pyav.py", "_decode"),
    "cut, convert": ("picture.py", "rgb"),
    "resize, flip": ("transforms.py", "apply_crop"),
}


def main(options: argparse.Namespace) -> int:
    """Measures both sets and prints the tables."""
    print(f"{'':<16}{'':>14}" + "".join(f"{f'{count} workers':>20}" for count in WORKERS))
    print(
        f"{'films':<16}{'decode only':>14}" + f"{'CPU-ms':>8}{'ratio':>6}{'MB':>6}" * len(WORKERS)
    )
    shares = {}
    sets = {kind.name: films.make(kind, options.films) for kind in films.KINDS}
    for name, paths in sets.items():
        limit, pipeline, memory = _rounds(paths, CLIPS[name], options.rounds)
        cells = [
            f"{1000 * pipeline[w]:>8.1f}{limit / pipeline[w]:>6.2f}{memory[w]:>6.0f}"
            for w in WORKERS
        ]
        print(f"{name:<16}{1000 * limit:>11.1f} ms" + "".join(cells), flush=True)
        shares[name] = _stages(paths, CLIPS[name])
    print(
        "\nshare of each stage  " + "".join(f"{stage:>14}" for stage in next(iter(shares.values())))
    )
    for name, row in shares.items():
        print(f"{name:<21}" + "".join(f"{share:>14.0%}" for share in row.values()))
    print(
        "\nshare of training steps spent waiting for data (micro model at 112 x 112, 1 worker)",
        flush=True,
    )
    for name, paths in sets.items():
        print(f"{name:<21}{_waiting(paths):>14.1%}", flush=True)
    return 0


def _rounds(
    paths: list[Path], clips: int, rounds: int
) -> tuple[float, dict[int, float], dict[int, float]]:
    """CPU seconds a clip of decoding only and of the pipeline by workers, and the MB that the latter adds when full."""
    seconds, memory, loaders = {count: [] for count in (None, *WORKERS)}, {}, {}
    with contextlib.ExitStack() as stack:
        for count in WORKERS:
            before = _tree_megabytes()
            loaders[count] = stack.enter_context(_loader(paths, workers=count, threads=1))
            next(loaders[count])
            _settled()
            memory[count] = _tree_megabytes() - before
        lengths = [num_frames(path) for path in paths]
        for _ in range(rounds):
            began = time.process_time()
            for path, length in list(zip(paths, lengths, strict=True)) * (clips // BATCH):
                _decode_only(path, length)
            seconds[None].append((time.process_time() - began) / clips)
            for count, loader in loaders.items():
                used = _cpu_seconds(
                    lambda loader=loader: [next(loader) for _ in range(clips // BATCH)]
                )
                seconds[count].append(used / clips)
    medians = {count: float(np.median(values)) for count, values in seconds.items()}
    return medians.pop(None), medians, memory


def _loader(paths: list[Path], *, workers: int, threads: int) -> Batches:
    labels, names = np.arange(len(paths), dtype=np.int32), tuple(map(str, paths))
    manifest = Manifest(names, labels, names, names)
    return train_batches(
        manifest,
        SPEC,
        seed=0,
        batch_size=BATCH,
        num_steps=ENDLESS,
        workers=workers,
        threads=threads,
    )


def _decode_only(path: Path, length: int) -> None:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type, stream.codec_context.thread_count = "NONE", 1
        last = placed_indices(length, SPEC.num_frames, SPEC.stride, SPEC.time).max()
        for _ in itertools.islice(container.decode(stream), int(last) + 1):
            pass


def _cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds that `work` costs this process and its children, which must be full of clips before and after."""
    before = _settled()
    work()
    return _settled() - before


def _settled() -> float:
    """Waits until every buffer is full, so that all processes are idle; returns their CPU seconds."""
    used = _tree_cpu()
    while True:
        time.sleep(0.3)
        before, used = used, _tree_cpu()
        if used - before < 0.04:
            return used


def _tree() -> list[psutil.Process]:
    return [psutil.Process(), *psutil.Process().children(recursive=True)]


def _tree_cpu() -> float:
    return sum(process.cpu_times().user + process.cpu_times().system for process in _tree())


def _tree_megabytes() -> float:
    return sum(process.memory_info().rss for process in _tree()) / 1e6


def _stages(paths: list[Path], clips: int) -> dict[str, float]:
    """The share of each stage in the CPU time of reading in this thread."""
    profile = cProfile.Profile(time.process_time)
    with _loader(paths, workers=0, threads=0) as loader:
        next(loader)
        profile.runcall(lambda: [next(loader) for _ in range(clips // BATCH)])
    stats = pstats.Stats(profile)
    seconds = {(Path(file).name, name): row[3] for (file, _, name), row in stats.stats.items()}
    shares = {stage: seconds[function] / stats.total_tt for stage, function in STAGES.items()}
    return shares | {"batch, rest": 1 - sum(shares.values())}


def _waiting(paths: list[Path]) -> float:
    """The share of the time of training steps that is spent waiting for data, once the workers have started."""
    config = custom.get_config("ce")
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "manifest.csv"
        rows = [
            f"{path},{path.stem},train,{path.stem}_{copy}" for path in paths for copy in range(4)
        ]
        manifest.write_text("\n".join(["path,label,split,id", *rows]) + "\n")
        config.update_from_flattened_dict(
            TRAINING
            | {
                "init": "",
                "batch_size": BATCH,
                "data.manifest": str(manifest),
                "data.validation_split": "train",
            }
        )
        with contextlib.redirect_stdout(io.StringIO()):
            run_training.run(config, f"{folder}/run")
        first, *others = [row for row in read_history(Path(folder) / "run") if "loss/total" in row]
    steps = np.diff([row["step"] for row in (first, *others)])
    seconds = sum(steps * BATCH / np.array([row["speed/clips_per_second"] for row in others]))
    waited = [row["speed/seconds_waiting_for_data"] for row in (first, others[-1])]
    return (waited[1] - waited[0]) / seconds


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.data", description=__doc__)
    parser.add_argument(
        "--rounds", type=flags.count, default=3, metavar="N", help="repetitions of each measurement"
    )
    parser.add_argument(
        "--films",
        type=flags.path,
        default=Path(tempfile.gettempdir()) / "albar_jax_films",
        metavar="DIR",
        help="folder where the films are kept",
    )
    return parser.parse_args()


if __name__ == "__main__":
    program.leave_with(lambda: main(_options()))
