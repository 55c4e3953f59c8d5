"""Makes manifests, class lists, scenes, stills, predictions, and published lists."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fuzz.seeds import films

CLASSES = ("clap", "run", "wave")
IDS = tuple(f"{name}/v{number}" for name in CLASSES for number in range(4))
NOT_A_VIDEO = "not looked into"


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Writes text files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def lines(*texts: str) -> str:
    """Returns a text of these lines."""
    return "".join(f"{text}\n" for text in texts)


def _videos(suffix: str = ".mp4") -> dict[str, str]:
    return {f"{name}{suffix}": NOT_A_VIDEO for name in IDS}


def make_manifests(folder: Path) -> None:
    """Makes manifests with class names, with class numbers, and with all columns."""
    splits = ["train", "train", "val", "test"] * len(CLASSES)
    rows = [
        (f"{name}.mp4", name.split("/")[0], split, name)
        for name, split in zip(IDS, splits, strict=True)
    ]
    plain = lines("path,label", *(f"{path},{label}" for path, label, _, _ in rows))
    full = lines(
        "path,label,split,id,group,group:camera",
        *(",".join([*row, f"g{n % 5}", f"camera {n % 2}"]) for n, row in enumerate(rows)),
    )
    counted = lines(
        "path,label,split", *(f"{p},{CLASSES.index(label)},{s}" for p, label, s, _ in rows)
    )
    write(folder / "plain", _videos() | {"manifest.csv": plain})
    write(folder / "full", _videos() | {"manifest.csv": full, "classes.txt": lines(*CLASSES)})
    listed = lines("id,name", "0,a", "1,b", "2,c")
    write(folder / "numbers", _videos() | {"manifest.csv": counted, "classes.txt": listed})
    scuba = [f"{p},{label},{i}__0,{p},npz:masks,{{}}" for p, label, _, i in rows]
    write(
        folder / "scuba",
        _videos() | {"manifest.csv": lines("path,label,id,source,masks,rules", *scuba)},
    )
    pasted = [f"{p},{label},{i},{CLASSES[0]},{CLASSES[0]}" for p, label, _, i in rows]
    write(
        folder / "conflfg",
        _videos() | {"manifest.csv": lines("path,label,id,donor_label,scene_label", *pasted)},
    )


def make_class_lists(folder: Path) -> None:
    """Makes class lists in all forms that are read."""
    forms = {
        "plain": lines(*CLASSES),
        "first": lines(*(f"{n} {name}" for n, name in enumerate(CLASSES, 1))),
        "last": lines(*(f"{name},{n}" for n, name in enumerate(CLASSES))),
        "table": lines("id,name", *(f"{n},{name}" for n, name in enumerate(CLASSES))),
        "quoted": lines(*(f'"{name}"' for name in CLASSES)),
        "yaml": lines(*(f"- {name}" for name in CLASSES)),
        "names": json.dumps(dict(zip(CLASSES, range(3), strict=True))),
        "numbers": json.dumps({str(n): name for n, name in enumerate(CLASSES)}),
        "list": json.dumps([{"id": n, "name": name} for n, name in enumerate(CLASSES)]),
        "python": str(dict(enumerate(CLASSES))),
    }
    for name, text in forms.items():
        write(folder / name, {"classes.txt": text})


def make_scenes(folder: Path) -> None:
    """Makes scene probabilities as a table and as arrays."""
    probs = np.full((len(IDS), 4), 0.25, np.float32)
    rows = [",".join([name, *map(str, row)]) for name, row in zip(IDS, probs.tolist(), strict=True)]
    write(folder / "table", {"scenes.csv": lines("id,prob_0,prob_1,prob_2,prob_3", *rows)})
    (folder / "arrays").mkdir()
    np.savez_compressed(folder / "arrays" / "scenes.npz", ids=np.array(IDS), probs=probs)


def make_stills(folder: Path) -> None:
    """Makes lists of stills with and without ids."""
    for name, header, row in (
        ("bank", "path,frame", "still.png,0"),
        ("own", "path,frame,id", "still.png,0,{}"),
    ):
        rows = [row.format(clip) for clip in IDS]
        write(folder / name, {"stills.csv": lines(header, *rows)})
        (folder / name / "still.png").write_bytes(films.encoded("png", 1)[0])


def make_predictions(folder: Path) -> None:
    """Makes the predictions of two seeds, with probabilities or only the chosen classes."""
    for kind in ("probs", "pred"):
        for seed in (0, 1):
            rng = np.random.default_rng(seed)
            place = folder / kind / f"model_seed{seed}"
            tables = {f"{task}.csv": _predictions(kind, rng) for task in _TASKS}
            views = json.dumps(dict.fromkeys(_TASKS, "1 clip"))
            lost = lines("task\tid\tlabel", "hmdb51\tlost\t1")
            write(
                place,
                tables
                | {"classes.txt": lines(*CLASSES), "views.json": views, "left_out.tsv": lost},
            )


_TASKS = (
    "hmdb51",
    "hmdb51_scuba_places365",
    "hmdb51_scufo_places365",
    "hmdb51_conflfg_stripe",
    "hmdb51_reversed",
    "hmdb51_static",
    "hmdb51_hat_swap",
)


def _predictions(kind: str, rng: np.random.Generator) -> str:
    rows = []
    for number, name in enumerate(IDS):
        probs = rng.dirichlet([1, 1, 1]).astype(np.float32)
        answer = [f"{p:.9g}" for p in probs] if kind == "probs" else [str(probs.argmax())]
        # The model gives no answer to the last clip.
        if number == len(IDS) - 1:
            answer = [""] * len(answer)
        rows.append(",".join([name, str(number // 4), *answer]))

    return lines("id,label," + ("prob_0,prob_1,prob_2" if kind == "probs" else "pred"), *rows)


def make_label_maps(folder: Path) -> None:
    """Makes tables of class names, with and without classes in common."""
    pairs = [f'"{name.title()}, the action",{name}' for name in CLASSES]
    write(folder / "one", {"map.csv": lines("model,test", *pairs)})
    write(folder / "several", {"map.csv": lines("model,test", *pairs, "jog,run")})


def make_answers(folder: Path) -> None:
    """Makes kept answers: probabilities, classes and abstentions, with and without checksums."""
    from albar_jax.storage.journal_lines import seal

    probs = base64.b64encode(np.full(3, 1 / 3, "<f4").tobytes()).decode()
    batches = [[[f"{name}-key", answer] for name in IDS] for answer in (probs, 2, "-")]
    unsealed = lines(*(json.dumps(batch) for batch in batches))
    write(folder / "unsealed", {"answers.jsonl": unsealed})
    write(folder / "sealed", {"answers.jsonl": ""})
    content = b"".join(seal(batch) for batch in batches)
    (folder / "sealed" / "answers.jsonl").write_bytes(content)


def make_notes(folder: Path) -> None:
    """Makes the files that commands resume from or report: journals, metrics, summaries."""
    settings = {"kind": "scuba", "seed": 0, "masks": "npz:masks"}
    made = [json.dumps([name, [{"id": f"{name}__0", "frames": 5}], ""]) for name in IDS]
    checked = [json.dumps([f"/v/{name}.mp4", [100, 10**18], 12, "", 60.0]) for name in IDS]
    metrics = [
        json.dumps({"step": step, "train/loss": 1.5, "validation/top1": 0.5}) for step in range(10)
    ]
    summary = {
        "step": 6,
        "num_steps": 6,
        "flops_per_step": 1e9,
        "seconds_total": 3.5,
        "stopped_by": None,
    }
    files = {
        "made/.made/settings.json": json.dumps(settings, indent=2),
        "made/.made/1-of-1.jsonl": lines(*made, json.dumps(["bad", [], "no masks"])),
        "check.jsonl": lines(*checked),
        "metrics.jsonl": lines(*metrics),
        "summary.json": json.dumps(summary),
        "unreadable.tsv": lines("a.mp4\tit is cut off", '"b\n.mp4"\tit is empty'),
        ".lock": json.dumps({"process": 7, "host": "h", "since": "now", "command": "train.py"}),
    }
    write(folder / "run", files)
    scores = {"row": np.arange(5, dtype=np.int32), "frame": np.zeros(5, np.int32)}
    probs = np.linspace(0, 1, 5, dtype=np.float32)
    np.savez(folder / "run" / "scores.npz", **scores, p_label=probs, p_max=probs)


def make_sources(folder: Path) -> None:
    """Makes the lists of published data sets in their download layout, one folder each.

    The video files are empty.
    """
    write(folder / "hmdb51", _hmdb51())
    write(folder / "ucf101", _ucf101())
    write(folder / "kinetics400", _kinetics400())
    clips = [f"aras_clips/{name}.mp4" for name in IDS]
    write(folder / "aras", dict.fromkeys(clips, NOT_A_VIDEO) | _aras(clips))
    listed = lines(*(f"{name}.mp4 {CLASSES.index(name.split('/')[0])}" for name in IDS))
    lists = {
        "lists/train.txt": listed,
        "lists/val.txt": listed,
        "lists/classes.txt": lines(*CLASSES),
    }
    write(folder / "mmaction2", _videos() | lists)
    labels = [f"{n.split('/')[0]},{n}.mp4,{CLASSES.index(n.split('/')[0])}" for n in IDS]
    albar = {
        f"lists/hmdb51_{split}_labels.csv": lines("class,filename,label", *labels)
        for split in ("train", "test")
    }
    write(folder / "albar", _videos() | albar)
    birds = [f"{n:03}.Gull/gull_{n}.jpg" for n in range(6)]
    rows = [f"{n},{bird},1,{n % 3},{n % 2},/b/bamboo/{n}.jpg" for n, bird in enumerate(birds)]
    header = "img_id,img_filename,y,split,place,place_filename"
    write(
        folder / "waterbirds",
        {f"lists/{bird}": NOT_A_VIDEO for bird in birds}
        | {"lists/metadata.csv": lines(header, *rows)},
    )
    write(folder / "bias", _bias())


def _hmdb51() -> dict[str, str]:
    lists = {}
    for name in CLASSES:
        of_class = [clip.split("/")[1] for clip in IDS if clip.startswith(name)]
        uses = zip(of_class, (1, 1, 2, 0), strict=True)
        lists[f"lists/{name}_test_split1.txt"] = lines(
            *(f"{clip}.avi {use} " for clip, use in uses)
        )

    return _videos(".avi") | lists


def _ucf101() -> dict[str, str]:
    train = [f"{name}.avi {CLASSES.index(name.split('/')[0]) + 1}" for name in IDS[::2]]
    return _videos(".avi") | {
        "lists/classInd.txt": lines(*(f"{n} {name}" for n, name in enumerate(CLASSES, 1))),
        "lists/trainlist01.txt": lines(*train),
        "lists/testlist01.txt": lines(*(f"{name}.avi" for name in IDS[1::2])),
    }


def _kinetics400() -> dict[str, str]:
    names = [f"-abcdefghi{n:01}" for n in range(6)]
    files = {f"train/{name}_000001_000011.mp4": NOT_A_VIDEO for name in names}
    header = "label,youtube_id,time_start,time_end,split"
    rows = [f"{CLASSES[n % 3]},{name},1,11,train" for n, name in enumerate(names)]

    return files | {
        "lists/train.csv": lines(header, *rows),
        "lists/validate.csv": lines(header, *rows[:2]),
    }


def _aras(clips: list[str]) -> dict[str, str]:
    rows = [f"{clip} {CLASSES.index(clip.split('/')[1])}" for clip in clips]
    return {
        "lists/aras_test_balance.txt": lines(*rows),
        "lists/k400_actions.txt": lines(*CLASSES),
    }


def _bias() -> dict[str, str]:
    manifest = [f"{name}.mp4,{name.split('/')[0]},test,{name}" for name in IDS]
    names = [f"v{n}" for n in range(4)]
    unique = [f"own{n}.mp4,{CLASSES[n % 3]},test,{CLASSES[n % 3]}/own{n}" for n in range(4)]
    clips = {f"sets/HMDB51_SCUBA_Places365/own{n}__0.zip": NOT_A_VIDEO for n in range(4)}
    listed = [f"own{n}__0 8 {n % 3}" for n in range(4)]

    return (
        _videos()
        | {f"own{n}.mp4": NOT_A_VIDEO for n in range(len(names))}
        | clips
        | {
            "manifest.csv": lines("path,label,split,id", *manifest, *unique),
            "lists/HMDB51_SCUBA_Places365/val.txt": lines(*listed),
        }
    )
