"""Encodes the barcode fixtures with ffmpeg: `python tests/data/make_fixtures.py`.

The results are committed. Each film shows the numbers 0, 1, 2, ..., with two exceptions.
`xvid_bframes.avi` lacks some at its end: the encoder drops them, but the header of the file counts
them. `h264_trimmed.mp4` begins at 28.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import barcode

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
H264 = "-c:v libx264 -pix_fmt yuv420p -crf 30"
VP9 = "-c:v libvpx-vp9 -pix_fmt yuv420p -crf 40 -b:v 0"
# Name -> (number of frames, ffmpeg's options).
RECIPES = {
    "xvid_bframes.avi": (60, "-c:v libxvid -q:v 6 -g 30 -bf 2"),
    "xvid_no_bframes.avi": (60, "-c:v libxvid -q:v 6 -g 30 -bf 0 -vtag XVID"),
    "mpeg4_asp.mp4": (60, "-c:v mpeg4 -q:v 6 -g 30 -bf 2"),
    "h264_gop250.mp4": (300, f"{H264} -g 250 -keyint_min 250 -sc_threshold 0 -bf 3"),
    "h264_open_gop.mp4": (60, f"{H264} -g 12 -bf 3 -x264-params open-gop=1"),
    "vp9.webm": (60, f"{VP9} -g 30"),
    "vp9_10_bits.webm": (10, "-c:v libvpx-vp9 -pix_fmt yuv420p10le -crf 50 -b:v 0"),
    "mjpeg.avi": (20, "-c:v mjpeg -pix_fmt yuvj420p -q:v 8"),
}
# The tag that ffmpeg writes, and the number of counter-clockwise quarter turns that it stands for.
TURNS = {90: 3, 180: 2, 270: 1}


def encode(video: np.ndarray, options: str, path: pathlib.Path) -> None:
    """Pipes frames (T, H, W, 3) through ffmpeg."""
    size = f"{video.shape[2]}x{video.shape[1]}"
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", "25", "-i", "-"]
    command = ["ffmpeg", "-v", "error", "-y", *source, *options.split(), "-threads", "1", str(path)]
    subprocess.run(command, input=np.ascontiguousarray(video).tobytes(), check=True)


def encode_rotated(degrees: int) -> None:
    """Writes a film of a rotated camera: sideways pictures, and the tag that turns them upright."""
    video = np.stack([np.rot90(barcode.draw(i), TURNS[degrees]) for i in range(10)])
    with tempfile.TemporaryDirectory() as folder:
        plain = pathlib.Path(folder) / "plain.mp4"
        encode(video, f"{H264} -g 5", plain)
        tag = ["-c", "copy", "-metadata:s:v", f"rotate={degrees}"]
        target = FIXTURES / f"rotated_{degrees}.mp4"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-i", str(plain), *tag, str(target)], check=True
        )


def trim(name: str, target: str, start: float) -> None:
    """Cuts a film without encoding it again.

    The file still has the frames before the cut, and an edit list hides them.
    """
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-ss",
        str(start),
        "-i",
        str(FIXTURES / name),
        "-c",
        "copy",
    ]
    subprocess.run([*command, str(FIXTURES / target)], check=True)


if __name__ == "__main__":
    FIXTURES.mkdir(exist_ok=True)
    for fixture, (count, options) in RECIPES.items():
        encode(np.stack([barcode.draw(i) for i in range(count)]), options, FIXTURES / fixture)
    for turn in TURNS:
        encode_rotated(turn)
    trim("h264_open_gop.mp4", "h264_trimmed.mp4", start=1.1)
