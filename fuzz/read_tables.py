"""Reads tables and lists like the commands."""

import contextlib
from pathlib import Path

from fuzz.seeds.tables import CLASSES, IDS


def read_manifest(folder: Path) -> None:
    """Reads a manifest in all ways: for training, suites, synthesis and the page."""
    from albar_jax.data import manifest, validation_share
    from albar_jax.errors import UserError
    from albar_jax.evaluation.analyses.mistakes import read_foregrounds
    from albar_jax.evaluation.annotations import read_annotations
    from albar_jax.synthesis.clip_list import list_copies, read_scuba

    path = folder / "manifest.csv"
    rows = manifest.read_manifest(path)
    rows.empty_classes()
    manifest.read_class_names(path)
    manifest.split_sizes(path)
    manifest.files_of(path)
    list_copies(rows, 1, ".zip")
    read_scuba(path, ".zip")
    read_foregrounds(path, rows.classes)
    read_annotations(path, rows.classes, split="test", train_split="train")

    # One of these may be refused while the others are accepted.
    with contextlib.suppress(UserError):
        manifest.read_manifest(path, CLASSES, "train")
    validation_share.hold_out(rows, 0.3, seed=0)


def read_class_list(folder: Path) -> None:
    """Reads a list of classes."""
    from albar_jax.storage.class_names import read_class_list

    read_class_list(folder / "classes.txt")


def read_scenes(folder: Path) -> None:
    """Reads scene probabilities."""
    from albar_jax.data.scenes import read_scenes

    read_scenes(str(next(iter(folder.iterdir()), folder / "gone")), IDS)


def read_stills(folder: Path) -> None:
    """Reads a list of stills and one still."""
    import numpy as np

    from albar_jax.data.clip_reader import Cut
    from albar_jax.data.stills import read_stills
    from albar_jax.data.transforms import Crop

    stills = read_stills(str(folder / "stills.csv"), IDS)
    stills.read(0, Cut(np.arange(5), 5, 48, 64, Crop(0, 0, 40, 40), 32), np.random.default_rng(0))


def read_predictions(folder: Path) -> None:
    """Reads predictions and makes their table and page."""
    from albar_jax.evaluation import results
    from albar_jax.evaluation.audit import read_audit
    from albar_jax.report import html_page, json_content, outputs, tables
    from albar_jax.report.report_data import ReportData

    audit = read_audit([folder])
    data = ReportData(results.summarise(audit.suite, audit.runs), audit.classes)
    tables.console(data.results)
    outputs.markdown(data)
    json_content.to_json(data)
    html_page.render(data)


def read_label_map(folder: Path) -> None:
    """Reads a table of class names."""
    from albar_jax.audit.label_map import read

    read(folder / "map.csv")


def read_answers(folder: Path) -> None:
    """Reads the answers that an interrupted audit has kept."""
    from albar_jax.audit.kept_answers import read

    # The command, too, reads the files that it finds.
    for path in sorted(folder.glob("*.jsonl")):
        list(read(path))


def read_notes(folder: Path) -> None:
    """Reads the journals and notes of interrupted commands."""
    from albar_jax.data import unreadable
    from albar_jax.data.frame_bank import choose, read_scores
    from albar_jax.data.prepare import journal
    from albar_jax.errors import UserError
    from albar_jax.storage import lock
    from albar_jax.storage.journal import Journal
    from albar_jax.studies import Run
    from albar_jax.train import run_log

    readers = (
        lambda: Journal(folder / "made", {"kind": "scuba", "seed": 0, "masks": "npz:masks"}).read(),
        lambda: list(journal._known(folder / "check.jsonl", 60.0)),
        lambda: run_log.read_history(folder),
        lambda: Run(0, None, 0, None, folder).is_trained,
        lambda: unreadable.listed(folder),
        lambda: lock.holder(folder / ".lock"),
        lambda: choose(read_scores([folder / "scores.npz"]), [f"v{n}" for n in range(5)], 0.1, 1.0),
    )
    for read in readers:
        with contextlib.suppress(UserError):
            read()


def read_annotations(folder: Path) -> None:
    """Reads events and makes the truth of their frames, or reads segments."""
    from albar_jax.features.anomaly import frame_truth, read_anomaly
    from albar_jax.features.segments import read_segments

    if (folder / "thumos14.json").exists():
        read_segments(folder)
        return
    for video in read_anomaly(folder):
        frame_truth(video, rows=2)


def read_sources(folder: Path) -> None:
    """Lists a published data set; the names in the folder determine its layout."""
    from albar_jax.data.prepare import DATASETS
    from albar_jax.data.prepare.groups import with_groups
    from albar_jax.data.prepare.repeats import number_repeats

    lists = folder / "lists"
    name, videos, options = _layout(folder, lists)

    listings = DATASETS[name].read(videos, **options)
    if not isinstance(listings, dict):
        listings = {"": listings}
    for listing in listings.values():
        with_groups(number_repeats(listing.items))


def _layout(folder: Path, lists: Path) -> tuple[str, Path | list[Path], dict]:
    """Returns layout, videos and options of a data set.

    The names of the videos, which are never changed, tell the layout.
    """
    if (folder / "sets").is_dir():
        return "bias", folder / "sets", {"out": folder, "splits": lists}
    if (lists / "000.Gull").is_dir():
        return "waterbirds", lists, {}
    if (folder / "Abuse").is_dir():
        annotated = lists / "Temporal_Anomaly_Annotation.txt"
        return "ucf_crime", folder, {"splits": lists, "annotations": annotated}
    if (folder / "validation").is_dir():
        return "thumos14", [folder], {"annotations": [lists], "test_videos": 212}
    if (folder / "aras_clips").is_dir():
        return "aras", folder, {"splits": lists}
    if (folder / "train").is_dir():
        return "kinetics400", folder, {"splits": lists}

    if (folder / "clap" / "v0.avi").is_file():
        is_ucf101 = any(lists.glob("*list01.txt"))
        return ("ucf101" if is_ucf101 else "hmdb51"), folder, {"splits": lists, "split": 1}

    if any(lists.glob("hmdb51_*")):
        return "albar", folder, {"splits": lists}

    return (
        "mmaction2",
        folder,
        {name: lists / f"{name}.txt" for name in ("train", "val", "classes")},
    )


def read_world(folder: Path) -> None:
    """Reads the file of a generated world."""
    from albar_jax.toy.spec import read_spec

    read_spec(str(folder / "world.toml"))
