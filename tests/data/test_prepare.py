"""Claim: each published layout becomes the manifest that its authors intend."""

import collections
import csv
import os
import shlex
import shutil

import av
import layouts
import numpy as np
import pytest

from albar_jax import cli
from albar_jax.data.decode import num_frames
from albar_jax.data.manifest import read_manifest
from albar_jax.data.readers.streams import CONTAINERS
from albar_jax.data.suffixes import VIDEO_SUFFIXES
from albar_jax.terminal.escapes import from_cell


def cells(file, **options) -> list[dict]:
    """Reads the rows of a table.

    Names that begin with a dash have an apostrophe in front, for spreadsheets.
    """
    return [
        {name: from_cell(cell) for name, cell in row.items()}
        for row in csv.DictReader(file, **options)
    ]


@pytest.fixture
def prepare(tmp_path, capsys):
    """Prepares into `tmp_path/out`. Returns the rows of the manifest and the printed text."""

    def run(arguments, manifest="manifest.csv"):
        out = tmp_path / "out"
        assert cli.call("prepare", [*arguments, "--out", str(out)]) == 0, capsys.readouterr().err
        # Raises if a file does not exist.
        read_manifest(out / manifest)
        with open(out / manifest, newline="") as file:
            return cells(file), capsys.readouterr().out

    return run


def count(rows) -> dict[tuple[str, str], int]:
    return collections.Counter((row["split"], row["label"]) for row in rows)


def expect(names, **splits) -> dict[tuple[str, str], int]:
    return {(split, name): number for split, number in splits.items() for name in names}


def classes(tmp_path) -> list[str]:
    return (tmp_path / "out" / "classes.txt").read_text().splitlines()


def test_hmdb51_splits_follow_its_lists(prepare, tmp_path):
    arguments = layouts.make_hmdb51(tmp_path)
    tested = {}
    for split in (1, 2, 3):
        rows, printed = prepare([*arguments, "--split", str(split)])
        assert count(rows) == expect(layouts.HMDB51, train=4, test=2)
        assert not any("Unused" in row["path"] for row in rows)
        assert all(row["path"].split("/")[-2] == row["label"] for row in rows)
        tested[split] = {row["id"] for row in rows if row["split"] == "test"}
    assert "clap/#20_Rhythm_clap_u_nm_np1_fr_goo_0" in tested[2]
    assert "clap/A;B+C=[d]@-_clap_u_cm_np1_fr_bad_2" in tested[3]
    assert not tested[1] & tested[2] | tested[2] & tested[3] | tested[1] & tested[3]
    assert classes(tmp_path) == list(layouts.HMDB51)
    assert "HMDB51: 18 videos of 3 classes: train 12, test 6" in printed
    assert "the published data set has train 3,570, test 1,530" in printed
    assert "the published data set has 51 classes" in printed


def test_hmdb51_lists_may_lie_in_their_published_folder(prepare, tmp_path):
    arguments = layouts.make_hmdb51(tmp_path)
    rows, _ = prepare([*arguments[:-1], str(tmp_path)])
    assert len(rows) == 18


@pytest.mark.parametrize("spelling", ["HandstandPushups", "HandStandPushups"])
def test_ucf101_is_numbered_by_class_ind_however_handstands_are_spelt(prepare, tmp_path, spelling):
    rows, printed = prepare(layouts.make_ucf101(tmp_path, spelling=spelling))
    assert count(rows) == expect(layouts.UCF101, train=4, test=2)
    # In ASCII, HammerThrow would precede Hammering.
    assert classes(tmp_path) == list(layouts.UCF101)
    assert {row["path"].split("/")[-2] for row in rows if row["label"] == "HandstandPushups"} == {
        spelling
    }
    assert "HandstandPushups/v_HandStandPushups_g01_c01" in {row["id"] for row in rows}
    assert "the published data set has train 9,537, test 3,783" in printed
    manifest = read_manifest(tmp_path / "out" / "manifest.csv", split="test")
    assert manifest.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_exact_spelling_goes_before_a_similar_one(prepare, tmp_path):
    arguments = layouts.make_ucf101(tmp_path)
    layouts.write_xvid(
        tmp_path / "UCF-101" / "HandstandPushups" / "v_HandStandPushups_g01_c01.avi", 0, 0
    )
    rows, _ = prepare(arguments)
    path = next(
        row["path"] for row in rows if row["id"] == "HandstandPushups/v_HandStandPushups_g01_c01"
    )
    assert path.endswith("HandstandPushups/v_HandStandPushups_g01_c01.avi")


