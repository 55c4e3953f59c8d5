"""Makes tiny stand-ins for the data sets, in their published layouts and with the codecs of the
real ones.

Each `make_<name>(root, ...)` writes below `root` and returns the arguments of `albar prepare` that
read it, except --out. Videos are 64x48 and show a square that moves in a direction of its class.
"""

import csv
import os
import zipfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

HEIGHT, WIDTH = 48, 64
# Videos of each class.
TRAIN, TEST = 4, 2

HMDB51 = ("brush_hair", "clap", "shoot_ball")
# Special characters of the real set: "#", "(", ")", "&", "!", ";", "+", "-", "[", "]", "@", "=",
# blanks and commas.
HMDB51_STEMS = (
    "#20_Rhythm_{}_u_nm_np1_fr_goo_0",
    "(HQ)_Rock_&_Roll!_{}_f_cm_np1_ba_med_1",
    "A;B+C=[d]@-_{}_u_cm_np1_fr_bad_2",
    "April_09,_10_{}_u_nm_np1_ba_goo_0",
    "Faith_Rewarded_{}_f_cm_np1_le_med_3",
    "Two_Towers_{}_h_cm_np2_ri_med_4",
    "Unused_{}_h_cm_np2_ri_med_5",
)
UCF101 = ("ApplyEyeMakeup", "Hammering", "HammerThrow", "HandstandPushups")
KINETICS400 = ("air drumming", "massaging person's head", "petting animal (not cat)")


def film(label: int, seed: int, count: int = 12) -> np.ndarray:
    """Returns frames, uint8 (count, 48, 64, 3): a square moves over noise.

    The seed determines the noise, the class the direction.
    """
    rng = np.random.default_rng([label, seed])
    frames = np.repeat(
        cv2.resize(rng.integers(40, 160, (6, 8, 3), np.uint8), (WIDTH, HEIGHT))[None], count, axis=0
    )
    angle, (y, x) = 2.4 * label, rng.integers(0, (HEIGHT, WIDTH))
    for number, frame in enumerate(frames):
        top = int(y + 2 * number * np.sin(angle)) % (HEIGHT - 10)
        left = int(x + 2 * number * np.cos(angle)) % (WIDTH - 10)
        frame[top : top + 10, left : left + 10] = 240
    return frames


