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
from collections.abc import Callable, Iterator
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

HEIGHT, WIDTH, SCENE, FRAMES = 256, 454, 300, 6 * 60 * films.RATE
# Film -> encoder and options; the keyframe interval is the encoder's default.
KINDS = {
    "av1.mp4": ("libsvtav1", {"preset": "12"}),
    "hevc.mp4": ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}),
    "vp9.webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "b": "450k"}),
    "h264.mp4": ("libx264", {"preset": "veryfast", "crf": "30"}),
}
SPEC = ClipSpec(time=0.5)


def main(options: argparse.Namespace) -> int:
    """Makes the films that the folder lacks, and prints a line for each kind."""
    folder = options.folder
    sets = {kind.name: films.make(kind, folder) for kind in films.KINDS} | {
        name: [folder / name] for name in KINDS
    }
    for name, (codec, options) in KINDS.items():
        path = folder / name
        if not path.exists():
            part = path.with_stem(path.stem + "_part")
            _encode(part, codec, options)
            os.replace(part, path)

    print(f"{'films':<16}{'clip in the middle':>20}{'decoded from the start':>25}")
    for name, paths in sets.items():
        lengths = [num_frames(path) for path in paths]
        turns = [
            [_seconds_of(_read, path, length) for path, length in zip(paths, lengths, strict=True)]
            for _ in range(options.turns)
        ]
        whole = [
            _seconds_of(_decode, path, length) for path, length in zip(paths, lengths, strict=True)
        ]
        clip = np.median(np.mean(turns, axis=1))
        print(f"{name:<16}{1000 * clip:>17.1f} ms{1000 * np.mean(whole):>22.1f} ms", flush=True)

    return 0


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


def _seconds_of(work: Callable[[Path, int], None], path: Path, length: int) -> float:
    began = time.process_time()
    work(path, length)
    return time.process_time() - began


def _read(path: Path, length: int) -> None:
    read_clip(path, SPEC, np.random.default_rng(0))


def _decode(path: Path, length: int) -> None:
    last = placed_indices(length, SPEC.num_frames, SPEC.stride, SPEC.time).max()
    with av.open(str(path)) as film:
        context = film.streams.video[0].codec_context
        context.thread_type, context.thread_count = "NONE", 1
        for _ in itertools.islice(film.decode(video=0), int(last) + 1):
            pass


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.seeking", description=__doc__)
    parser.add_argument(
        "--turns", type=flags.count, default=5, metavar="N", help="repetitions of each measurement"
    )
    parser.add_argument(
        "--folder",
        type=flags.path,
        default=Path(tempfile.gettempdir()) / "albar_jax_long",
        metavar="DIR",
        help="folder where the films are kept",
    )
    return parser.parse_args()


if __name__ == "__main__":
    program.leave_with(lambda: main(_options()))
