"""Claim: `--check` leaves out unreadable videos, reports them, and can be resumed."""

import csv
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import layouts
from test_check import strike

from albar_jax import cli
from albar_jax.data import check
from albar_jax.data.prepare import journal

FILM = pathlib.Path(__file__).parent / "fixtures" / "mjpeg.avi"


def table(path: pathlib.Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


def again(paths, folder, **options) -> dict[str, check.Verdict]:
    return journal.check_again(
        [str(path) for path in paths], folder / "journal", **{"jobs": 1, "deadline": 30} | options
    )


def replace_with_junk(path: pathlib.Path) -> None:
    """Overwrites a file without changing its size or its time of change."""
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_bad_videos_are_left_out_counted_and_listed(tmp_path, capsys):
    # Each first clip is listed three times.
    arguments = layouts.make_aras(tmp_path)
    clips = sorted(tmp_path.rglob("*.mp4"))
    clips[0].write_bytes(b"")
    clips[3].write_bytes(clips[3].read_bytes()[:600])
    assert cli.call("prepare", [*arguments, "--out", str(tmp_path), "--check", "--jobs", "2"]) == 0
    printed = capsys.readouterr().out
    assert "unreadable videos are left out: 2, see " in printed
    assert f"{clips[0]}: the file is empty" in printed
    assert "8 videos of 3 classes: test 8" in printed
    checked = {row["path"]: row for row in table(tmp_path / "aras_check.tsv")}
    assert [checked[str(clip.relative_to(tmp_path))]["frames"] for clip in clips] == [
        "0",
        "19",
        "12",
        "0",
        "12",
        "19",
    ]
    assert all(bool(row["reason"]) == (row["frames"] == "0") for row in checked.values())
    assert len({row["id"] for row in table(tmp_path / "aras.csv")}) == 8
    for clip in clips:
        clip.write_bytes(b"junk")
    assert cli.call("prepare", [*arguments, "--out", str(tmp_path), "--check", "--jobs", "2"]) == 2
    assert "none of the 6 videos can be read: " in capsys.readouterr().err


def test_class_keeps_its_number_when_its_last_video_is_bad(tmp_path):
    arguments = layouts.make_mmaction2(tmp_path, frames="zip")
    for clip in (tmp_path / "videos").glob("*/jump high/*"):
        clip.write_bytes(b"junk")
    assert cli.call("prepare", [*arguments, "--out", str(tmp_path), "--check", "--jobs", "1"]) == 0
    assert {row["label"] for row in table(tmp_path / "manifest.csv")} == {"run", "wave"}
    assert (tmp_path / "classes.txt").read_text() == "run\njump high\nwave\n"


def test_only_changed_files_are_read_again(tmp_path):
    films = [tmp_path / f"{number}.avi" for number in range(3)]
    for film in films:
        shutil.copy(FILM, film)
    assert {verdict.frames for verdict in again(films, tmp_path).values()} == {20}
    for film in films:
        replace_with_junk(film)
    os.utime(films[1])
    unchanged = films[2].stat().st_mtime_ns
    films[2].write_bytes(b"shorter")
    os.utime(films[2], ns=(unchanged, unchanged))
    result = again(films, tmp_path)
    assert [result[str(film)].frames for film in films] == [20, 0, 0]
    films[2].unlink()
    assert again(films, tmp_path)[str(films[2])].reason == "No such file or directory"


def test_file_is_known_however_its_path_is_spelled(tmp_path, monkeypatch):
    shutil.copy(FILM, tmp_path / "film.avi")
    again([tmp_path / "film.avi"], tmp_path)
    replace_with_junk(tmp_path / "film.avi")
    monkeypatch.chdir(tmp_path)
    for path in ("film.avi", f"../{tmp_path.name}/film.avi"):
        assert again([path], tmp_path) == {path: check.Verdict(path, 20)}


def test_several_files_are_queried_at_a_time(tmp_path, disk_for_two):
    """Single queries would take hours on a mounted bucket."""
    films = [str(tmp_path / name) for name in ("a.avi", "b.avi")]
    for film in films:
        shutil.copy(FILM, film)
    again(films, tmp_path)
    disk_for_two(films)
    assert [verdict.frames for verdict in again(films, tmp_path).values()] == [20, 20]


def test_bad_file_is_read_again_only_when_it_gets_more_time(tmp_path, hanging):
    assert "longer than 0.5 s" in again([hanging], tmp_path, deadline=0.5)[hanging].reason
    start = time.monotonic()
    assert "longer than 0.5 s" in again([hanging], tmp_path, deadline=0.5)[hanging].reason
    assert time.monotonic() - start < 0.4
    assert "longer than 0.6 s" in again([hanging], tmp_path, deadline=0.6)[hanging].reason


def test_killed_check_resumes(tmp_path, hanging):
    films = [tmp_path / f"{number}.avi" for number in range(4)]
    for film in films:
        shutil.copy(FILM, film)
    paths = [*map(str, films[:2]), str(hanging), *map(str, films[2:])]
    journal_file = str(tmp_path / "journal")
    code = "from albar_jax.data.prepare.journal import *; "
    code += f"check_again({paths}, Path({journal_file!r}), jobs=1, deadline=20)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stderr=subprocess.DEVNULL, cwd=pathlib.Path(__file__).parents[2]
    ) as process:
        deadline = time.monotonic() + 120
        while (
            not (tmp_path / "journal").exists()
            or (tmp_path / "journal").read_bytes().count(b"\n") < 2
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    hanging.release()
    with open(tmp_path / "journal", "ab") as file:
        # The process was killed while it wrote this line.
        file.write(b'["/some/video.avi", [12')
    for film in films:
        replace_with_junk(film)
    # The verdicts of the second run are recorded, too.
    for _ in range(2):
        result = again(paths, tmp_path)
        assert [result[str(film)].frames for film in films] == [20, 20, 0, 0]
        for film in films[2:]:
            replace_with_junk(film)


def test_file_whose_process_was_killed_is_read_again_by_the_next_command(tmp_path, hanging):
    hanging.write(FILM.read_bytes())
    striker = strike(signal.SIGKILL, times=2)
    assert "killed twice" in again([hanging], tmp_path, deadline=47)[hanging].reason
    striker.join()
    hanging.release()
    assert again([hanging], tmp_path, deadline=47)[hanging] == check.Verdict(hanging, 20)


def test_records_are_compared_with_their_sums(tmp_path, capsys):
    arguments = [
        *layouts.make_mmaction2(tmp_path),
        "--format",
        "array_record",
        "--out",
        str(tmp_path / "out"),
    ]
    assert cli.call("prepare", arguments) == 0
    shard = next((tmp_path / "out" / "array_record").rglob("*train.array_record*"))
    with open(shard, "r+b") as file:
        file.seek(shard.stat().st_size // 2)
        file.write(b"rot")
    capsys.readouterr()
    assert cli.call("prepare", [*arguments, "--check"]) == 2
    assert f"{shard} is damaged" in capsys.readouterr().err
