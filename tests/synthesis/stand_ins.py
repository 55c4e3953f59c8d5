"""Makes tiny stand-ins of published data and of user data: videos, masks and pictures."""

import csv
import hashlib
import io
import pickle
import zipfile
from pathlib import Path

import cv2
import layouts
import numpy as np
import scipy.io
from PIL import Image

from albar_jax import cli
from albar_jax.data.decode import read_frames
from albar_jax.terminal.escapes import from_cell

HEIGHT, WIDTH, FRAMES = layouts.HEIGHT, layouts.WIDTH, 5


def person(seed: int, count: int = FRAMES) -> np.ndarray:
    """Returns masks, bool (count, 48, 64): an ellipse that moves to the right."""
    masks = np.zeros((count, HEIGHT, WIDTH), np.uint8)
    for number, mask in enumerate(masks):
        cv2.ellipse(mask, (12 + 5 * (seed % 3) + 3 * number, 26), (7, 15), 0, 0, 360, 1, -1)
    return masks.astype(bool)


def box(seed: int, number: int) -> tuple[int, int, int, int]:
    """Returns x1, y1, x2, y2 of the box around the person in a frame."""
    x = 12 + 5 * (seed % 3) + 3 * number
    return x - 7, 11, x + 8, 42


def write_images(folder: Path, frames: np.ndarray, name: str = "{:05}.png") -> None:
    """Writes frames as files numbered from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(folder / name.format(number))


def write_csv(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_csv(path: Path) -> list[dict]:
    with open(path, newline="") as file:
        return [
            {name: from_cell(cell) for name, cell in row.items()} for row in csv.DictReader(file)
        ]


def videos(root: Path, count: int = 4) -> Path:
    """Writes folders of frames of two classes, and masks in npz files. Returns the manifest."""
    rows = []
    for seed in range(count):
        label, name = f"action{seed % 2}", f"clip_{seed}"
        write_images(root / "videos" / label / name, layouts.film(seed % 2, seed, FRAMES))
        (root / "masks" / label).mkdir(parents=True, exist_ok=True)
        np.savez(root / "masks" / label / f"{name}.npz", masks=person(seed))
        rows.append(
            {
                "path": f"videos/{label}/{name}",
                "label": label,
                "split": "test",
                "id": f"{label}/{name}",
            }
        )
    return write_csv(root / "manifest.csv", rows)


def pictures(folder: Path, count: int = 6) -> Path:
    """Writes small colour pictures, two of each shape."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(folder.name))
    for number in range(count):
        coarse = rng.integers(0, 256, (4, 5, 3), np.uint8)
        picture = cv2.resize(
            coarse, ((40, 40), (60, 30), (30, 60))[number % 3], interpolation=cv2.INTER_CUBIC
        )
        Image.fromarray(picture).save(folder / f"Places365_test_{number:08}.jpg")
    return folder


def run(*words: str | Path | int) -> int:
    """Runs the command in this process."""
    return cli.call("synthesize", [str(word) for word in words])


def scuba(
    root: Path,
    manifest: Path,
    out: Path,
    *more: str | Path | int,
    backgrounds: str | Path = "stripe",
) -> Path:
    """Makes two SCUBA clips of each of `videos`. Returns their manifest."""
    masks = f"npz:{root / 'masks'}"
    words = (
        "--manifest",
        manifest,
        "--masks",
        masks,
        "--backgrounds",
        backgrounds,
        "--copies",
        2,
        "--jobs",
        1,
    )
    assert run("scuba", *words, "--out", out, *more) == 0
    return out.with_name(f"{out.name}.csv")


def frames_of(manifest: Path, row: dict) -> np.ndarray:
    """Reads all frames of a clip."""
    path = manifest.parent / row["path"]
    count = int(row["frames"]) if "frames" in row else 1
    return read_frames(path, range(count))


def jpeg(frame):
    """Encodes a JPEG as imageio does, which calls this."""
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=75)
    return file.getvalue()


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def hashes(*paths: Path) -> dict[str, str]:
    """Returns digests of all files that a user sees."""
    files = [
        file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
    ]
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file() and ".made" not in file.parts
    }