@pytest.mark.parametrize("options", [{}, {"flat": True}, {"suffix": ".mkv"}])
def test_kinetics400_finds_its_clips_and_lists_the_missing(prepare, tmp_path, options):
    rows, printed = prepare(layouts.make_kinetics400(tmp_path, num_classes=5, **options))
    assert count(rows) == expect(layouts.KINETICS400, train=4, val=2)
    assert all(row["path"].endswith(f"{row['id']}{options.get('suffix', '.mp4')}") for row in rows)
    assert "22 of 40 videos are missing" in printed
    with open(tmp_path / "out" / "missing.tsv", newline="") as file:
        missing = cells(file, delimiter="\t")
    assert len(missing) == 22
    assert missing[0] == {
        "path": "-000_trai04_000040_000050.mp4",
        "label": "air drumming",
        "split": "train",
    }


def test_kinetics400_keeps_classes_without_videos(prepare, tmp_path):
    prepare(layouts.make_kinetics400(tmp_path, num_classes=400))
    manifest = read_manifest(tmp_path / "out" / "manifest.csv", split="val")
    assert len(manifest.classes) == 400
    assert manifest.classes == tuple(sorted(manifest.classes))
    assert manifest.labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_kinetics400_takes_underscores_links_one_csv_and_repeated_lines(prepare, tmp_path):
    arguments = layouts.make_kinetics400(tmp_path)
    lists, videos = tmp_path / "annotations", tmp_path / "videos"
    (tmp_path / "elsewhere").mkdir()
    (videos / "val").rename(tmp_path / "elsewhere" / "val")
    (videos / "val").symlink_to(tmp_path / "elsewhere" / "val")
    (videos / "val" / "up").symlink_to(videos)
    text = (
        (lists / "validate.csv")
        .read_text()
        .replace("air drumming", "air_drumming")
        .replace("validate", "val")
    )
    (lists / "validate.csv").write_text(
        text + text.splitlines()[1].replace("air_drumming", "other") + "\n"
    )
    rows, printed = prepare([*arguments[:-1], str(lists / "validate.csv")])
    assert count(rows) == expect(layouts.KINETICS400, val=2)
    assert "1 lines repeat a clip" in printed
    assert "albar evaluate --weights FILE --config kinetics400" in printed


def test_unlabelled_clips_of_kinetics400_are_left_out(prepare, tmp_path):
    arguments = layouts.make_kinetics400(tmp_path)
    (tmp_path / "annotations" / "test.csv").write_text(
        "youtube_id,time_start,time_end,split\nabc,0,10,test\n"
    )
    _, printed = prepare(arguments)
    assert "1 clips have no label" in printed
    assert classes(tmp_path) == list(layouts.KINETICS400)


def test_aras_keeps_every_line_and_both_counts(prepare, tmp_path):
    rows, printed = prepare(layouts.make_aras(tmp_path, num_classes=400), "aras.csv")
    assert count(rows) == expect(layouts.KINETICS400, test=4)
    first = [row for row in rows if row["id"].startswith("air_drumming/00id-_000_0")]
    assert [row["id"].removeprefix("air_drumming/00id-_000_0") for row in first] == ["", "#2", "#3"]
    assert len({row["path"] for row in first}) == 1
    assert "12 lines name 6 clips" in printed
    assert "the published data set has test 1,038" in printed
    assert len(classes(tmp_path)) == 400


