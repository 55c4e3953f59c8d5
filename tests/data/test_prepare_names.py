"""Claim: names that prepare writes are read back unchanged; others are refused by name."""

import csv
import os
import shutil

import layouts
import pytest

from albar_jax import cli
from albar_jax.data.manifest import read_manifest
from albar_jax.data.prepare.groups import source_of
from albar_jax.data.validation_share import hold_out
from albar_jax.storage.csv_files import read_table


@pytest.fixture
def prepare(tmp_path, capsys):
    """Makes empty files and prepares their folder.

    Returns the manifest, or the error message.
    """

    def run(*files, flags=()):
        for file in files:
            path = tmp_path / "videos" / os.fsdecode(file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        out = tmp_path / "out"
        status = cli.call(
            "prepare", ["folder", "--videos", str(tmp_path / "videos"), "--out", str(out), *flags]
        )
        printed = capsys.readouterr()
        if status == 0:
            return read_manifest(out / "manifest.csv")
        assert (status, printed.err.count("\n"), printed.err[:7]) == (2, 1, "error: ")
        assert not (out / "manifest.csv").exists()
        return printed.err

    return run


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (
            ["run/a.mp4", "run/b.mp4", "run /c.mp4", "run /d.mp4"],
            "the class 'run ' has a blank at an end",
        ),
        (
            ["ru\nn/a.mp4", "ru\nn/b.mp4", "jump/a.mp4"],
            "the class 'ru\\nn' has the control character U+000A",
        ),
        (
            ["ru\u2028n/a.mp4", "ru\u2028n/b.mp4", "jump/a.mp4"],
            "the class 'ru\\u2028n' has the control character",
        ),
        (
            ["\ufeffrun/a.mp4", "jump/a.mp4"],
            "the class '\\ufeffrun' has the control character U+FEFF",
        ),
        (
            ["run/a.mp4", "run/b\r.mp4", "jump/a.mp4"],
            "run/b\\r.mp4' has the control character U+000D; rename the file",
        ),
        (
            ["run/a.mp4", "run/b\t.mp4", "jump/a.mp4"],
            "run/b\\t.mp4' has the control character U+0009",
        ),
        (
            ["run/a.mp4", "run/b\x85.mp4", "jump/a.mp4"],
            "run/b\\x85.mp4' has the control character U+0085",
        ),
        (["run/a.mp4", "run/b /1.jpg", "jump/a.mp4"], "run/b ' has a blank at an end"),
        ([b"run/a.mp4", b"run/caf\xe9.mp4", b"jump/a.mp4"], "caf\\udce9.mp4' is not in UTF-8"),
        ([b"run/a.mp4", b"caf\xe9/a.mp4"], "the class 'caf\\udce9' is not in UTF-8"),
    ],
)
@pytest.mark.parametrize("flags", [(), ("--check",)])
def test_a_name_that_would_not_come_back_is_refused_before_work(
    prepare, tmp_path, files, sentence, flags
):
    assert sentence in prepare(*files, flags=flags)
    assert not list((tmp_path / "out").glob("*check*"))


@pytest.mark.parametrize(
    ("classes", "files"),
    [
        (
            ("jump", "run, fast"),
            ("a, b.mp4", 'say "hi".mp4', "#1.mp4", "é.mp4", "e\u0301.mp4", "a  b.mp4", "-x.mp4"),
        ),
        (("1", "10", "2"), ("a.mp4", "b.mp4")),
        (("01", "1", "1.0", "1e0"), ("1.mp4", "2.0.mp4")),
        (("1 run", "2 jump"), ("a.mp4",)),
        (("run 1", "run 2"), ("a.mp4", "b.mp4")),
        (('"run"', "name"), ("a.mp4", "b.mp4")),
        (("nan", "none", "null"), ("nan.mp4", "b.mp4")),
        (("[run]", "{jump}"), ("a.mp4", "b.mp4")),
    ],
)
def test_names_that_look_like_something_else_come_back(prepare, tmp_path, classes, files):
    manifest = prepare(*(f"{name}/{file}" for name in classes for file in files))
    assert manifest.classes == tuple(sorted(classes))
    # A composed letter and its two parts are the same name for a manifest. So the second video gets
    # another id.
    stems = [os.path.splitext(file)[0].replace("e\u0301", "é#2") for file in files]
    assert {*manifest.ids} == {f"{name}/{stem}" for name in classes for stem in stems}
    for path, label, clip in zip(manifest.paths, manifest.labels, manifest.ids, strict=True):
        assert os.path.isfile(path)
        assert clip.split("/")[0] == manifest.classes[label] == path.split("/")[-2]


