"""Measures the cost of features over its parts: `python -m benchmarks.features`.

Extracts dense features of films in one thread. Then libavcodec alone decodes the same films, and
the network alone passes as many batches of noise. The ratio is 1 if nothing else costs anything.
Figures are medians, in CPU time of this process on a CPU, and in seconds elsewhere.
"""

import argparse
import contextlib
import dataclasses
import io
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import av
import jax
import numpy as np

from albar_jax import wiring
from albar_jax.config import Config, parse
from albar_jax.features.crops import View
from albar_jax.features.feature_info import FeatureInfo
from albar_jax.features.feature_writer import FeatureWriter
from albar_jax.features.layouts import open_layout
from albar_jax.features.video_rows import VideoRow
from albar_jax.features.window_batches import Reading
from albar_jax.features.windows import preset_windows
from albar_jax.models import PRESETS
from albar_jax.terminal import flags
from albar_jax.wiring import program
from albar_jax.wiring.encoder import Encoder
from albar_jax.wiring.run_features import FeatureMaker
from albar_jax.wiring.trained_models import Trained
from benchmarks import films
from configs import base


@dataclasses.dataclass(frozen=True)
class Timing:
    """The cost of one measurement, in seconds.

    Attributes:
      whole: the extraction of features.
      decoding: libavcodec alone.
      passes: the network alone.
    """

    whole: float
    decoding: float
    passes: float

    @property
    def ratio(self) -> float:
        """Returns the cost of the extraction over its parts."""
        return self.whole / (self.decoding + self.passes)


def main(options: argparse.Namespace) -> int:
    """Makes missing films and prints the cost of features of each kind."""
    config = _config(options)
    encoder = Encoder(_untrained(config))
    windows = preset_windows(
        "dense", "plain", frames=config.data.num_frames, stride=config.data.stride
    )
    view = View(size=config.data.size, short_side=config.data.short_side)
    reading = Reading(windows, view, options.batch_size * encoder.num_devices)

    print(f"{'films':<16}{'decoding':>12}{'passes':>12}{'features':>12}{'ratio':>8}")
    for kind in films.KINDS:
        paths = films.make(kind, options.folder)[: options.films]
        timings = [_measure(encoder, reading, paths) for _ in range(options.turns + 1)]
        # The first turn compiles.
        _show(kind.name, timings[1:])
    return 0


def _show(name: str, timings: Sequence[Timing]) -> None:
    medians = []
    for field in ("decoding", "passes", "whole"):
        medians.append(np.median([getattr(timing, field) for timing in timings]))
    ratio = np.median([timing.ratio for timing in timings])
    columns = "".join(f"{seconds:>10.3g} s" for seconds in medians)
    print(f"{name:<16}{columns}{ratio:>8.3f}", flush=True)


def _config(options: argparse.Namespace) -> Config:
    config = base.get_config()
    config.model.preset = options.network
    config.data.num_frames = options.frames
    config.data.size = options.size
    config.data.short_side = round(options.size * 256 / 224)
    return parse(config)


def _untrained(config: Config) -> Trained:
    """Returns a network with random weights."""
    classes = ("a", "b")
    _, weights = wiring.model(config, len(classes))

    def restore(template):
        return jax.device_put(weights, jax.tree.leaves(template)[0].sharding)

    return Trained("untrained", config, classes, step=None, restore=restore)


def _measure(encoder: Encoder, reading: Reading, paths: Sequence[Path]) -> Timing:
    rows = [VideoRow(path.stem, str(path)) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        writer = _writer(encoder, reading, Path(folder) / "features")
        began = _now()
        with contextlib.redirect_stderr(io.StringIO()):
            FeatureMaker(encoder, writer, reading).make(rows, threads=1)
        whole = _now() - began

        batches = 0
        for video in writer.finished().values():
            batches += -(-video.rows // reading.batch_size)

    began = _now()
    for path in paths:
        _decode(path)
    decoding = _now() - began
    return Timing(whole, decoding, _seconds_of_passes(encoder, reading, batches))


def _writer(encoder: Encoder, reading: Reading, folder: Path) -> FeatureWriter:
    view = reading.view
    info = FeatureInfo(
        encoder=encoder.description,
        layout="plain",
        preset="dense",
        windows=reading.windows,
        crops=view.crops,
        size=view.size,
        short_side=view.short_side,
        shape=view.shape,
        width=encoder.width,
    )
    folder.mkdir()
    return FeatureWriter(folder, info, open_layout(info, None))


def _decode(path: Path) -> None:
    with av.open(str(path)) as film:
        context = film.streams.video[0].codec_context
        context.thread_type = "NONE"
        context.thread_count = 1
        for _ in film.decode(video=0):
            pass


def _seconds_of_passes(encoder: Encoder, reading: Reading, batches: int) -> float:
    view = reading.view
    shape = reading.batch_size, reading.windows.frames, view.size, view.size, 3
    clips = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    began = _now()
    for _ in range(batches):
        jax.block_until_ready(encoder.launch(clips))
    return _now() - began


def _now() -> float:
    """Returns the CPU time of this process on a CPU, else the time of the day, in seconds."""
    return time.process_time() if jax.default_backend() == "cpu" else time.perf_counter()


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses a command line; None is the one of this process."""
    parser = flags.Parser(prog="python -m benchmarks.features", description=__doc__)
    parser.add_argument(
        "--network", choices=list(PRESETS), default="tiny", help="network with random weights"
    )
    parser.add_count("--frames", 32, "frames of a window")
    parser.add_count("--size", 224, "height and width of a window, in pixels")
    parser.add_count("--batch-size", 1, "windows of a batch on each device")
    parser.add_count("--films", films.FILMS_PER_SET, "films of each kind, at most the default")
    parser.add_count("--turns", 3, "repetitions of each measurement")
    folder = Path(tempfile.gettempdir()) / "albar_jax_films"
    parser.add_path("--folder", "folder where the films are kept", default=folder)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    program.leave_with(lambda: main(parse_options()))