def test_aras_goes_with_the_kinetics400_beside_it(prepare, tmp_path):
    prepare(layouts.make_kinetics400(tmp_path / "kinetics"))
    (tmp_path / "out" / "missing.tsv").write_text("kept")
    arguments = layouts.make_aras(tmp_path / "aras")
    (tmp_path / "aras" / "annotations" / "k400_actions.txt").unlink()
    prepare([*arguments[:2], str(tmp_path / "aras" / "aras_clips"), *arguments[3:]], "aras.csv")
    manifest = read_manifest(tmp_path / "out" / "aras.csv")
    assert manifest.classes == layouts.KINETICS400
    assert manifest.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert (tmp_path / "out" / "missing.tsv").read_text() == "kept"


def test_without_training_videos_the_next_command_has_no_field_of_training(prepare, tmp_path):
    arguments = layouts.make_mmaction2(tmp_path)
    train = arguments.index("--train")
    _, printed = prepare([*arguments[:train], *arguments[train + 2 :]])
    assert "next: albar evaluate --weights FILE --config " in printed
    assert "validation_split" not in printed


@pytest.mark.parametrize("frames", ["", "folder", "zip"])
def test_mmaction2_lists_name_videos_and_frames(prepare, tmp_path, frames):
    rows, printed = prepare(layouts.make_mmaction2(tmp_path, frames=frames))
    assert count(rows) == expect(("run", "jump high", "wave"), train=4, val=2, test=2)
    assert classes(tmp_path) == ["run", "jump high", "wave"]
    assert rows[0]["id"] == "train/run/clip 0"
    assert "--config.data.validation_split=val" in printed
    if frames:
        assert num_frames(read_manifest(tmp_path / "out" / "manifest.csv").paths[0]) == 10


def test_mmaction2_classes_may_be_numbers_and_numbered(prepare, tmp_path):
    arguments = layouts.make_mmaction2(tmp_path)
    rows, _ = prepare(arguments[:-2])
    assert {row["label"] for row in rows} == {"0", "1", "2"}
    layouts.write_lines(tmp_path / "classes.txt", ["1 run", "2 jump high", "3 wave"])
    rows, _ = prepare(arguments)
    assert classes(tmp_path) == ["run", "jump high", "wave"]


def test_video_in_two_splits_is_noted(prepare, tmp_path):
    arguments = layouts.make_mmaction2(tmp_path)
    with open(tmp_path / "test.txt", "a") as file:
        file.write("train/run/clip 0.mp4 0\n")
    rows, printed = prepare(arguments)
    assert rows[-1]["id"] == "train/run/clip 0#2"
    assert "1 videos are in more than one split" in printed


def test_lists_of_the_released_code(prepare, tmp_path):
    rows, _ = prepare(layouts.make_albar(tmp_path / "hmdb51"))
    assert count(rows) == expect(layouts.HMDB51, train=4, test=2)
    assert rows[0]["id"] == "brush_hair/train_brush_hair_0"
    arguments = layouts.make_albar_kinetics400(tmp_path / "kinetics")
    shutil.rmtree(tmp_path / "out")
    rows, printed = prepare(arguments)
    assert count(rows) == expect("012", train=4, val=2)
    assert "--config.data.test_split=val" in printed
    layouts.write_lines(tmp_path / "names.txt", layouts.KINETICS400)
    rows, _ = prepare([*arguments, "--classes", str(tmp_path / "names.txt")])
    assert count(rows) == expect(layouts.KINETICS400, train=4, val=2)
    assert all(
        layouts.KINETICS400.index(row["label"]) == int(row["id"][-5 - 2 : -5]) for row in rows
    )
    shutil.rmtree(tmp_path / "out")
    layouts.make_ucf101(tmp_path / "ucf")
    (tmp_path / "ucf" / "UCF-101").rename(tmp_path / "ucf" / "Videos")
    rows, _ = prepare(
        ["albar", "--videos", str(tmp_path / "ucf"), "--splits", str(tmp_path / "ucf")]
    )
    assert count(rows) == expect(layouts.UCF101, train=4, test=2)