def test_a_repeat_takes_no_id_that_a_video_has_already(prepare):
    manifest = prepare(
        "run/a.mp4", "run/a.avi", "run/a .mp4", "run/a#2.mp4", "jump/a.mp4", "jump/b.mp4"
    )
    id_of = {
        path.split("videos/")[1]: clip
        for path, clip in zip(manifest.paths, manifest.ids, strict=True)
    }
    assert id_of["run/a#2.mp4"] == "run/a#2"
    assert {id_of["run/a.mp4"], id_of["run/a.avi"], id_of["run/a .mp4"]} == {
        "run/a",
        "run/a#3",
        "run/a#4",
    }


def test_the_table_of_checked_videos_gives_their_names_back(prepare, tmp_path):
    names = ['say "hi"', "a, b", '"x', "é", "b'"]
    for number, name in enumerate(names):
        layouts.write_h264(tmp_path / "videos" / "run" / f"{name}.mp4", 0, number)
    layouts.write_h264(tmp_path / "videos" / "jump" / "a.mp4", 1, 0)
    prepare('run/bad, "one".mp4', flags=("--check", "--jobs", "1"))
    table = read_table(tmp_path / "out" / "check.tsv", delimiter="\t", strip=False)
    listed = {path.split("run/")[1] for path in table.column("path") if "/run/" in path}
    assert listed == {*(f"{name}.mp4" for name in names), 'bad, "one".mp4'}


def test_a_video_with_two_labels_in_a_split_is_refused(tmp_path, capsys):
    arguments = layouts.make_mmaction2(tmp_path)
    with open(tmp_path / "train.txt", "a") as file:
        file.write("train/run/../run/clip 0.mp4 2\n")
    assert cli.call("prepare", [*arguments, "--out", str(tmp_path / "out")]) == 2
    assert (
        "clip 0.mp4 has the labels run and wave in the split train; keep one"
        in capsys.readouterr().err
    )
    shutil.copytree(tmp_path / "videos" / "train", tmp_path / "own")
    (tmp_path / "own" / "wave" / "same.mp4").symlink_to(tmp_path / "own" / "run" / "clip 1.mp4")
    assert (
        cli.call(
            "prepare", ["folder", "--videos", str(tmp_path / "own"), "--out", str(tmp_path / "out")]
        )
        == 2
    )
    assert "same.mp4 has the labels run and wave" in capsys.readouterr().err


def test_a_picture_that_metadata_lists_twice_is_refused(tmp_path, capsys):
    lines = [
        "img_id,img_filename,y,split,place,place_filename",
        "1,a/b.jpg,0.0,0.0,1,x.jpg",
        "2,a/b.jpg,1,0,1,x.jpg",
    ]
    layouts.write_lines(tmp_path / "metadata.csv", lines)
    assert (
        cli.call(
            "prepare", ["waterbirds", "--videos", str(tmp_path), "--out", str(tmp_path / "out")]
        )
        == 2
    )
    assert "line 3 of " in (sentence := capsys.readouterr().err)
    assert "lists a/b.jpg a second time" in sentence


def test_clips_of_kinetics_with_two_labels_are_counted(tmp_path, capsys):
    arguments = layouts.make_kinetics400(tmp_path)
    with open(tmp_path / "annotations" / "validate.csv") as file:
        row = list(csv.reader(file))[1]
    with open(tmp_path / "annotations" / "validate.csv", "a") as file:
        file.write(",".join(["petting animal (not cat)", *row[1:]]) + "\n")
    assert cli.call("prepare", [*arguments, "--out", str(tmp_path / "out")]) == 0
    assert f"1 of them have another label than the first, {row[1]}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["train.txt", "test.txt"])
def test_lists_may_have_floats(tmp_path, name):
    arguments = layouts.make_mmaction2(tmp_path, frames="folder")
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(
        "".join(f"{line}.0\n" for line in text.replace(" 10 ", " 10.0 ").splitlines())
    )
    assert cli.call("prepare", [*arguments, "--out", str(tmp_path / "out")]) == 0
    assert len(read_manifest(tmp_path / "out" / "manifest.csv")) == 24