def write_film(path: Path, frames: np.ndarray, codec: str, **options: str) -> None:
    """Encodes frames (T, H, W, 3) into the container that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(os.fspath(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(30), options={"threads": "1", **options})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def write_xvid(path: Path, label: int, seed: int) -> None:
    """Writes MPEG-4 part 2 with B-frames, as in the .avi files of HMDB51 and UCF101."""
    write_film(path, film(label, seed, 12 + 7 * (seed % 5)), "mpeg4", g="12", bf="2", b="200k")


def write_h264(path: Path, label: int, seed: int) -> None:
    """Writes H.264, as in the files of Kinetics."""
    write_film(
        path, film(label, seed, 12 + 7 * (seed % 5)), "libx264", crf="30", bf="2", preset="veryfast"
    )


def write_picture(path: Path) -> None:
    """Writes a JPEG picture, whatever the suffix."""
    path.write_bytes(cv2.imencode(".jpg", film(0, 0, 1)[0])[1].tobytes())


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Writes a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def _names(classes: Sequence[str], num_classes: int | None) -> list[str]:
    """Returns the first `count` names, followed by invented names if there are too few."""
    count = len(classes) if num_classes is None else num_classes
    return [*classes[:count], *(f"xclass{number:03}" for number in range(len(classes), count))]


def make_hmdb51(root: Path, num_classes: int | None = None) -> list[str]:
    """Makes hmdb51_org/<class>/*.avi and testTrainMulti_7030_splits/.

    A class has four training videos, two test videos and one that is in neither. In splits 2 and 3,
    the first two and the next two are the test videos.
    """
    lists = root / "testTrainMulti_7030_splits"
    for label, name in enumerate(_names(HMDB51, num_classes)):
        files = [f"{stem.format(name)}.avi" for stem in HMDB51_STEMS]
        for seed, file in enumerate(files):
            write_xvid(root / "hmdb51_org" / name / file, label, seed)
        for split, tested in ((1, (4, 5)), (2, (0, 1)), (3, (2, 3))):
            uses = [2 if place in tested else 0 if place == 6 else 1 for place in range(len(files))]
            # Each line of the real lists ends with a blank.
            lines = [f"{file} {use} " for file, use in zip(files, uses, strict=True)]
            write_lines(lists / f"{name}_test_split{split}.txt", lines)
    return ["hmdb51", "--videos", str(root / "hmdb51_org"), "--splits", str(lists)]


def make_ucf101(
    root: Path, num_classes: int | None = None, spelling: str = "HandStandPushups"
) -> list[str]:
    """Makes UCF-101/<class>/v_<class>_gXX_cYY.avi and ucfTrainTestlist/.

    `spelling` is the name of HandstandPushups.
    """
    lists = root / "ucfTrainTestlist"
    names = _names(UCF101, num_classes)
    train, test = [], []
    for number, name in enumerate(names, start=1):
        stem = name.replace("HandstandPushups", "HandStandPushups")
        for seed in range(TRAIN + TEST):
            file = f"v_{stem}_g{seed + 1:02}_c01.avi"
            folder = spelling if name == "HandstandPushups" else name
            write_xvid(root / "UCF-101" / folder / file, number, seed)
            (test if seed < TEST else train).append(
                f"{name}/{file}" + ("" if seed < TEST else f" {number}")
            )
    write_lines(
        lists / "classInd.txt", [f"{number} {name}" for number, name in enumerate(names, start=1)]
    )
    for split in (1, 2, 3):
        write_lines(lists / f"trainlist{split:02}.txt", train)
        write_lines(lists / f"testlist{split:02}.txt", test)
    return ["ucf101", "--videos", str(root / "UCF-101"), "--splits", str(lists)]


def make_kinetics400(
    root: Path, num_classes: int | None = None, *, flat: bool = False, suffix: str = ".mp4"
):
    """Makes annotations/{train,validate,test}.csv and the videos of train and val.

    A video is {train,val}/<class_with_underscores>/<id>_<start>_<end>.mp4, or flat. Each class
    after the first three has lines, but no videos. In the other classes, the video of one training
    line is missing. The videos of the split test are not available.
    """
    rows: dict[str, list] = {"train": [], "validate": [], "test": []}
    for label, name in enumerate(_names(KINETICS400, num_classes)):
        for split, count in (("train", TRAIN + 1), ("validate", TEST), ("test", 1)):
            for seed in range(count):
                clip = f"-{label:03}_{split[:4]}{seed:02}"
                rows[split].append([name, clip, 10 * seed, 10 * seed + 10, split])
                if label >= len(KINETICS400) or split == "test" or seed == TRAIN:
                    continue
                folder = (
                    Path() if flat else Path(split.removesuffix("idate"), name.replace(" ", "_"))
                )
                file = f"{clip}_{10 * seed:06}_{10 * seed + 10:06}{suffix}"
                write_h264(
                    root / "videos" / folder / file, label, seed + 10 * (split == "validate")
                )
    for split, lines in rows.items():
        path = root / "annotations" / f"{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([["label", "youtube_id", "time_start", "time_end", "split"], *lines])
    return ["kinetics400", "--videos", str(root / "videos"), "--splits", str(root / "annotations")]


def make_aras(root: Path, num_classes: int | None = None) -> list[str]:
    """Makes aras_clips/<class>/<id>_<n>.mp4 and annotations/.

    The first clip of each class is listed three times.
    """
    names = _names(KINETICS400, num_classes)
    lines = []
    for label, name in enumerate(names[: len(KINETICS400)]):
        files = [
            f"aras_clips/{name.replace(' ', '_')}/{label:02}id-_{seed:03}_{seed}.mp4"
            for seed in range(TEST)
        ]
        for seed, file in enumerate(files):
            write_h264(root / file, label, seed + 100)
        lines += [f"{file} {label}" for file in (files[0], *files, files[0])]
    write_lines(root / "annotations" / "aras_test_balance.txt", lines)
    write_lines(root / "annotations" / "k400_actions.txt", names)
    return ["aras", "--videos", str(root), "--splits", str(root / "annotations")]


def make_ucf_crime(root: Path) -> list[str]:
    """Makes Videos/<class>/*_x264.mp4, Anomaly_Detection_splits/ and the annotation.

    As in the official lists, the normal films are between two classes. The films of Arrest are in
    another folder, as some archives unpack.
    """
    trained = [
        "Abuse/Abuse001_x264.mp4",
        "Arrest/Arrest001_x264.mp4",
        "Training_Normal_Videos_Anomaly/Normal_Videos001_x264.mp4",
        "Vandalism/Vandalism001_x264.mp4",
    ]
    annotated = [
        "Abuse028_x264.mp4  Abuse  2  5  -1  -1  ",
        "Arrest010_x264.mp4  Arrest  0  3  7  9  ",
        "Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1  ",
        "Vandalism010_x264.mp4  Vandalism  4  400  -1  -1  ",
    ]
    tested = [
        "Abuse/Abuse028_x264.mp4",
        "Arrest/Arrest010_x264.mp4",
        "Testing_Normal_Videos_Anomaly/Normal_Videos_003_x264.mp4",
        "Vandalism/Vandalism010_x264.mp4",
    ]
    for seed, file in enumerate([*trained, *tested]):
        folder = "Videos/Anomaly-Videos-Part-1" if "Arrest" in file else "Videos"
        write_h264(root / folder / file, 0, seed)
    write_lines(root / "Anomaly_Detection_splits" / "Anomaly_Train.txt", trained)
    write_lines(root / "Anomaly_Detection_splits" / "Anomaly_Test.txt", tested)
    write_lines(root / "Temporal_Anomaly_Annotation.txt", annotated)
    return [
        "ucf_crime",
        "--videos",
        str(root / "Videos"),
        "--splits",
        str(root / "Anomaly_Detection_splits"),
        "--annotations",
        str(root / "Temporal_Anomaly_Annotation.txt"),
    ]


# Split, film, start and end of the segments of each class.
THUMOS14 = {
    "BaseballPitch": [("val", 51, 0.1, 0.3), ("test", 4, 0.0, 0.2), ("test", 270, 0.2, 99.0)],
    "CliffDiving": [("val", 60, 0.1, 0.4), ("test", 5, 0.1, 0.2)],
    "Diving": [("val", 60, 0.5, 0.6), ("val", 60, 0.1, 0.4), ("test", 5, 0.1, 0.2)],
    "Ambiguous": [("val", 51, 0.3, 0.4), ("test", 1292, 0.1, 0.2)],
}
_THUMOS14_SPLITS = {"val": "validation", "test": "test"}


def make_thumos14(root: Path) -> list[str]:
    """Makes validation/*.mp4, test/*.mp4 and both folders of annotations.

    The folder of validation films has one without a segment, as most of the real ones.
    """
    films = {("val", 99)}
    for label, segments in THUMOS14.items():
        for split, name in _THUMOS14_SPLITS.items():
            lines = []
            for part, number, start, end in segments:
                if part == split:
                    films.add((split, number))
                    lines.append(f"video_{name}_{number:07}  {start} {end}")
            folder = root / f"TH14_Temporal_annotations_{name}" / "annotation"
            write_lines(folder / f"{label}_{split}.txt", lines)
    for split, number in sorted(films):
        name = _THUMOS14_SPLITS[split]
        write_h264(root / name / f"video_{name}_{number:07}.mp4", 0, number)
    return [
        "thumos14",
        "--videos",
        str(root / "validation"),
        str(root / "test"),
        "--annotations",
        str(root / "TH14_Temporal_annotations_validation"),
        str(root / "TH14_Temporal_annotations_test"),
    ]


def make_mmaction2(root: Path, *, frames: str = "") -> list[str]:
    """Makes train.txt, val.txt, test.txt and classes.txt with videos.

    With frames "folder" or "zip", the videos are numbered pictures.
    """
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for label, name in enumerate(("run", "jump high", "wave")):
        for split, count in (("train", TRAIN), ("val", TEST), ("test", TEST)):
            for seed in range(count):
                path = f"{split}/{name}/clip {seed}"
                if frames:
                    images = film(label, seed, 10)
                    _write_images(root / "videos" / path, images, frames)
                    lists[split].append(f"{path} {len(images)} {label}")
                else:
                    write_h264(root / "videos" / f"{path}.mp4", label, seed)
                    lists[split].append(f"{path}.mp4 {label}")
    for split, lines in lists.items():
        write_lines(root / f"{split}.txt", lines)
    write_lines(root / "classes.txt", ["run", "jump high", "wave"])
    flags = [word for split in lists for word in (f"--{split}", str(root / f"{split}.txt"))]
    return [
        "mmaction2",
        "--videos",
        str(root / "videos"),
        *flags,
        "--classes",
        str(root / "classes.txt"),
    ]


def _write_images(
    path: Path, images: np.ndarray, kind: str, template: str = "img_{:05}.jpg"
) -> None:
    pictures = {
        template.format(n): cv2.imencode(".jpg", image[..., ::-1])[1]
        for n, image in enumerate(images, start=1)
    }
    if kind == "zip":
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(f"{path}.zip", "w") as archive:
            for name, data in pictures.items():
                archive.writestr(name, data.tobytes())
    else:
        path.mkdir(parents=True)
        for name, data in pictures.items():
            (path / name).write_bytes(data.tobytes())


def make_albar(root: Path) -> list[str]:
    """Makes hmdb51_{train,test}_labels.csv and Videos/<class>/<file>."""
    for split, count in (("train", TRAIN), ("test", TEST)):
        lines = ["class,filename,label"]
        for label, name in enumerate(HMDB51):
            for seed in range(count):
                file = f"{split}_{name}_{seed}.avi"
                write_xvid(root / "Videos" / name / file, label, seed + 10 * (split == "test"))
                lines.append(f"{name},{file},{label}")
        write_lines(root / f"hmdb51_{split}_labels.csv", lines)
    return ["albar", "--videos", str(root), "--splits", str(root)]


def make_albar_kinetics400(root: Path) -> list[str]:
    """Makes annotation_{train,val}_fullpath_resizedvids.txt.

    Its paths are from another disk, and its labels begin at 1.
    """
    for split, count in (("train", TRAIN), ("val", TEST)):
        lines = []
        for label, name in enumerate(KINETICS400):
            for seed in range(count):
                file = f"{name.replace(' ', '_')}/{split}{label:02}id_{seed:02}.mp4"
                write_h264(root / "kinetics" / file, label, seed + 10 * (split == "val"))
                lines.append(f"/home/author/k400/{split}/{file} {label + 1}")
        write_lines(root / f"annotation_{split}_fullpath_resizedvids.txt", lines)
    return ["albar", "--videos", str(root / "kinetics"), "--splits", str(root)]


def make_folder(root: Path, *, splits: bool = False) -> list[str]:
    """Makes videos/[{train,test}/]<class>/<file>: films, a folder and an archive of frames."""
    for label, name in enumerate(("jump", "run fast", "wave")):
        for split, count in (("train", TRAIN), ("test", TEST)):
            folder = root / "videos" / (split if splits else "") / name
            write_h264(folder / f"{split} film.mp4", label, 0)
            write_xvid(folder / f"{split}_film.AVI", label, 1)
            if count > TEST:
                _write_images(folder / f"{split}_frames", film(label, 2), "folder")
                _write_images(folder / f"{split}_archive", film(label, 3), "zip")
    return ["folder", "--videos", str(root / "videos")]


HMDB51_TESTED = tuple(stem.format(name) for name in HMDB51 for stem in HMDB51_STEMS[4:6])
UCF101_TESTED = tuple(f"v_{name}_g{seed:02}_c01" for name in UCF101 for seed in (1, 2))
COPIES = 2


def make_albar_release(
    root: Path, videos: Sequence[str] = HMDB51_TESTED, dataset: str = "HMDB51"
) -> list[str]:
    """Makes bias/<set>/<video>__<k>.zip of frames, or .jpg, on two backgrounds, and Confl-FG."""
    sets = [
        f"{kind}_{background}"
        for kind in ("SCUBA", "SCUFO")
        for background in ("Places365", "Stripe")
    ]
    for name in (*sets, "ConflFG_Stripe"):
        for seed, clip in enumerate(
            f"{video}__{copy}" for video in videos for copy in range(COPIES)
        ):
            images, path = film(0, seed, 3), root / "bias" / f"{dataset}_{name}" / clip
            if name.startswith("SCUFO"):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(f"{clip}.jpg").write_bytes(
                    cv2.imencode(".jpg", images[0])[1].tobytes()
                )
            else:
                _write_images(path, images, "zip", "{:06}.jpg")
    return ["bias", "--videos", str(root / "bias")]


def make_stillmix_release(
    root: Path, sets: Sequence[str], videos: Sequence[str], labels: Sequence[int]
) -> list[str]:
    """Makes generated/v1/<set>/... and lists_generated/v1/<set>/..., as the configs of StillMix
    name them.

    `labels` are the labels of the videos. Confl-FG has a second list, with the classes of the
    motionless foreground.
    """
    for name in sets:
        kinetics = "HMDB51" not in name and "UCF101" not in name
        lines = []
        for seed, (video, label) in enumerate(zip(videos, labels, strict=True)):
            for copy in range(1 if kinetics else COPIES):
                clip, images = f"{video}__{copy}", film(label, seed, 3)
                folder = (
                    root
                    / "generated"
                    / "v1"
                    / name
                    / ("val" if kinetics else "generated_videos")
                    / clip
                )
                _write_images(
                    folder, images, "folder", "{:06}.jpg" if kinetics else "frame{:06}.jpg"
                )
                lines.append(f"{'val/' if kinetics else ''}{clip} {len(images)} {label}")
        lists, conflfg = (
            root / "lists_generated" / "v1" / name,
            name.startswith("mix_dynamic_static"),
        )
        lists /= (
            ""
            if kinetics and not conflfg
            else "val"
            if kinetics
            else "101classes"
            if "UCF101" in name
            else "51classes"
        )
        main = "dynamic_testlist01.txt" if conflfg else "val.txt" if kinetics else "testlist01.txt"
        write_lines(lists / main, lines)
        if conflfg:
            write_lines(
                lists / "static_testlist01.txt", [f"{line.rpartition(' ')[0]} 0" for line in lines]
            )
    return ["bias", "--videos", str(root / "generated"), "--splits", str(root / "lists_generated")]


def rows_of(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a CSV file."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def edit(path: Path, old: str, new: str) -> None:
    """Replaces a text in a file once."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
