"""Claim: a mistake gives one sentence that says what is wrong, where, and how to fix it."""

import os
import re
import shutil

import layouts
import pytest
from layouts import edit

from albar_jax import cli


@pytest.fixture
def fail(tmp_path, capsys):
    """Prepares and returns the error message; nothing is written."""

    def run(arguments) -> str:
        assert cli.call("prepare", [*arguments, "--out", str(tmp_path / "out")]) == 2
        assert not (tmp_path / "out" / "manifest.csv").exists()
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("error: ")
        assert printed.err.count("\n") == 1, printed.err
        return printed.err

    return run


def replaced(arguments, flag, value) -> list[str]:
    place = arguments.index(flag) + 1
    return [*arguments[:place], str(value), *arguments[place + 1 :]]


MAKERS = {
    "hmdb51": layouts.make_hmdb51,
    "ucf101": layouts.make_ucf101,
    "aras": layouts.make_aras,
    "mmaction2": layouts.make_mmaction2,
    "albar": layouts.make_albar,
    "kinetics400": layouts.make_kinetics400,
}


@pytest.mark.parametrize("name", ["hmdb51", "ucf101", "aras", "mmaction2", "albar"])
def test_missing_videos_are_counted_named_and_may_be_skipped(fail, tmp_path, capsys, name):
    arguments = MAKERS[name](tmp_path)
    videos = sorted(
        path
        for path in tmp_path.rglob("*")
        if path.suffix in (".avi", ".mp4") and "Unused" not in path.name
    )
    for video in videos[:2]:
        video.unlink()
    sentence = fail(arguments)
    lost = {"aras": 4}.get(name, 2)
    assert f"{lost} of " in sentence
    assert (
        f"{videos[0].parent.name}/{videos[0].name} first" in sentence
        or f"{videos[1].name} first" in sentence
    )
    assert "--skip-missing" in sentence
    assert cli.call("prepare", [*arguments, "--skip-missing", "--out", str(tmp_path / "out")]) == 0
    assert f"{lost} of " in capsys.readouterr().out
    missing = next((tmp_path / "out").glob("*missing.tsv"))
    assert len(missing.read_text().splitlines()) == lost + 1


@pytest.mark.parametrize("name", ["hmdb51", "ucf101", "mmaction2"])
def test_folder_above_or_below_the_right_one_is_recognised(fail, tmp_path, name):
    arguments = MAKERS[name](tmp_path / "download" / "set")
    right = arguments[arguments.index("--videos") + 1]
    inside = next(
        entry.path
        for entry in sorted(os.scandir(right), key=lambda entry: entry.name)
        if entry.is_dir()
    )
    for wrong in (tmp_path / "download", tmp_path / "download" / "set", inside):
        sentence = fail(replaced(arguments, "--videos", wrong))
        assert f"is under --videos {wrong}" in sentence
        assert f"did you mean {right}?" in sentence


@pytest.mark.parametrize("name", ["hmdb51", "ucf101"])
def test_folder_of_lists_is_recognised(fail, tmp_path, name):
    arguments = MAKERS[name](tmp_path / "a" / "b")
    right = arguments[arguments.index("--splits") + 1]
    assert f"did you mean {right}?" in fail(replaced(arguments, "--splits", tmp_path / "a"))
    videos = arguments[arguments.index("--videos") + 1]
    assert f"did you mean {right}?" in fail(replaced(arguments, "--splits", videos))
    assert f"did you mean {videos}?" in fail(replaced(arguments, "--videos", right))
    sentence = fail(replaced(arguments, "--splits", next(os.scandir(videos)).path))
    assert "holds no " in sentence
    assert os.path.basename(right) in sentence


