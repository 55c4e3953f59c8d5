"""Claim: each preset makes all published sets, under their names, from data as published."""

import dataclasses

import pytest
import scipy.io
import stand_ins

from albar_jax.data.decode import read_frames
from albar_jax.data.manifest import read_manifest
from albar_jax.evaluation.suites import SUITES
from albar_jax.synthesis import presets
from albar_jax.synthesis.draws import generator

# Preset -> (function that makes the stand-in, beginning of folder names and of tasks, ids of the
# usable videos, copies, frames).
PRESETS = {
    "hmdb51": (stand_ins.hmdb51, "HMDB51", "hmdb51", ("Faith_0", "Faith_1"), 10, 4),
    "ucf101-boxes": (
        lambda root: stand_ins.ucf101(root, "boxes"),
        "UCF101",
        "ucf101_boxes",
        ("g01", "g02", "g03"),
        5,
        4,
    ),
    "ucf101-masks": (
        lambda root: stand_ins.ucf101(root, "masks"),
        "UCF101",
        "ucf101",
        ("g01", "g02", "g03"),
        5,
        5,
    ),
    "kinetics400": (
        stand_ins.kinetics400,
        "K400",
        "kinetics400",
        ("-00000000", "0000001", "0000002"),
        1,
        5,
    ),
}
TASKS = [
    f"{kind}_{name}"
    for kind, names in (
        ("SCUBA", ("Places365", "VQGAN", "Stripe")),
        ("SCUFO", ("Places365", "VQGAN", "Stripe")),
        ("ConflFG", ("Stripe",)),
    )
    for name in names
]


def make(words, root, out, *more):
    pictures = (f"places365={root / 'places'}", f"vqgan={root / 'vqgan'}")
    return stand_ins.run(
        "preset", *words, "--backgrounds", *pictures, "--out", out, "--jobs", 1, *more
    )


