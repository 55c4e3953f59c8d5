"""Decodes videos as a separate program, which `check` starts. Reads paths from standard input.

Usage: python -m albar_jax.data.check_process SECONDS [PARENT]
"""

import json
import math
import os
import resource
import signal
import sys
from typing import cast

import numpy as np

from albar_jax.data.clip_reader import ClipSpec, read_clip
from albar_jax.data.decode import DecodeError, open_video
from albar_jax.errors import StorageError
from albar_jax.processes.lifeline import end_with
from albar_jax.storage import access
from albar_jax.storage.budget import Budget

# Frames are read in chunks of this many bytes. Larger chunks mean fewer restarts of the decoder.
READ_BYTES = 1 << 26
# Frames of a training clip. A clip of large pictures may exceed the budget even if each picture can
# be read.
CLIP_FRAMES = 32
# The alarm of this process already limits the time.
_UNTIMED = Budget(seconds=0)


def _serve(deadline: float) -> None:
    """Reads paths from standard input and answers each with [frames, reason], until end of file.

    Frames is null if the system failed.
    """
    # Unhandled, the alarm ends the process even inside a decoder that hangs, and even if the main
    # process has died.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    # Text that a library prints must not be mistaken for an answer.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_REAL, deadline)
        answer = _judge(json.loads(line))
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.write(answers, json.dumps(answer).encode() + b"\n")


def _judge(path: str) -> tuple[int | None, str]:
    """Returns the number of frames and the reason, as `_serve` sends them."""
    try:
        return access.patiently(lambda: _read_all(path), path), ""
    except StorageError as error:
        # The file was deleted, or is a broken link. If its folder is missing as well, the disk is
        # gone.
        cause = error.__cause__
        is_missing = isinstance(cause, FileNotFoundError)
        if is_missing and os.path.isdir(os.path.dirname(path) or "."):
            # The errors of the system have a text.
            return 0, cast(str, cause.strerror)
        return None, str(error)
    except DecodeError as error:
        return 0, str(error).removeprefix(f"{path}: ")
    # A file that triggers a bug of a reader is unusable, too.
    except Exception as error:
        return 0, f"{type(error).__name__}: {error}"


def _read_all(path: str) -> int:
    """Decodes all frames of a video and returns their number. Raises DecodeError."""
    sizes = []

    def corner(height: int, width: int) -> tuple[int, int, int, int]:
        # One pixel: whole frames are decoded, but little is converted or kept.
        sizes.append((height, width))
        return 0, 0, 1, 1

    with open_video(path, budget=_UNTIMED) as video:
        count = len(video)
        video.read([0], corner)

        if CLIP_FRAMES * math.prod(sizes[0]) > _UNTIMED.pixels:
            clip = ClipSpec(num_frames=CLIP_FRAMES, augment="none", time=0.5, budget=_UNTIMED)
            read_clip(path, clip, np.random.default_rng(0))

        # Three bytes per pixel.
        step = max(1, READ_BYTES // (3 * math.prod(sizes[0])))
        for start in range(0, count, step):
            numbers = range(start, min(start + step, count))
            video.read(numbers, corner)
            if sizes[-1] != sizes[0]:
                raise DecodeError(
                    f"{path}: its frames change size between frames 0 and {numbers[-1]}"
                )

    return count


if __name__ == "__main__":
    if len(sys.argv) > 2:
        end_with(int(sys.argv[2]))
    _serve(float(sys.argv[1]))