def test_archives_and_missing_folders_of_videos_are_reported(fail, tmp_path):
    arguments = layouts.make_hmdb51(tmp_path / "a" / "b")
    (tmp_path / "empty").mkdir()
    assert "it holds nothing" in fail(replaced(arguments, "--videos", tmp_path / "empty"))
    (tmp_path / "empty" / "brush_hair.rar").touch()
    assert "archives, brush_hair.rar first, which must be unpacked" in fail(
        replaced(arguments, "--videos", tmp_path / "empty")
    )
    assert "nowhere does not exist" in fail(replaced(arguments, "--videos", tmp_path / "nowhere"))
    assert "brush_hair.rar is not a folder" in fail(
        replaced(arguments, "--videos", tmp_path / "empty" / "brush_hair.rar")
    )


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "sentence"),
    [
        (
            "hmdb51",
            "testTrainMulti_7030_splits/clap_test_split1.txt",
            "avi 1",
            "avi 3",
            "line 1 of .* is '.*avi 3'",
        ),
        (
            "ucf101",
            "ucfTrainTestlist/trainlist01.txt",
            "avi 2",
            "avi 3",
            "gives Hammering the label 3, and classInd",
        ),
        (
            "ucf101",
            "ucfTrainTestlist/testlist01.txt",
            "Hammering/",
            "Hammerin/",
            "class 'Hammerin', which .*classInd",
        ),
        (
            "ucf101",
            "ucfTrainTestlist/classInd.txt",
            "2 Hammering",
            "2 HammerThrow",
            "the class 'HammerThrow' twice",
        ),
        (
            "kinetics400",
            "annotations/train.csv",
            ",10,20,",
            ",ten,20,",
            "line 3 of .* has no times",
        ),
        (
            "kinetics400",
            "annotations/train.csv",
            ",10,20,",
            ",inf,20,",
            "line 3 of .* has no times",
        ),
        (
            "kinetics400",
            "annotations/train.csv",
            "air drumming",
            '"air drumming',
            "line .* of .*train.csv is not CSV",
        ),
        (
            "kinetics400",
            "annotations/train.csv",
            "10,train",
            "10,trian",
            "line 2 of .* has the split 'trian'",
        ),
        (
            "aras",
            "annotations/aras_test_balance.txt",
            "mp4 1",
            "mp4 2",
            "has the label 2, which is 'petting animal",
        ),
        (
            "aras",
            "annotations/aras_test_balance.txt",
            "mp4 1",
            "mp4 9",
            "label 9, but the 3 classes are",
        ),
        (
            "aras",
            "annotations/aras_test_balance.txt",
            "aras_clips/air_drumming/00id-_000_0.mp4 0",
            "5",
            "line 1 .* is '5'",
        ),
        (
            "mmaction2",
            "train.txt",
            "mp4 2",
            "mp4 20000000",
            "the label 20000000, but the 3 classes are",
        ),
        (
            "mmaction2",
            "train.txt",
            "mp4 2",
            "mp4 3",
            "line 9 of .*train.txt has the label 3, but the 3 classes",
        ),
        (
            "mmaction2",
            "train.txt",
            "mp4 2",
            "mp4 wave",
            "has the label 'wave', which is not a class number",
        ),
        (
            "mmaction2",
            "train.txt",
            "mp4 2",
            "mp4 1 2",
            "line 9 of .* gives a video two labels, 1 and 2",
        ),
        ("mmaction2", "classes.txt", "wave", "run", "the class 'run' twice"),
        (
            "albar",
            "hmdb51_train_labels.csv",
            "0.avi,1",
            "0.avi,0",
            "label 0 to 'clap', but it belongs to .*'brush_hair'",
        ),
        (
            "albar",
            "hmdb51_test_labels.csv",
            "clap,",
            '"clap,',
            "line .* of .*test_labels.csv is not CSV",
        ),
        (
            "albar",
            "hmdb51_train_labels.csv",
            "class,",
            "klass,",
            "lacks one of the columns class, filename, label",
        ),
    ],
)
def test_lists_that_disagree_are_refused(fail, tmp_path, name, file, old, new, sentence):
    arguments = MAKERS[name](tmp_path)
    edit(tmp_path / file, old, new)
    message = fail(arguments)
    assert re.search(sentence, message), message


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("kinetics400", "annotations/train.csv"),
        ("albar", "hmdb51_test_labels.csv"),
        ("aras", "annotations/aras_test_balance.txt"),
    ],
)
def test_lists_that_are_in_another_encoding_or_empty_are_refused(fail, tmp_path, name, file):
    arguments = MAKERS[name](tmp_path)
    data = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(data.replace(b"a", b"\xe4"))
    # The names of the columns identify its lists.
    if name == "kinetics400":
        (tmp_path / file).write_bytes(data.replace(b"air", b"\xe4ir"))
    assert f"cannot read {tmp_path / file}: it is not a text file in UTF-8" in fail(arguments)
    if name == "aras":
        (tmp_path / file).write_bytes(b"")
        assert "the lists name no videos" in fail(arguments)


def test_kinetics400_without_any_of_its_videos(fail, tmp_path):
    arguments = layouts.make_kinetics400(tmp_path)
    (tmp_path / "other").mkdir()
    assert "is among the 0 videos under --videos" in fail(
        replaced(arguments, "--videos", tmp_path / "other")
    )
    layouts.write_h264(tmp_path / "other" / "x.mp4", 0, 0)
    assert (
        "none of the 24 clips, -000_trai00_000000_000010.mp4 first, is among the 1 videos"
        in fail(replaced(arguments, "--videos", tmp_path / "other"))
    )
    assert "no CSV file with the columns label,youtube_id" in fail(
        replaced(arguments, "--splits", tmp_path / "other")
    )
    (tmp_path / "other" / "test.csv").write_text("youtube_id,time_start,time_end\na,0,10\n")
    assert "have no labels" in fail(replaced(arguments, "--splits", tmp_path / "other"))


