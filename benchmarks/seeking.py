"""Measures the cost of a clip in the middle of a film: `python -m benchmarks.seeking`.

Films come from `benchmarks.films`, or last six minutes. Each clip is read as in training: 32 frames
at stride 2, 224 x 224. Then libavcodec alone decodes the film from its first frame to the clip's
last. All figures are medians of this process's CPU time.
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np

from albar_jax.data.clip_reader import read_clip
from albar_jax.data.clips import placed_indices
from albar_jax.data.decode import num_frames
from albar_jax.data.loader import ClipSpec
from albar_jax.terminal import flags
from albar_jax.wiring import program
from benchmarks import films

# Size of the long films.
HEIGHT, WIDTH = 256, 454
# Frames of a scene, and of a film of six minutes.
SCENE, FRAMES = 300, 6 * 60 * films.RATE
# Film -> encoder and options; the keyframe interval is the encoder's default.
KINDS = {
    "av1.mp4": ("libsvtav1", {"preset": "12"}),
    "hevc.mp4": ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}),
    "vp9.webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "b": "450k"}),
    "h264.mp4": ("libx264", {"preset": "veryfast", "crf": "30"}),
}
SPEC = ClipSpec(time=0.5)


def main(options: argparse.Namespace) -> int:
    """Makes missing films, and prints a line for each kind."""
    folder = options.folder
    paths_of = {kind.name: films.make(kind, folder) for kind in films.KINDS}
    for name in KINDS:
        paths_of[name] = [_make_long(folder / name)]

    print(f"{'films':<16}{'clip in the middle':>20}{'decoded from the start':>25}")
    for name, paths in paths_of.items():
        # Decoding alone varies little, so it is measured once.
        turns = [_seconds_of_films(_read, paths) for _ in range(options.turns)]
        clip = np.median(np.mean(turns, axis=1))
        whole = np.mean(_seconds_of_films(_decode, paths))
        print(f"{name:<16}{1000 * clip:>17.1f} ms{1000 * whole:>22.1f} ms", flush=True)
    return 0


def _make_long(path: Path) -> Path:
    """Makes a film of six minutes if it is missing."""
    if not path.exists():
        codec, options = KINDS[path.name]
        part = path.with_stem(path.stem + "_part")
        _encode(part, codec, options)
        os.replace(part, path)
    return path


def _encode(path: Path, codec: str, options: dict[str, str]) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=films.RATE, options=options)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for picture in itertools.islice(_pictures(), FRAMES):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode(None))
    # SVT-AV1's encoder gives root's processes real-time priority, which would change the timings.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _pictures() -> Iterator[np.ndarray]:
    for seed in itertools.count():
        yield from films.scene(HEIGHT, WIDTH, SCENE, np.random.default_rng(seed))


def _seconds_of_films(work: Callable[[Path, int], None], paths: Sequence[Path]) -> list[float]:
    """Returns the CPU seconds of `work`, which takes a film and its number of frames."""
    seconds = []
    for path in paths:
        # The number of frames is not part of the cost.
        length = num_frames(path)
        began = time.process_time()
        work(path, length)
        seconds.append(time.process_time() - began)
    return seconds


def _read(path: Path, length: int) -> None:
    read_clip(path, SPEC, np.random.default_rng(0))


def _decode(path: Path, length: int) -> None:
    last = placed_indices(length, SPEC.num_frames, SPEC.stride, SPEC.time).max()
    with av.open(str(path)) as film:
        context = film.streams.video[0].codec_context
        context.thread_type = "NONE"
        context.thread_count = 1
        for _ in itertools.islice(film.decode(video=0), int(last) + 1):
            pass


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.seeking", description=__doc__)
    parser.add_count("--turns", 5, "repetitions of each measurement")
    folder = Path(tempfile.gettempdir()) / "albar_jax_long"
    parser.add_path("--folder", "folder where the films are kept", default=folder)
    return parser.parse_args()


if __name__ == "__main__":
    program.leave_with(lambda: main(_options()))
