"""Makes films like HMDB51's: `python -m benchmarks.gpu.films --out DIR`.

They take a few megabytes and half a minute. Half are XviD, half H.264 with B-frames, in .avi files
with HMDB51's size and bit rate.
`benchmarks/gpu.sh` copies them into HMDB51's folders many times.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from albar_jax.errors import exit_status, leave
from albar_jax.terminal import flags
from benchmarks import films

XVID, _ = films.KINDS
KINDS = (
    dataclasses.replace(XVID, name="xvid", tag="XVID"),
    dataclasses.replace(XVID, name="h264", codec="libx264", tag="H264", by_xvid=False),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    parser = flags.Parser(
        prog="python -m benchmarks.gpu.films", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=flags.path, required=True, help="folder to make")
    options = parser.parse_args(arguments)
    return exit_status(lambda: print(make(options.out)))


def make(folder: Path) -> str:
    """Makes missing films. Returns a line about all of them."""
    paths = [path for kind in KINDS for path in films.make(kind, folder)]
    size = sum(path.stat().st_size for path in paths)
    return f"{folder}: {len(paths)} films, {size / 1e6:.1f} MB"


if __name__ == "__main__":
    leave(main)