def test_folder_draws_the_same_share_of_each_class(prepare, tmp_path):
    arguments = layouts.make_folder(tmp_path)
    (tmp_path / "videos" / "wave" / "notes.txt").touch()
    (tmp_path / "videos" / "alone").mkdir()
    layouts.write_h264(tmp_path / "videos" / "alone" / "one.mp4", 5, 0)
    rows, printed = prepare([*arguments, "--test-fraction", "0.3"])
    names = ("jump", "run fast", "wave")
    assert count(rows) == expect(names, train=4, test=2) | {("train", "alone"): 1}
    assert "files that are not named like videos are left out: 1 with " in printed
    assert "alone first" in printed
    again, _ = prepare([*arguments, "--test-fraction", "0.3"])
    assert again == rows
    other, _ = prepare([*arguments, "--test-fraction", "0.3", "--seed", "1"])
    assert other != rows
    assert "run fast/train_frames" in {row["id"] for row in rows}


NAMES = (
    "a.3gp b.MTS c.m2ts d.TS e.ogv f.gif g.asf h.vob i.m2v j.DivX k.f4v l.mxf m.wmv n.flv o.rm "
    "p.rmvb q.mpg r.mpe s.y4m t.apng u.mjpeg v.mod w.tod x.dv y.amv z.nut ivf.ivf raw.h264 "
    "raw.hevc raw.obu old.qt phone.3g2 cctv.dav"
)


def test_folder_takes_whatever_ffmpeg_reads_and_says_what_it_leaves_out_and_why(prepare, tmp_path):
    folder = tmp_path / "videos"
    for label in ("jump", "wave"):
        layouts.write_h264(folder / label / "film.mp4", 0, 0)
        for name in NAMES.split():
            shutil.copy(folder / label / "film.mp4", folder / label / name)
    for name in ("jump/readme.txt", "jump/list.TXT", "wave/model.pkl", "wave/LICENSE", "notes.md"):
        (folder / name).touch()
    (folder / "run").mkdir()
    rows, printed = prepare(["folder", "--videos", str(folder)])
    taken = {tuple(row["path"].split("/")[-2:]) for row in rows}
    assert taken == {
        (label, name) for label in ("jump", "wave") for name in ("film.mp4", *NAMES.split())
    }
    assert "files that are not named like videos are left out: 2 with .txt, " in printed
    assert "; 1 with .pkl, " in printed
    assert "; 1 with no suffix, " in printed
    assert f"files in no class folder are left out: 1, {folder / 'notes.md'} first" in printed
    assert f"class folders without videos are left out: 1, {folder / 'run'} first" in printed


def test_folder_without_videos_says_what_it_holds(tmp_path, capsys):
    (tmp_path / "videos" / "jump").mkdir(parents=True)
    (tmp_path / "videos" / "jump" / "a.xyz").touch()
    assert (
        cli.call(
            "prepare",
            ["folder", "--videos", str(tmp_path / "videos"), "--out", str(tmp_path / "out")],
        )
        != 0
    )
    assert (
        "files that are not named like videos are left out: 1 with .xyz, "
        in capsys.readouterr().err
    )


def test_every_container_of_films_is_known_by_the_names_of_its_files():
    # Sound, scripts and pictures.
    others = {
        ".mka",
        ".mks",
        ".m4a",
        ".m4b",
        ".avif",
        ".heic",
        ".heif",
        ".avs",
        ".mpo",
    }
    for name in CONTAINERS.split(","):
        endings = {f".{extension}" for extension in av.ContainerFormat(name, "r").extensions}
        assert endings - others <= VIDEO_SUFFIXES | {".ty+"}, name


def test_folder_takes_the_splits_that_it_has(prepare, tmp_path, capsys):
    arguments = layouts.make_folder(tmp_path, splits=True)
    rows, printed = prepare(arguments)
    assert count(rows) == expect(("jump", "run fast", "wave"), train=4, test=2)
    assert all(row["id"].startswith(f"{row['split']}/") for row in rows)

    # It draws no split of its own.
    assert cli.call("prepare", [*arguments, "--seed", "1", "--out", str(tmp_path / "out")]) == 2
    assert "--test-fraction and --seed have no effect, because" in capsys.readouterr().err