def test_a_list_of_classes_that_counts_from_one_is_obeyed_or_refused(tmp_path, capsys):
    arguments = layouts.make_mmaction2(tmp_path)
    layouts.write_lines(tmp_path / "classes.txt", ["2 jump high", "3 wave", "1 run"])
    assert cli.call("prepare", [*arguments, "--out", str(tmp_path / "out")]) == 0
    assert read_manifest(tmp_path / "out" / "manifest.csv").classes == ("run", "jump high", "wave")
    layouts.write_lines(tmp_path / "classes.txt", ["0 jump high", "2 wave", "1 run"])
    assert cli.call("prepare", [*arguments, "--out", str(tmp_path / "other")]) == 0
    assert read_manifest(tmp_path / "other" / "manifest.csv").classes == (
        "jump high",
        "run",
        "wave",
    )
    for name in ("train", "val", "test"):
        text = (
            (tmp_path / f"{name}.txt")
            .read_text()
            .replace("mp4 1", "mp4 3")
            .replace("mp4 0", "mp4 1")
        )
        (tmp_path / f"{name}.txt").write_text(text.replace("mp4 3", "mp4 2"))
    layouts.write_lines(tmp_path / "classes.txt", ["2 jump high", "3 wave", "1 run"])
    assert cli.call("prepare", [*arguments, "--out", str(tmp_path / "third")]) == 2
    assert (
        "numbers its classes from 1, and the lists, which count from 0, have no label 0"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("path", "label", "source"),
    [
        ("Hammering/v_Hammering_g08_c01.avi", "Hammering", "Hammering_g08"),
        ("x/v_HandStandPushups_g25_c07.mp4.zip", "", "HandStandPushups_g25"),
        ("clap/April_09,_10_clap_u_nm_np1_ba_goo_0.avi", "clap", "April_09,_10"),
        ("#20_Rhythm_clap_u_nm_np1_fr_goo_0", "0", "#20_Rhythm"),
        ("climb/Film_climb_stairs_f_cm_np1_ba_bad_12.avi", "climb", "Film"),
        ("Two_Towers_sword_exercise_h_cm_np2_ri_med_4.avi", "sword_exercise", "Two_Towers"),
        ("Film_Brush_Hair_u_nm_np1_ba_goo_0.avi", "brush_hair", "Film"),
        ("Film_somersaulting_u_nm_np1_ba_goo_0.avi", "x", "Film_somersaulting"),
        ("train/zumba/-7kbO0v4hag_000107_000117.mp4", "zumba", "-7kbO0v4hag"),
        ("a_000107_000117.mp4", "zumba", ""),
        ("v_g01.avi", "run", ""),
        ("run/clip 1.mp4", "run", ""),
    ],
)
def test_the_source_of_a_clip_is_derived_from_its_name(path, label, source):
    assert source_of(path, label) == source


@pytest.mark.parametrize(
    "make", [layouts.make_hmdb51, layouts.make_ucf101, layouts.make_kinetics400]
)
def test_published_data_sets_get_the_column_group(tmp_path, make):
    assert cli.call("prepare", [*make(tmp_path), "--out", str(tmp_path / "out")]) == 0
    manifest = read_manifest(tmp_path / "out" / "manifest.csv", split="train")
    assert all(manifest.groups)
    # The same films occur in all classes.
    if make is layouts.make_hmdb51:
        train, validation = hold_out(manifest, 0.25, seed=0)
        assert not {*train.groups} & {*validation.groups}
        assert (len({*validation.groups}), len(validation)) == (1, 3)


def test_other_videos_get_no_column_group(prepare, tmp_path):
    assert prepare("run/a.mp4", "run/b.mp4", "jump/c.mp4", "jump/d.mp4").groups == ()
    assert (tmp_path / "out" / "manifest.csv").read_text().startswith("path,label,split,id\n")


def test_the_test_split_of_a_folder_is_drawn_by_sources(prepare, tmp_path):
    names = [f"run/v_run_g{group:02}_c{clip:02}.avi" for group in range(4) for clip in range(5)]
    names += [f"jump/v_jump_g{group:02}_c{clip:02}.avi" for group in range(4) for clip in range(5)]
    prepare(*names)
    table = read_table(tmp_path / "out" / "manifest.csv")
    splits: dict[str, set[str]] = {}
    for row in table.rows:
        splits.setdefault(row["group"], set()).add(row["split"])
    assert len(splits) == 8
    assert all(len(listed) == 1 for listed in splits.values())
    assert table.column("split").count("test") == 10


def test_a_link_loop_among_the_videos_causes_no_traceback(tmp_path, prepare):
    (tmp_path / "videos" / "run").mkdir(parents=True)
    (tmp_path / "videos" / "run" / "loop").symlink_to("loop")
    (tmp_path / "videos" / "round").symlink_to("round")
    manifest = prepare("run/a.mp4", "run/b.mp4", "jump/c.mp4", "jump/d.mp4")
    assert len(manifest) == 4
