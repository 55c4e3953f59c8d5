"""Claims about the one reader of tables: it refuses rows that do not fit.

It returns what was written.
"""

import pytest

from albar_jax import cli
from albar_jax.data.manifest import read_manifest
from albar_jax.data.prepare.waterbirds import read_metadata
from albar_jax.data.scenes import read_scenes
from albar_jax.data.stills import read_stills
from albar_jax.errors import UserError
from albar_jax.evaluation.analyses.mistakes import read_foregrounds
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.masks import boxes
from albar_jax.storage.csv_files import is_missing, read_table, whole, write_table
from albar_jax.synthesis.clip_list import read_scuba


def _prepare(*flags):
    def read(path):
        videos = path.parent / "videos"
        videos.mkdir(exist_ok=True)
        status = cli.call(
            "prepare",
            [
                *flags,
                "--videos",
                str(videos),
                "--splits",
                str(path.parent),
                "--out",
                str(path.parent / "o"),
            ],
        )
        raise UserError(f"status {status}")

    return read


READERS = {
    "manifest": (read_manifest, "path,label,split", "a.mp4,run,train"),
    "manifest of a task": (
        lambda path: read_manifest(path, classes=["run"]),
        "path,label,id",
        "a.mp4,run,a",
    ),
    "clips to make SCUFO of": (
        lambda path: read_scuba(path, ".jpg"),
        "path,label,source",
        "a.zip,run,a.mp4",
    ),
    "foregrounds": (
        lambda path: read_foregrounds(path, ["run"]),
        "path,label,id,donor_label",
        "a.zip,run,a,run",
    ),
    "predictions": (read_predictions, "id,label,pred", "a,0,0"),
    "probabilities": (read_predictions, "id,label,prob_0,prob_1", "a,0,0.5,0.5"),
    "stills": (lambda path: read_stills(str(path), ["a"]), "path,frame,id", "a.mp4,0,a"),
    "scenes": (lambda path: read_scenes(str(path), ["a"]), "id,prob_0,prob_1", "a,0.5,0.5"),
    "boxes": (lambda path: boxes.make(str(path), None), "video,frame,x1,y1,x2,y2", "a,0,1,1,2,2"),
    "metadata": (
        read_metadata,
        "img_id,img_filename,y,split,place,place_filename",
        "1,a.jpg,0,0,0,b.jpg",
    ),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("extra", [1, -1])
def test_a_row_of_another_length_is_refused_wherever_a_table_is_read(tmp_path, name, extra):
    read, header, row = READERS[name]
    path = tmp_path / "table.csv"
    fields = row.split(",")
    wrong = ",".join([*fields, "x"] if extra > 0 else fields[:-1])
    path.write_text(f"{header}\n{row}\n\n{wrong}\n")
    count = len(fields)

    with pytest.raises(
        UserError,
        match=f"line 4 of .*table.csv has {count + extra} fields?, but the header has {count};",
    ):
        read(path)


@pytest.mark.parametrize(
    ("flags", "file", "header", "row"),
    [
        (
            "kinetics400",
            "train.csv",
            "label,youtube_id,time_start,time_end,split",
            "run,abc,0,10,train",
        ),
        ("albar", "hmdb51_train_labels.csv", "class,filename,label", "run,a.avi,0"),
    ],
)
def test_published_lists_with_a_comma_too_many_are_refused(
    tmp_path, capsys, flags, file, header, row
):
    (tmp_path / "videos").mkdir()
    (tmp_path / file).write_text(f"{header}\n{row}\n{row},x\n")
    folders = [
        "--videos",
        str(tmp_path / "videos"),
        "--splits",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
    ]
    assert cli.call("prepare", [flags, *folders]) == 2
    count = len(row.split(","))
    assert (
        f"line 3 of {tmp_path / file} has {count + 1} fields, but the header has {count};"
        in capsys.readouterr().err
    )


def test_an_unquoted_comma_moves_no_video_to_another_split(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,label,split\na.mp4,pick, up,train\n")
    with pytest.raises(
        UserError, match="line 2 of .*has 4 fields, but the header has 3; put .* in double quotes"
    ):
        read_manifest(tmp_path / "manifest.csv")


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('a,b\n\n"two\nlines",1\n  \n2\n')

    with pytest.raises(UserError, match="line 6 of "):
        read_table(path)

    path.write_text('a,b\n\n"two\nlines",1\n  \n2,3\n')
    table = read_table(path)
    assert (table.lines, table.column("b"), table.where(1)) == (
        [3, 6],
        ["1", "3"],
        f"line 6 of {path}",
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a,b\n1,2\n", "must name the columns a,c; it lacks c"),
        (b"", "it lacks a and c"),
        (b"a,c,a\n1,2,3\n", "names the column a twice"),
        (b'a,c\n1,"2\n', "line 2 of .* is not CSV"),
        (b'a,c\n1,"2"3\n', "line 2 of .* is not CSV"),
        (b"a,c\n\xe4,2\n", "is not a text file in UTF-8"),
        ("a,c\n1,2\n".encode("utf-16"), "is not a text file in UTF-8"),
    ],
)
def test_a_file_that_is_no_such_table_is_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "table.csv"
    path.write_bytes(content)

    with pytest.raises(UserError, match=sentence) as caught:
        read_table(path, ("a", "c"))

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tables_of_spreadsheets_are_read(tmp_path):
    path = tmp_path / "table.csv"
    # A byte order mark, pandas' index, and blanks.
    path.write_bytes(b"\xef\xbb\xbf,a , b\r\n0, x ,1\r\n1,y,2\r\n")
    table = read_table(path, ("a", "b"))
    assert table.rows == [{"a": "x", "b": "1"}, {"a": "y", "b": "2"}]
    assert table.column("none") == ["", ""]


ODD = [
    "",
    " a ",
    "a,b",
    '"',
    'a "b"',
    "a\nb",
    "a\rb",
    "a\r\nb",
    "\u2028",
    "\x85\x0b\x0c\x1c",
    "a\tb",
    "é",
    "\ufeff",
    "#2",
    "\0",
]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_every_text_comes_back_as_it_was_written(tmp_path, delimiter):
    path = tmp_path / "table"
    write_table(
        path, ["x", "y"], [[text, other] for text in ODD for other in ODD[:9]], delimiter=delimiter
    )
    table = read_table(path, strip=False, delimiter=delimiter)
    assert table.column("x") == [text for text in ODD for _ in ODD[:9]]
    assert table.column("y") == ODD[:9] * len(ODD)


def test_text_that_is_not_utf8_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(
        UserError, match=r"'caf\\udce9' cannot be written to .*table.csv: it is not UTF-8"
    ):
        write_table(tmp_path / "table.csv", ["a"], [["caf\udce9"]])

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[
            (text, 3)
            for text in ("3", "3.0", "3.", "3.000", " 3 ", "+3", "03", "3e0", "0.3e1", "30e-1")
        ],
        *[
            ("1e1", 10),
            ("1E+01", 10),
            ("0.0", 0),
            ("-1", -1),
            ("-1.0", -1),
            ("20240131.0", 20240131),
        ],
        *[
            (text, None)
            for text in (
                "",
                "nan",
                "inf",
                "3.5",
                "1_0",
                "３",
                "0x3",
                "3 4",
                "e1",
                ".",
                "1e999",
                "three",
            )
        ],
    ],
)
def test_a_whole_number_may_be_spelt_as_a_float(text, number):
    assert whole(text) == number


def test_pandas_marks_of_missing_values_are_known():
    assert all(map(is_missing, ("", " ", "nan", "NaN", "<NA>")))
    assert not any(map(is_missing, ("0", "none", "naan", "n/a")))