def test_links_are_followed_but_not_back_up(prepare, tmp_path):
    arguments = layouts.make_folder(tmp_path)
    rows, _ = prepare(arguments)
    (tmp_path / "videos" / "jump" / "up").symlink_to("..")
    assert prepare(arguments)[0] == rows
    (tmp_path / "elsewhere").mkdir()
    layouts.write_h264(tmp_path / "elsewhere" / "linked.mp4", 0, 9)
    (tmp_path / "videos" / "jump" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "videos" / "jump")
    more = {row["id"] for row in prepare(arguments)[0]}
    assert more - {row["id"] for row in rows} == {"jump/more/linked"}


@pytest.mark.parametrize("splits", [False, True])
def test_videos_and_written_files_may_share_a_folder(tmp_path, capsys, splits):
    arguments = layouts.make_folder(tmp_path, splits=splits)
    out = tmp_path / "videos"
    written = []
    for _ in range(2):
        assert (
            cli.call("prepare", [*arguments, "--out", str(out), "--format", "array_record"]) == 0
        ), capsys.readouterr().err
        written.append((out / "manifest.csv").read_text())
    assert written[0] == written[1]
    assert "not named like videos" not in capsys.readouterr().out


def test_lists_may_lead_out_of_the_folder(prepare, tmp_path):
    arguments = layouts.make_mmaction2(tmp_path)
    (tmp_path / "videos" / "train" / "wave").rename(tmp_path / "wave")
    text = (tmp_path / "train.txt").read_text()
    (tmp_path / "train.txt").write_text(text.replace("train/wave", "../wave"))
    rows, _ = prepare(arguments)
    assert sum(row["id"].startswith("../wave/clip ") for row in rows) == 4
    assert not any(".." in row["path"] for row in rows)


def test_paths_are_relative_beneath_the_manifest_and_else_absolute(tmp_path, capsys):
    arguments = layouts.make_folder(tmp_path / "data")
    for out, start in (
        (tmp_path / "data", "videos/"),
        (tmp_path / "dat", str(tmp_path / "data" / "videos")),
    ):
        assert cli.call("prepare", [*arguments, "--out", os.path.relpath(out)]) == 0
        with open(out / "manifest.csv", newline="") as file:
            assert all(row["path"].startswith(start) for row in csv.DictReader(file))
        read_manifest(out / "manifest.csv")


def test_next_command_names_what_the_config_does_not_know(prepare, tmp_path, monkeypatch, capsys):
    _, printed = prepare(layouts.make_hmdb51(tmp_path))
    words = shlex.split(printed.splitlines()[-1])
    assert words[1:5] == ["albar", "train", "--config", "hmdb51"]
    manifest = tmp_path / "out" / "manifest.csv"
    assert words[5:] == [
        f"--config.data.manifest={manifest}",
        "--config.model.num_classes=3",
        "--workdir",
        "runs/hmdb51/albar",
    ]
    monkeypatch.chdir(tmp_path)
    assert cli.call("prepare", layouts.make_folder(tmp_path)) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "next: albar train --config custom --workdir runs/custom/albar"
    assert (tmp_path / "data" / "custom" / "manifest.csv").exists()


def test_records_have_the_same_rows(prepare, tmp_path):
    arguments = layouts.make_mmaction2(tmp_path)
    rows, _ = prepare(arguments)
    packed, _ = prepare([*arguments, "--format", "array_record"])
    assert [row | {"path": ""} for row in packed] == [row | {"path": ""} for row in rows]
    assert all("#" in row["path"] for row in packed)
    assert np.array_equal(
        [num_frames(path) for path in read_manifest(tmp_path / "out" / "manifest.csv").paths],
        [num_frames(row["path"]) for row in rows],
    )


def test_a_split_or_a_class_that_has_no_video_is_noted(prepare, tmp_path):
    arguments = layouts.make_kinetics400(tmp_path / "k400")
    # One folder too deep.
    arguments[arguments.index("--videos") + 1] += "/train"
    _, printed = prepare(arguments)
    assert "note: no video of the split val exists" in printed
    lists = layouts.make_mmaction2(tmp_path / "lists")
    (tmp_path / "lists" / "classes.txt").write_text("run\njump high\nwave\nswim\n")
    shutil.rmtree(tmp_path / "out")
    _, printed = prepare(lists)
    assert "note: 4 classes are named, and 3 of them have videos" in printed
