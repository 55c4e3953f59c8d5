"""Claim: `albar predict` and `albar features` need the memory of one minute for half an hour."""

import subprocess
import sys
from pathlib import Path

import jax
import pytest

from albar_jax.models import PRESETS, create
from albar_jax.weights.converted import save_converted
from tests.long_film import write_long_film

RATE = 5
# Bytes after each picture, which the decoder skips. Held in memory, half an hour of them would be
# as large as the program itself.
PADDING = 26_000

# Runs both commands for a film of one minute, then for one of half an hour, and prints the peaks.
MEASURE = """
import sys
from pathlib import Path
from albar_jax import cli

weights, minute, hour_half, out = sys.argv[1:]
model = ["--weights", weights, "--config", "quickstart"]

def peak(words):
    # Makes the present size the peak.
    Path("/proc/self/clear_refs").write_text("5")
    assert cli.run(words) == 0
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

peaks = []
for film in (minute, hour_half):
    name = Path(film).stem
    peaks.append(peak(["predict", *model, film, "--hop=60", f"--out={out}/predict{name}"]))
for film in (minute, hour_half):
    name = Path(film).stem
    words = ["features", *model, f"--videos={film}", "--hop=60", "--threads=1"]
    peaks.append(peak([*words, f"--out={out}/features{name}"]))
print(*peaks)
"""


def write_film(path: Path, minutes: int) -> Path:
    """Writes a film of pictures with padding."""
    return write_long_film(
        path, minutes, "mjpeg", rate=RATE, size=32, pix_fmt="yuvj420p", padding=PADDING
    )


@pytest.fixture(scope="module")
def peaks(tmp_path_factory) -> list[int]:
    """Returns the peaks of predict and of features in KB, each for one minute and for thirty."""
    folder = tmp_path_factory.mktemp("long")
    _, params = create(PRESETS["micro"], jax.random.key(0))
    save_converted(folder / "micro", PRESETS["micro"], params)
    (folder / "micro.classes.txt").write_text("\n".join("abcdefgh"))
    films = [str(write_film(folder / f"{minutes}.mkv", minutes)) for minutes in (1, 30)]
    command = [sys.executable, "-c", MEASURE, str(folder / "micro"), *films, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    sizes = [int(word) for word in done.stdout.splitlines()[-1].split()]
    # Otherwise the film would not show whether its packets are held.
    assert Path(films[1]).stat().st_size > 0.5 * 1024 * sizes[0]
    return sizes


def test_half_an_hour_is_predicted_in_the_memory_of_one_minute(peaks):
    assert peaks[1] <= 1.3 * peaks[0], peaks


def test_features_of_half_an_hour_are_made_in_the_memory_of_one_minute(peaks):
    assert peaks[3] <= 1.3 * peaks[2], peaks
