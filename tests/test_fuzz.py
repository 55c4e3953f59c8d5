"""Claims about fuzzing: it finds planted faults, and its inputs are repeatable.

A short run finds nothing.
"""

import importlib
import json
import random
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from fuzz import chunks, tree
from fuzz.__main__ import main
from fuzz.campaign import run
from fuzz.mutate import mutate
from fuzz.process import Limits, Process
from fuzz.readers import READERS
from fuzz.seeds import films, masks

ROOT = Path(__file__).parents[1]
LIMITS = Limits(seconds=2.0, memory=100 << 20)
# Readers that need no compilation, so that the short run takes seconds.
QUICK = "frame,pictures,masks,class lists,scenes,stills,manifests,notes,lists of data sets"


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT / "tests"))
        with Process(tmp_path_factory.mktemp("fuzz"), "fuzz_faults") as process:
            yield process


@pytest.mark.parametrize("name", sorted(READERS))
def test_each_reader_has_seeds(name, tmp_path):
    READERS[name].seeds(tmp_path)
    assert list(tmp_path.iterdir())


def verdict_of(process, reader: str):
    process.case.mkdir(exist_ok=True)
    (process.case / "note.txt").write_text("a,b\n1,2\n")
    return process.judge(reader, process.case, LIMITS)


@pytest.mark.parametrize("reader", ["read", "refuse", "refuse_video"])
def test_success_and_allowed_errors_are_not_findings(process, reader):
    assert verdict_of(process, reader).fault == ""


@pytest.mark.parametrize(
    ("reader", "fault"),
    [
        ("raise_another_error", "KeyError"),
        ("hide_an_allocation", "memory: an allocation failed"),
        ("fill_the_memory", "memory: more than 100 MiB"),
        ("compute_for_ever", "time"),
        ("crash", "SIGSEGV"),
        ("write_beside", "TrespassError"),
        ("write_natively", "SIGSYS"),
        ("change_natively", "files: changed"),
        ("delete_natively", "SIGSYS"),
        ("connect", "TrespassError"),
        ("connect_natively", "SIGSYS"),
        ("start_a_program", "TrespassError"),
        ("unpickle", "TrespassError"),
        ("import_the_input", "TrespassError"),
    ],
)
def test_each_planted_fault_is_found(process, reader, fault):
    if fault in ("SIGSYS", "memory: more than 100 MiB") and not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells")
    assert verdict_of(process, reader).fault.startswith(fault)


def test_an_input_is_the_same_for_the_same_seed(tmp_path):
    masks.make_rle(tmp_path / "seeds")
    seeds = sorted((tmp_path / "seeds").iterdir())
    contents = []

    for folder in ("one", "two"):
        case = tmp_path / folder / "case"
        case.parent.mkdir()
        tree.make(seeds[0], seeds, case, random.Random("7/masks rle/3"), "masks/**/*")
        contents.append(
            {
                path.relative_to(case): path.read_bytes()
                for path in case.rglob("*")
                if path.is_file()
            }
        )

    assert contents[0] == contents[1]


def test_files_of_chunks_are_written_as_they_were_parsed(tmp_path):
    films.make_named(tmp_path / "films", ["h264.mp4", "mjpeg.avi"])
    files = [path.read_bytes() for path in (tmp_path / "films").iterdir()] + films.encoded("png", 1)
    assert len(files) == 3

    for data in files:
        parsed, build = chunks.parse(data)
        assert build(parsed) == data


def test_many_changed_archives_have_valid_checksums_so_that_their_members_are_read(tmp_path):
    path = tmp_path / "masks.npz"
    np.savez(path, masks=np.zeros((2, 8, 8), bool))
    whole = 0

    for number in range(60):
        changed = tmp_path / "changed.zip"
        changed.write_bytes(mutate(path.read_bytes(), random.Random(number), ()))
        try:
            with zipfile.ZipFile(changed) as archive:
                whole += archive.testzip() is None and archive.read("masks.npy") != b""
        except (
            zipfile.BadZipFile,
            KeyError,
            OSError,
            ValueError,
            NotImplementedError,
            RuntimeError,
            EOFError,
            zlib.error,
        ):
            continue

    assert whole > 12


def test_a_finding_is_kept_with_its_input_and_a_command_that_reads_it_again(
    process, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(str(ROOT / "tests"))
    reader = importlib.import_module("fuzz_faults").READERS["raise_another_error"]
    report = run("raise_another_error", reader, tmp_path, process, 3, inputs=5, seconds=60)
    assert (report.inputs, report.findings.total()) == (5, 5)
    findings = sorted((tmp_path / "findings").iterdir())
    assert [folder.name for folder in findings] == [
        f"raise_another_error-3-{number}" for number in range(3)
    ]
    finding = json.loads((findings[0] / "finding.json").read_text())
    assert finding["command"].endswith(f"-m fuzz --replay {findings[0]}")
    assert "KeyError" in (findings[0] / "detail.txt").read_text()
    assert (findings[0] / "case").is_dir()


def test_the_command_of_a_finding_prints_the_current_result(tmp_path, capsys):
    (tmp_path / "case" / "classes.txt").mkdir(parents=True)
    (tmp_path / "finding.json").write_text('{"reader": "class lists"}')
    assert main(["--replay", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert "outcome: UserError\nfault: none" in capsys.readouterr().out


def test_a_short_run_over_the_readers_finds_nothing(tmp_path, capsys):
    status = main(
        [
            "--minutes",
            "0.5",
            "--seed",
            "15",
            "--inputs",
            "12",
            "--only",
            QUICK,
            "--out",
            str(tmp_path),
        ]
    )
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert "seed 15" in printed