@pytest.fixture(scope="module", params=PRESETS)
def preset_sets(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    for name in ("places", "vqgan"):
        stand_ins.pictures(root / name)
    words = PRESETS[request.param][0](root)
    assert make(words, root, root / "out") == 0
    return request.param, root, words


def test_all_sets_have_albar_s_folders_and_our_tasks(preset_sets):
    name, root, _ = preset_sets
    _, folder, task, videos, copies, frames = PRESETS[name]
    out = root / "out"
    assert {path.name for path in out.iterdir() if path.is_dir()} == {
        f"{folder}_{end}" for end in TASKS
    }
    classes = read_manifest(root / "manifest.csv").classes
    for end in TASKS:
        rows = stand_ins.read_csv(out / f"{task}_{end.lower()}.csv")
        suffix = ".jpg" if "SCUFO" in end else ".zip"
        assert len(rows) == len(videos) * copies
        for number, row in enumerate(rows):
            video, copy = videos[number // copies], number % copies
            assert video in row["id"]
            assert row["id"].endswith(f"__{copy}")
            assert row["path"] == f"{folder}_{end}/{row['id'].split('/')[-1]}{suffix}"
        read_frames(out / rows[-1]["path"], [0 if "SCUFO" in end else frames - 1])
        assert read_manifest(out / f"{task}_{end.lower()}.csv").classes == classes
        assert (out / f"{task}_{end.lower()}.png").exists()


def test_stills_are_drawn_among_all_frames_as_published(tmp_path, capsys):
    words = stand_ins.hmdb51(tmp_path)
    for path in (tmp_path / "JHMDB/puppet_mask").rglob("*.mat"):
        masks = scipy.io.loadmat(path)["part_mask"]
        # Three of four frames show nobody.
        masks[..., 1:] = 0
        scipy.io.savemat(path, {"part_mask": masks})
    assert stand_ins.run("preset", *words, "--out", tmp_path / "out", "--jobs", 1) == 0
    rows = stand_ins.read_csv(tmp_path / "out/hmdb51_scufo_stripe.csv")
    for row in rows:
        assert int(row["frame"]) == generator(0, "frame", row["id"]).integers(4)
    nobody = sum(float(row["area"]) == 0 for row in rows)
    assert nobody == sum(row["frame"] != "0" for row in rows) > 8
    assert f"the actor covers less than 0.2 % of {nobody} of 20 stills" in capsys.readouterr().out


def test_still_foregrounds_show_enough_also_in_presets(tmp_path):
    words = stand_ins.hmdb51(tmp_path)
    assert stand_ins.run("preset", *words, "--out", tmp_path / "out", "--jobs", 1) == 0
    rows = stand_ins.read_csv(tmp_path / "out/hmdb51_conflfg_stripe.csv")
    assert all(float(row["visible_area"]) >= 0.01 for row in rows)
    assert (
        stand_ins.run(
            "preset", *words, "--out", tmp_path / "none", "--jobs", 1, "--min-visible", 0.5
        )
        == 2
    )


def test_tasks_match_the_suite(preset_sets):
    name, root, _ = preset_sets
    task = PRESETS[name][2]
    wanted = {
        file for file in SUITES[task].tasks.values() if file not in ("manifest.csv", "aras.csv")
    }
    assert {
        path.name for path in (root / "out").glob("*.csv") if "leakage" not in path.name
    } == wanted


def test_another_run_makes_the_same_bytes_and_reports_differences_to_the_published_counts(
    preset_sets, capsys
):
    name, root, words = preset_sets
    before = stand_ins.hashes(root / "out")
    # Once from nothing, and once where everything exists.
    for out in ("again", "out"):
        capsys.readouterr()
        assert make(words, root, root / out) == 0
        assert stand_ins.hashes(root / out) == before
    printed = capsys.readouterr().out
    published = {
        "hmdb51": "2,560 clips of 21",
        "ucf101-boxes": "4,550 clips of 24",
        "kinetics400": "10,190 clips of 393",
    }
    notes = [
        line for line in printed.splitlines() if line.startswith("note: the published sets have")
    ]
    task = PRESETS[name][2]
    names = ", ".join(f"{task}_{end.lower()}" for end in TASKS)
    expected = (
        f"note: the published sets have {published.get(name)} classes; other counts in {names}"
    )
    assert notes == [expected] * (name in published)
    assert ("of the true background survives" in printed) == (name == "ucf101-boxes")


def test_shards_make_the_first_sets_and_then_the_others(tmp_path, capsys):
    words = ("preset", *stand_ins.hmdb51(tmp_path), "--jobs", 1)
    assert stand_ins.run(*words, "--out", tmp_path / "whole") == 0
    out = tmp_path / "parts"
    assert stand_ins.run(*words, "--out", out, "--shard", "2/2") == 0
    assert "give this command again once all shards are done" in capsys.readouterr().out
    assert stand_ins.run(*words, "--out", out, "--shard", "1/2") == 0
    assert stand_ins.run(*words, "--out", out, "--shard", "2/2") == 0
    assert stand_ins.hashes(out) == stand_ins.hashes(tmp_path / "whole")


def test_without_pictures_there_are_stripes(tmp_path, capsys):
    words = stand_ins.hmdb51(tmp_path)
    assert stand_ins.run("preset", *words, "--out", tmp_path / "out", "--jobs", 1) == 0
    printed = capsys.readouterr().out
    assert "without --backgrounds vqgan=DIR" in printed
    # JHMDB lacks it.
    assert "1 videos of" in printed
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {
        f"HMDB51_{end}" for end in TASKS if "Stripe" in end
    }


def test_published_counts_give_no_note(tmp_path, capsys, monkeypatch):
    complete = dataclasses.replace(presets.PRESETS["hmdb51"], published=(20, 2))
    monkeypatch.setitem(presets.PRESETS, "hmdb51", complete)
    assert (
        stand_ins.run("preset", *stand_ins.hmdb51(tmp_path), "--out", tmp_path / "out", "--jobs", 1)
        == 0
    )
    assert "the published sets have" not in capsys.readouterr().out


def mistake(capsys, *words):
    assert stand_ins.run(*words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def test_mistakes_are_one_sentence(tmp_path, capsys):
    _, *words = stand_ins.hmdb51(tmp_path)
    elsewhere = [str(word).replace("Rename_Images", "puppet_mask/run") for word in words]
    out = ("--out", tmp_path / "out")
    assert "is under --videos" in mistake(capsys, "preset", "hmdb51", *elsewhere, *out)
    manifest = words[:2]
    common = ("--backgrounds", "stripe", *out)
    assert "nowhere" in mistake(
        capsys, "scuba", *manifest, "--masks", f"npz:{tmp_path / 'nowhere'}", *common
    )
    assert "--copies is 0" in mistake(
        capsys, "scuba", *words[:2], *words[4:], *common, "--copies", 0
    )
    assert "cannot read" in mistake(capsys, "scufo", "--scuba", tmp_path / "none.csv", *out)


@pytest.mark.parametrize(
    "words", [("--shard", "0/2"), ("--shard", "3/2"), ("--jobs", "0"), ("--shard", "half")]
)
def test_numbers_out_of_range_are_refused_at_once(words, capsys):
    with pytest.raises(SystemExit):
        stand_ins.run("scufo", "--scuba", "a.csv", "--out", "b", *words)
    assert f"argument {words[0]}: {words[1]!r} is no" in capsys.readouterr().err


def test_hat_s_sets_are_made_of_the_same_videos(tmp_path):
    words = stand_ins.hmdb51(tmp_path)
    out = tmp_path / "out"
    assert stand_ins.run("preset", *words, "--out", out, "--jobs", 1, "--hat") == 0
    scuba = {
        name.rpartition("__")[0] for name in read_manifest(out / "hmdb51_scuba_stripe.csv").ids
    }
    for task in SUITES["hmdb51"].every_task:
        if "_hat_" in task:
            assert set(read_manifest(out / f"{task}.csv").ids) == scuba, task
    assert (out / "hmdb51_hat_leakage.csv").exists()