def test_aras_of_other_classes_than_its_kinetics400(fail, tmp_path):
    (tmp_path / "out").mkdir()
    layouts.write_lines(tmp_path / "out" / "classes.txt", ["air drumming", "abseiling", "zumba"])
    assert "'abseiling' is \"massaging person's head\" here" in fail(layouts.make_aras(tmp_path))
    layouts.write_lines(tmp_path / "out" / "classes.txt", ["air drumming"])
    assert "1 are 3 here" in fail(layouts.make_aras(tmp_path / "again"))


def test_mmaction2_needs_a_list_that_can_be_read(fail, tmp_path):
    arguments = layouts.make_mmaction2(tmp_path)
    assert "give --train, --val or --test" in fail(arguments[:3])
    assert "cannot read nowhere.txt: No such file" in fail(
        replaced(arguments, "--val", "nowhere.txt")
    )
    (tmp_path / "val.txt").write_bytes(b"\xff\xfe\x00")
    assert "not a text file in UTF-8" in fail(arguments)
    (tmp_path / "val.txt").write_text("\n")
    assert "val.txt lists no videos" in fail(arguments)
    (tmp_path / "val.txt").write_text("a.mp4\n")
    assert "line 1 of " in fail(arguments)


def test_lists_of_the_released_code_are_recognised(fail, tmp_path):
    arguments = layouts.make_albar_kinetics400(tmp_path)
    edit(tmp_path / "annotation_val_fullpath_resizedvids.txt", "mp4 1", "mp4 0")
    assert "these lists count from 1" in fail(arguments)
    (tmp_path / "annotation_val_fullpath_resizedvids.txt").write_text("5\n")
    assert "is '5', not a path and a label" in fail(arguments)
    assert "holds none of hmdb51_train_labels.csv" in fail(
        replaced(arguments, "--splits", tmp_path / "kinetics")
    )


def test_folder_of_other_files_is_refused(fail, tmp_path):
    arguments = layouts.make_folder(tmp_path / "a")
    videos = tmp_path / "a" / "videos"
    assert f"only one class folder, videos; did you mean {videos}?" in fail(
        replaced(arguments, "--videos", tmp_path / "a")
    )
    assert "no class folders" in fail(
        replaced(arguments, "--videos", videos / "jump" / "train_frames")
    )
    assert "--test-fraction is 1.5" in fail([*arguments, "--test-fraction", "1.5"])
    shutil.rmtree(videos)
    layouts.make_folder(tmp_path / "a", splits=True)
    (videos / "extra").mkdir()
    assert "holds train and test, but also extra" in fail(arguments)
    (videos / "extra").rename(videos / "test" / "climb")
    layouts.write_h264(videos / "test" / "climb" / "x.mp4", 0, 0)
    assert "the class 'climb' of " in fail(arguments)


def test_a_deadline_of_no_seconds_is_refused(fail, tmp_path):
    assert "--deadline is -1; give more" in fail(
        [*layouts.make_mmaction2(tmp_path), "--check", "--deadline", "-1"]
    )


def test_folder_that_cannot_be_written_is_refused(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert (
        cli.call(
            "prepare", [*layouts.make_folder(tmp_path), "--out", str(tmp_path / "file" / "out")]
        )
        == 2
    )
    assert "cannot be created: Not a directory" in capsys.readouterr().err


def test_name_that_no_manifest_can_hold_is_refused(fail, tmp_path):
    arguments = layouts.make_folder(tmp_path)
    layouts.write_h264(tmp_path / "x.mp4", 0, 0)
    os.rename(
        os.fsencode(tmp_path / "x.mp4"), os.fsencode(tmp_path / "videos" / "wave") + b"/caf\xe9.mp4"
    )
    assert "caf\\udce9.mp4' is not in UTF-8; rename the file" in fail(arguments)


def test_the_manifest_of_another_data_set_is_not_overwritten(tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.call("prepare", [*layouts.make_hmdb51(tmp_path / "hmdb51"), "--out", str(out)]) == 0
    before = (out / "manifest.csv").read_bytes()
    assert cli.call("prepare", [*layouts.make_folder(tmp_path / "own"), "--out", str(out)]) == 2
    assert (
        "already exists and lists other videos: it has the class 'brush_hair'"
        in capsys.readouterr().err
    )
    assert (out / "manifest.csv").read_bytes() == before


def test_an_hmdb51_class_without_its_list_is_named(tmp_path, capsys):
    arguments = layouts.make_hmdb51(tmp_path)
    (tmp_path / "testTrainMulti_7030_splits" / "clap_test_split1.txt").unlink()
    assert cli.call("prepare", [*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "clap holds videos, but" in capsys.readouterr().err


def test_out_that_is_a_file_is_reported_first(tmp_path, capsys):
    (tmp_path / "out").touch()
    assert (
        cli.call("prepare", [*layouts.make_folder(tmp_path), "--out", str(tmp_path / "out")]) == 2
    )
    assert f"--out {tmp_path / 'out'} cannot be created" in capsys.readouterr().err
