"""Claim: no untrusted name or link leads writes out of the output folder."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from albar_jax.data.manifest import read_manifest
from albar_jax.data.prepare.journal import check_again
from albar_jax.errors import UserError
from albar_jax.evaluation.views import read_views
from albar_jax.storage import inside as module
from albar_jax.storage import seals
from albar_jax.storage.class_names import read_class_list
from albar_jax.storage.disk import open_regular
from albar_jax.storage.inside import (
    inside,
    joined,
    open_own,
    own_folder,
    refuse_links,
    remove_folder,
)
from albar_jax.storage.journal import Journal
from albar_jax.storage.lock import FILE, HeldError, holder, locked, working_in
from albar_jax.storage.temporary import remove_leftovers
from albar_jax.synthesis.clip_list import Clip, SourceVideo
from albar_jax.synthesis.runner import make_missing_clips
from albar_jax.train.run_log import RunLog, read_history
from albar_jax.train.run_summary import read_summary
from albar_jax.wiring import run_evaluation, trained_models

ESCAPES = ["", ".", "..", "/etc/passwd", "a/b", "../a", "a\0b", "x" * 300, "é" * 120, "/"]


@pytest.mark.parametrize("name", ESCAPES, ids=ascii)
def test_a_name_that_would_leave_its_folder_is_refused_in_one_sentence(tmp_path, name):
    for place in (inside, joined, own_folder):
        with pytest.raises(UserError, match="cannot name a file in .*; rename it") as caught:
            place(tmp_path, "predictions", name)
        assert "\n" not in str(caught.value)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["a.b", "...", "..a", "12:30:05.mp4", "~", "-x", "a b", "$(id)", "é", "a\\b", "a\nb", "CON"],
)
def test_ordinary_and_odd_names_stay_as_they_are(tmp_path, name):
    folder = own_folder(tmp_path, name)
    assert folder.is_dir()
    assert folder.parent == tmp_path
    assert folder.name == name


@pytest.fixture
def victim(tmp_path):
    """Returns a folder of another user with a file."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "mine.csv").write_text("mine")
    yield folder
    assert [path.name for path in folder.iterdir()] == ["mine.csv"]
    assert (folder / "mine.csv").read_text() == "mine"


def test_a_link_out_of_the_folder_is_refused_and_one_within_it_is_followed(tmp_path, victim):
    out = tmp_path / "out"
    (out / "big").mkdir(parents=True)
    (out / "away").symlink_to(victim)
    (out / "gone").symlink_to(tmp_path / "nowhere")
    (out / "near").symlink_to("big")

    for name in ("away", "gone"):
        with pytest.raises(UserError, match="is a link that leads out of"):
            own_folder(out, name, "x")
        with pytest.raises(UserError, match="is a link that leads out of"):
            inside(out, name)

    assert own_folder(out, "near", "x").is_dir()
    with pytest.raises(UserError, match="(away|gone) is a link"):
        refuse_links(out)

    # The folder named by the user may be a link.
    (tmp_path / "short").symlink_to(out)
    assert own_folder(tmp_path / "short", "y").is_dir()


def test_files_are_appended_to_only_under_their_own_name(tmp_path, victim):
    link, other = tmp_path / "link", tmp_path / "hard"
    link.symlink_to(victim / "mine.csv")

    with pytest.raises(UserError, match="is a link, and files are not written through links"):
        open_own(link)

    os.link(victim / "mine.csv", other)
    with open_own(other) as file:
        file.write(b" more")

    assert other.read_text() == "mine more"
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UserError, match="is not a regular file"):
        open_own(tmp_path / "pipe")

    with pytest.raises(OSError, match="it is not a regular file"):
        open_regular(tmp_path / "pipe")


def test_removing_a_folder_follows_no_link(tmp_path, victim):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(victim)
    remove_folder(folder)
    folder.symlink_to(victim)
    remove_folder(folder)
    assert not os.path.lexists(folder)
    remove_folder(folder)


def test_only_our_own_leftovers_are_removed(tmp_path, victim):
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "link").symlink_to(victim)
    (victim / "mine.csv").rename(victim / ".mine.csv.albar.tmp")

    for name in (".a.zip.albar.tmp", ".editor.tmp", "a.tmp", ".a.0123ABCD.tmp"):
        (out / "sub" / name).touch()

    remove_leftovers(out)
    assert {path.name for path in (out / "sub").iterdir()} == {
        ".editor.tmp",
        "a.tmp",
        ".a.0123ABCD.tmp",
    }
    (victim / ".mine.csv.albar.tmp").rename(victim / "mine.csv")


def test_a_lock_that_is_a_link_overwrites_nothing(tmp_path, victim):
    work = tmp_path / "work"
    work.mkdir()
    (work / FILE).symlink_to(victim / "mine.csv")

    with pytest.raises(UserError, match="is a link"), working_in(work, "--workdir"):
        pass

    assert holder(work / FILE) is None
    (work / FILE).unlink()
    os.link(victim / "mine.csv", work / FILE)

    with working_in(work, "--workdir"):
        assert holder(work / FILE)
        with pytest.raises(HeldError), locked(work / FILE):
            pass