def hmdb51(root: Path) -> list[str | Path]:
    """Makes HMDB51's manifest, and JHMDB's frames and masks of some of its videos.

    As many of the training videos have masks as of the test videos.
    """
    rows = []
    for seed, (label, split) in enumerate(
        (("clap", "test"), ("run", "test"), ("clap", "train"), ("wave", "test"))
    ):
        name = f"Faith_{seed}_{label}_u_nm_np1_ba_goo_{seed}"
        (root / "hmdb51_org" / label).mkdir(parents=True, exist_ok=True)
        (root / "hmdb51_org" / label / f"{name}.avi").write_bytes(b"not looked into")
        rows.append(
            {
                "path": f"hmdb51_org/{label}/{name}.avi",
                "label": label,
                "split": split,
                "id": f"{label}/{name}",
            }
        )
        # JHMDB does not have all videos.
        if label == "wave":
            continue
        write_images(root / "JHMDB/Rename_Images" / label / name, layouts.film(seed, seed, FRAMES))
        folder = root / "JHMDB/puppet_mask" / label / name
        folder.mkdir(parents=True)
        # The last frame has no mask.
        masks = person(seed, FRAMES - 1)
        scipy.io.savemat(
            folder / "puppet_mask.mat", {"part_mask": np.moveaxis(masks, 0, -1).astype(np.uint8)}
        )
    manifest = write_csv(root / "manifest.csv", rows)
    masks = f"jhmdb:{root / 'JHMDB'}"
    return [
        "hmdb51",
        "--manifest",
        manifest,
        "--videos",
        root / "JHMDB/Rename_Images",
        "--masks",
        masks,
    ]


def ucf101(root: Path, kind: str) -> list[str | Path]:
    """Makes UCF101's test videos, the pickle of UCF101-24, and a tracker's palette pictures.

    One video has neither a tube nor pictures.
    """
    rows, tubes = [], {}
    for seed, label in enumerate(("Basketball", "Biking", "Basketball", "YoYo")):
        name = f"{label}/v_{label}_g0{seed + 1}_c01"
        layouts.write_film(
            root / "UCF-101" / f"{name}.avi", layouts.film(seed, seed, FRAMES), "mpeg4", b="400k"
        )
        rows.append({"path": f"UCF-101/{name}.avi", "label": label, "split": "test", "id": name})
        if label == "YoYo":
            continue
        # The tube begins in the second frame.
        boxes = [[number + 1, *box(seed, number)] for number in range(1, FRAMES)]
        tubes[name] = {["Basketball", "Biking"].index(label): [np.array(boxes, np.float32)]}
        for number, mask in enumerate(person(seed), start=1):
            # Two objects; one is a ball.
            picture = Image.fromarray(mask.astype(np.uint8))
            picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
            (root / "sam" / name).mkdir(parents=True, exist_ok=True)
            picture.save(root / "sam" / name / f"{number:05}.png")
    content = {
        "labels": ["Basketball", "Biking"],
        "gttubes": tubes,
        "resolution": dict.fromkeys(tubes, (HEIGHT, WIDTH)),
    }
    (root / "UCF101v2-GT.pkl").write_bytes(pickle.dumps(content, protocol=2))
    manifest = write_csv(root / "manifest.csv", rows)
    masks = {"boxes": f"tubes:{root / 'UCF101v2-GT.pkl'}", "masks": f"png:{root / 'sam'}?ids=1"}
    more = ["--true-masks", masks["masks"]] if kind == "boxes" else []
    return [f"ucf101-{kind}", "--manifest", manifest, "--masks", masks[kind], *more]


def kinetics400(root: Path) -> list[str | Path]:
    """Makes Kinetics' validation videos with segmentation and saliency.

    Category 60 of the segmentation is a person. Nobody is in the last video.
    """
    rows = []
    for seed, label in enumerate(("air drumming", "yoga", "yoga", "zumba")):
        name = f"-{seed:010}_000010_000020"
        layouts.write_film(
            root / "val" / f"{name}.mp4", layouts.film(seed, seed, FRAMES), "libx264", crf="20"
        )
        rows.append({"path": f"val/{name}.mp4", "label": label, "split": "val", "id": name})
        masks = person(seed) & (label != "zumba")
        left = np.arange(WIDTH) < 24
        write_images(root / "vspw" / name, np.where(masks & left, 60, 7).astype(np.uint8))
        write_images(root / "saliency" / name, (masks & ~left).astype(np.uint8))
    manifest = write_csv(root / "manifest.csv", rows)
    masks = f"png:{root / 'vspw'}?ids=60+png:{root / 'saliency'}"
    return ["kinetics400", "--manifest", manifest, "--masks", masks]
