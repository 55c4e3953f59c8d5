"""Makes masks of every source with a short video; the files to change are in `masks`."""

import json
import pickle
from pathlib import Path

import numpy as np
from PIL import Image

from fuzz.seeds import films

VIDEO, MASKS = "clip", "masks"
_COUNT, _HEIGHT, _WIDTH = 5, 48, 64


def _people() -> np.ndarray:
    masks = np.zeros((_COUNT, _HEIGHT, _WIDTH), bool)
    for number, mask in enumerate(masks):
        mask[10:40, 5 + number : 20 + number] = True

    return masks


def _begin(folder: Path, name: str) -> Path:
    """Writes the video of a seed and returns the folder for its masks."""
    video = folder / name / VIDEO
    video.mkdir(parents=True)

    for number, picture in enumerate(films.encoded("jpeg", _COUNT)):
        (video / f"{number:05}.jpg").write_bytes(picture)

    (folder / name / MASKS).mkdir()
    return folder / name / MASKS


def make_npz(folder: Path) -> None:
    """Makes stored and compressed arrays, with and without frame numbers."""
    masks = _people()
    np.savez(_begin(folder, "stored") / f"{VIDEO}.npz", masks=masks)
    np.savez_compressed(
        _begin(folder, "compressed") / f"{VIDEO}.npz", masks=masks, frame_ids=np.arange(_COUNT)
    )
    np.savez(
        _begin(folder, "columns") / f"{VIDEO}.npz", masks=np.asfortranarray(masks.astype(np.uint8))
    )


def make_mat(folder: Path) -> None:
    """Makes MATLAB files in the form of JHMDB."""
    import scipy.io

    masks = np.moveaxis(_people(), 0, -1).astype(np.uint8)

    for name, options in (
        ("plain", {}),
        ("compressed", {"do_compression": True}),
        ("old", {"format": "4"}),
    ):
        place = _begin(folder, name) / VIDEO
        place.mkdir()
        array = masks[..., 0] if name == "old" else masks
        scipy.io.savemat(place / "puppet_mask.mat", {"part_mask": array}, **options)


def make_tubes(folder: Path) -> None:
    """Makes pickles of boxes in several protocols."""
    boxes = np.array([[number + 1, 5, 10, 20, 40] for number in range(_COUNT)], np.float32)
    content = {
        "labels": [VIDEO],
        "gttubes": {VIDEO: {0: [boxes, boxes[1:]]}},
        "resolution": {VIDEO: (_HEIGHT, _WIDTH)},
        "nframes": {VIDEO: np.int64(_COUNT)},
    }

    for protocol in (0, 2, 4):
        (_begin(folder, f"protocol{protocol}") / "tubes.pkl").write_bytes(
            pickle.dumps(content, protocol)
        )


def make_rle(folder: Path) -> None:
    """Makes run-length codes in the forms of COCO and YouTube-VIS, as lists and as text."""
    size = [_HEIGHT, _WIDTH]
    runs = [100, 50, _HEIGHT * _WIDTH - 150]
    codes = ({"size": size, "counts": runs}, {"size": size, "counts": _compressed(runs)})

    for name, code in zip(("runs", "text"), codes, strict=True):
        images = [{"id": n, "file_name": f"{VIDEO}/{n:05}.jpg"} for n in range(_COUNT)]
        marks = [{"image_id": n, "category_id": 1, "segmentation": code} for n in range(_COUNT)]
        of_images = {"images": images, "annotations": marks}
        names = [image["file_name"] for image in images]
        segments = {
            "video_id": 1,
            "category_id": 1,
            "segmentations": [code, None, code, code, code],
        }
        of_videos = {"videos": [{"id": 1, "file_names": names}], "annotations": [segments]}

        for kind, content in (("images", of_images), ("videos", of_videos)):
            (_begin(folder, f"{kind}_{name}") / "masks.json").write_text(json.dumps(content))


def _compressed(runs: list[int]) -> str:
    """Encodes runs as text in the form of COCO."""
    letters = []
    for place, run in enumerate(runs):
        left = run - runs[place - 2] if place > 2 else run
        while True:
            low, left = left & 31, left >> 5
            is_last = left == (-1 if low & 16 else 0)
            letters.append(chr(48 + (low | 32 * (not is_last))))

            if is_last:
                break

    return "".join(letters)


def make_boxes(folder: Path) -> None:
    """Makes a table of boxes."""
    lines = [
        "video,frame,x1,y1,x2,y2,score",
        *(f"{VIDEO},{n},5.5,10,{20 + n},40,0.9" for n in range(_COUNT)),
    ]
    (_begin(folder, "table") / "boxes.csv").write_text("\n".join(lines) + "\n")


def make_png(folder: Path) -> None:
    """Makes mask pictures: grey, with a palette, in colour, and in one folder per object."""
    for mode in ("L", "P", "RGB", "1"):
        place = _begin(folder, mode) / VIDEO
        place.mkdir()
        for number, mask in enumerate(_people()):
            picture = Image.fromarray(mask.astype(np.uint8) * (255 if mode in ("RGB", "1") else 1))
            if mode == "P":
                picture.putpalette([0, 0, 0, 128, 0, 0])
            (picture if mode == "P" else picture.convert(mode)).save(place / f"{number:05}.png")

    place = _begin(folder, "objects") / VIDEO
    for number, mask in enumerate(_people()):
        (place / str(number % 2)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask.astype(np.uint8)).save(place / str(number % 2) / f"{number:05}.png")