@pytest.mark.parametrize("name", ["tensorboard", "metrics.jsonl"])
def test_a_log_in_a_workdir_of_a_stranger_leaves_other_files_alone(tmp_path, victim, name):
    work = tmp_path / "work"
    work.mkdir()
    (work / name).symlink_to(victim if name == "tensorboard" else victim / "mine.csv")

    if name == "tensorboard":
        with pytest.raises(UserError, match="tensorboard is a link"):
            RunLog(work, 0, active=True)
        return

    log = RunLog(work, 0, active=True)
    log.write(1, {"loss": 1.0})
    log.close()
    assert not (work / name).is_symlink()


def test_journals_are_not_written_through_links(tmp_path, victim):
    journal = tmp_path / "check_journal.jsonl"
    journal.symlink_to(victim / "mine.csv")

    with pytest.raises(UserError, match="is a link"):
        check_again([str(victim / "mine.csv")], journal, jobs=1, deadline=10)

    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / ".made").symlink_to(victim)

    with pytest.raises(UserError, match="made is a link"):
        Journal(clips, {})


class _Touch:
    """Makes clips that are empty files."""

    kind = "touch"

    def settings(self):
        return {}

    def make(self, unit, folder):
        for clip in unit.clips:
            (folder / clip.file).touch()
        return [{"id": clip.id} for clip in unit.clips]


def test_clips_whose_names_leave_the_folder_are_failures_and_the_others_are_made(tmp_path, victim):
    out = tmp_path / "out"
    files = [
        "a/ok.zip",
        "../victim/b.zip",
        str(victim / "c.zip"),
        "x" * 300,
        "link/d.zip",
        "./e.zip",
    ]
    units = [SourceVideo(file, "v.mp4", (Clip(file, file, "0", "v.mp4"),)) for file in files]
    make_missing_clips(_Touch(), units[:1], out)
    (out / "link").symlink_to(victim)
    progress = make_missing_clips(_Touch(), units, out)
    assert {unit.id for unit in progress.complete} == {"a/ok.zip", "./e.zip"}
    assert set(progress.failed) == set(files[1:5])


def test_an_evaluation_deletes_only_files_that_evaluations_write(trained, tmp_path, victim):
    out = tmp_path / "out"
    folder = out / "predictions" / "ce_seed0"
    folder.mkdir(parents=True)

    for name in ("important.csv", "hmdb51.csv"):
        (folder / name).write_text("old")
    model = trained_models.from_workdir(str(trained), "last")
    assert run_evaluation.run([model], str(out)) == 0
    names = {path.name for path in folder.iterdir()}
    assert {"important.csv", "quickstart.csv"} <= names
    assert "hmdb51.csv" not in names
    (tmp_path / "other" / "predictions").mkdir(parents=True)
    (tmp_path / "other" / "predictions" / "ce_seed0").symlink_to(victim)

    with pytest.raises(UserError, match="ce_seed0 is a link that leads out of"):
        run_evaluation.run([model], str(tmp_path / "other"))


def test_a_workdir_whose_saved_name_is_a_path_is_refused(trained, tmp_path, victim):
    work = tmp_path / "work"
    subprocess.run(["cp", "-r", trained, work], check=True)

    for meta in work.glob("checkpoints/*/meta/metadata"):
        content = json.loads(meta.read_text())
        content["config"]["name"] = str(victim / "results")
        meta.write_text(json.dumps(content))
        # An attacker would also rewrite the checksums.
        seals.seal(meta.parents[1])

    with pytest.raises(UserError, match="config.name is .*without slashes"):
        trained_models.from_workdir(str(work), "last")


def test_checkpoints_that_are_a_link_are_not_written_to(trained, tmp_path, victim):
    from albar_jax.train.checkpoint import Checkpoints

    work = tmp_path / "work"
    work.mkdir()
    (work / "checkpoints").symlink_to(victim)

    with pytest.raises(UserError, match="checkpoints is a link"):
        Checkpoints(work)

    (work / "checkpoints").unlink()
    (work / "checkpoints").mkdir()
    (work / "checkpoints" / "5").symlink_to(victim)

    with pytest.raises(UserError, match="5 is a link"):
        Checkpoints(work)


def test_every_way_to_write_or_delete_is_known():
    """Only inside.py and temporary.py remove trees, or open files to append or change."""
    package = Path(module.__file__).parents[1]
    users = {}

    for path in package.rglob("*.py"):
        source = path.read_text()
        for call in ("rmtree(", '"a"', '"a+b"', '"r+b"', "os.remove(", "os.truncate(", ".rglob("):
            if call in source and path.name not in ("inside.py", "temporary.py"):
                users.setdefault(call, set()).add(path.name)

    assert users == {
        # Temporary folders made by `tempfile` or named by `records`.
        "rmtree(": {"gate.py", "records.py"},
        # Lists of published files and of our own code.
        ".rglob(": {"bias_folders.py", "hat_lists.py", "same_code.py"},
    }


def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path):
    for name in ("manifest.csv", "classes.txt", "views.json", "metrics.jsonl", "summary.json"):
        os.mkfifo(tmp_path / name)

    readers = [
        lambda: read_manifest(tmp_path / "manifest.csv"),
        lambda: read_class_list(tmp_path / "classes.txt"),
        lambda: read_views(tmp_path),
        lambda: read_history(tmp_path),
        lambda: read_summary(tmp_path),
    ]
    for read in readers:
        with pytest.raises((UserError, OSError), match="is not a regular file"):
            read()
