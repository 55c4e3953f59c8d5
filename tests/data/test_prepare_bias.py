"""Claim: released bias sets become the manifests of the suites.

Their files are read as released, and joined by the ids of their clips.
"""

import csv
import shutil

import layouts
import pytest

from albar_jax import cli
from albar_jax.data.decode import num_frames
from albar_jax.data.manifest import read_manifest
from albar_jax.data.prepare.bias_folders import task_of
from albar_jax.evaluation.suites import SUITES
from albar_jax.terminal.escapes import from_cell

MASKS = "replacebackground_with_mask_for_HMDB51_test_place365"
BOXES = "replacebackground_with_box_for_UCF101_test_vqgan"
LABELS = tuple(label for label in range(3) for _ in range(2))


@pytest.fixture(scope="module")
def hmdb51(tmp_path_factory):
    """Prepares HMDB51 by its own command."""
    root = tmp_path_factory.mktemp("hmdb51")
    assert cli.call("prepare", [*layouts.make_hmdb51(root), "--out", str(root / "out")]) == 0
    return root / "out"


@pytest.fixture
def out(hmdb51, tmp_path):
    """Makes a folder with its manifest only."""
    return shutil.copytree(hmdb51, tmp_path / "out")


@pytest.fixture
def prepare(capsys):
    """Prepares and returns the printed text."""

    def run(arguments, out) -> str:
        capsys.readouterr()
        assert cli.call("prepare", [*arguments, "--out", str(out)]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


@pytest.fixture
def fail(capsys):
    """Prepares and returns the error message; no manifest of a task is written."""

    def run(arguments, out) -> str:
        capsys.readouterr()
        assert cli.call("prepare", [*arguments, "--out", str(out)]) == 2
        assert not list(out.glob("*_*_*.csv"))
        printed = capsys.readouterr().err
        assert printed.startswith("error: ")
        assert printed.count("\n") == 1, printed
        return printed

    return run


def rows(out, task):
    with open(out / f"{task}.csv", newline="") as file:
        return [
            {name: from_cell(cell) for name, cell in row.items()} for row in csv.DictReader(file)
        ]


def test_albars_release_is_the_tasks_of_the_suite(prepare, out, tmp_path):
    printed = prepare(layouts.make_albar_release(tmp_path), out)
    tasks = [
        f"hmdb51_{kind}_{name}" for kind in ("scuba", "scufo") for name in ("places365", "stripe")
    ]
    tasks.append("hmdb51_conflfg_stripe")
    assert sorted(path.stem for path in out.glob("hmdb51_*.csv")) == sorted(tasks)
    assert set(tasks) < set(SUITES["hmdb51"].tasks)
    classes = read_manifest(out / "manifest.csv").classes
    listed = {task: read_manifest(out / f"{task}.csv", classes) for task in tasks}
    assert listed["hmdb51_scuba_stripe"].ids == listed["hmdb51_scufo_stripe"].ids
    assert len(listed["hmdb51_scuba_stripe"]) == len(layouts.HMDB51_TESTED) * layouts.COPIES
    for manifest in listed.values():
        assert all(
            classes[label] in clip
            for label, clip in zip(manifest.labels, manifest.ids, strict=True)
        )
    assert [num_frames(listed[task].paths[0]) for task in tasks] == [3, 3, 1, 1, 3]
    assert "hmdb51_scuba_places365: 12 videos of 3 classes: test 12" in printed
    assert printed.count("next: albar evaluate --workdir runs/hmdb51") == 1
    assert "note" not in printed


def test_the_id_of_a_clip_is_its_video_s_id_and_the_number_of_the_copy(prepare, out, tmp_path):
    prepare(layouts.make_albar_release(tmp_path), out)
    sources = set(read_manifest(out / "manifest.csv", split="test").ids)
    clips = {row["id"] for row in rows(out, "hmdb51_scuba_places365")}
    assert clips == {f"{source}__{copy}" for source in sources for copy in range(layouts.COPIES)}


def test_stillmixs_release_reads_its_folders_and_lists(prepare, out, tmp_path):
    conflfg = "mix_dynamic_static_same_bg_for_HMDB51_test_stripe"
    arguments = layouts.make_stillmix_release(
        tmp_path, [MASKS, conflfg], layouts.HMDB51_TESTED, LABELS
    )
    printed = prepare(arguments, out)
    for task in ("hmdb51_scuba_places365", "hmdb51_conflfg_stripe"):
        assert len(rows(out, task)) == 12
        assert all(row["label"] in row["id"] for row in rows(out, task))
    assert num_frames(read_manifest(out / "hmdb51_scuba_places365.csv").paths[0]) == 3
    assert "there is no hmdb51_scufo_places365" in printed
    assert (
        f"synthesize scufo --scuba={out / 'hmdb51_scuba_places365.csv'} "
        f"--out={out / 'hmdb51_scufo_places365'}" in printed
    )
    with_lists = rows(out, "hmdb51_scuba_places365")
    # In the order of the names of the folders.
    prepare(arguments[:-2], out)
    assert rows(out, "hmdb51_scuba_places365") == sorted(with_lists, key=lambda row: row["path"])


def test_ucf101_of_stillmix_is_the_suite_of_boxes_however_handstands_are_spelt(prepare, tmp_path):
    ucf101 = layouts.make_ucf101(tmp_path)
    prepare(ucf101, tmp_path / "out")
    labels = [number for number in range(4) for _ in range(2)]
    printed = prepare(
        layouts.make_stillmix_release(tmp_path, [BOXES], layouts.UCF101_TESTED, labels),
        tmp_path / "out",
    )
    listed = rows(tmp_path / "out", "ucf101_boxes_scuba_vqgan")
    assert "ucf101_boxes_scuba_vqgan" in SUITES["ucf101_boxes"].tasks
    assert [row["label"] for row in listed[-4:]] == ["HandstandPushups"] * 4
    assert listed[-1]["id"] == "HandstandPushups/v_HandStandPushups_g02_c01__1"
    assert "--config.eval.suite=ucf101_boxes" in printed
    assert "the published data set has test 4,550" in printed


def test_kinetics_of_stillmix_takes_labels_of_lost_videos_from_its_list(prepare, tmp_path):
    prepare(layouts.make_kinetics400(tmp_path), tmp_path / "out")
    with open(tmp_path / "out" / "manifest.csv", newline="") as file:
        existing = sorted(
            from_cell(row["id"]) for row in csv.DictReader(file) if row["split"] == "val"
        )
    lost = "-000_val_99_000000_000010"
    name = "replacebackground_with_segmentation_and_saliency_for_test_stripe"
    arguments = layouts.make_stillmix_release(
        tmp_path, [name], [*existing, lost], [0, 0, 1, 1, 2, 2, 1]
    )
    prepare(arguments, tmp_path / "out")
    listed = {row["id"]: row["label"] for row in rows(tmp_path / "out", "kinetics400_scuba_stripe")}
    assert listed == {f"{video}__0": layouts.KINETICS400[int(video[1:4])] for video in existing} | {
        f"{lost}__0": layouts.KINETICS400[1]
    }
    printed = prepare(arguments[:-2], tmp_path / "out")
    assert len(rows(tmp_path / "out", "kinetics400_scuba_stripe")) == 6
    assert (
        f"1 clips of no video in {tmp_path / 'out' / 'manifest.csv'} are left out, {lost}__0"
        in printed
    )


def test_clips_without_a_partner_are_counted_and_named(prepare, out, tmp_path):
    arguments = layouts.make_albar_release(tmp_path)
    bias = tmp_path / "bias"
    first, last = (f"{layouts.HMDB51_TESTED[place]}__0" for place in (0, -1))
    (bias / "HMDB51_SCUFO_Stripe" / f"{first}.jpg").unlink()
    (bias / "HMDB51_SCUBA_Stripe" / f"{last}.zip").unlink()
    printed = prepare(arguments, out)
    assert (
        "2 clips have no partner of their name in hmdb51_scuba_stripe and hmdb51_scufo_stripe, "
        f"brush_hair/{first}, shoot_ball/{last}; they do not count"
    ) in printed
    assert printed.count("no partner") == 1


def test_listed_clips_that_are_missing_stop_it_or_are_skipped_and_others_are_left_out(
    prepare, fail, out, tmp_path
):
    # This set is read last, and not written either.
    complete = MASKS.replace("place365", "vqgan")
    arguments = layouts.make_stillmix_release(
        tmp_path, [MASKS, complete], layouts.HMDB51_TESTED, LABELS
    )
    clips = tmp_path / "generated" / "v1" / MASKS / "generated_videos"
    lost = f"{layouts.HMDB51_TESTED[0]}__0"
    (clips / lost).rename(clips / f"{layouts.HMDB51_TESTED[0]}__7")
    sentence = fail(arguments, out)
    assert f"1 of 12 listed videos are not under {tmp_path / 'generated'}, {lost} first" in sentence
    printed = prepare([*arguments, "--skip-missing"], out)
    assert [len(rows(out, f"hmdb51_scuba_{name}")) for name in ("places365", "vqgan")] == [11, 12]
    assert "1 clips are not in " in printed
    assert lost in (out / "hmdb51_scuba_places365_missing.tsv").read_text()


def test_lists_with_another_order_of_classes_are_refused(fail, out, tmp_path):
    arguments = layouts.make_stillmix_release(
        tmp_path, [MASKS], layouts.HMDB51_TESTED, LABELS[::-1]
    )
    sentence = fail(arguments, out)
    assert "among 'shoot_ball' and " in sentence
    assert "among 'brush_hair'; the classes of the list are not in the order of" in sentence


def test_clips_of_videos_to_train_on_are_counted(prepare, out, tmp_path):
    videos = [layouts.HMDB51_TESTED[0], layouts.HMDB51_STEMS[0].format("clap")]
    printed = prepare(layouts.make_albar_release(tmp_path, videos), out)
    assert (
        f"2 clips are made from videos of the split train, clap/{videos[1]}__0, clap/{videos[1]}__1"
        in printed
    )


def test_sets_of_other_data_are_left_out_and_the_rest_is_read(prepare, fail, out, tmp_path):
    other = layouts.make_albar_release(tmp_path, ["v_Hammering_g01_c01"], "UCF101")
    assert "named after a video in" in fail(other, out)
    printed = prepare(layouts.make_albar_release(tmp_path), out)
    assert printed.count("is of another data set and is left out") == 5
    assert not list(out.glob("ucf101*"))


def test_records_of_bias_sets_are_the_same_clips(prepare, out, tmp_path):
    arguments = layouts.make_albar_release(tmp_path, layouts.HMDB51_TESTED[:1])
    for folder in ("SCUBA_Places365", "SCUFO_Places365", "SCUBA_Stripe", "ConflFG_Stripe"):
        shutil.rmtree(tmp_path / "bias" / f"HMDB51_{folder}")
    prepare(arguments, out)
    files = read_manifest(out / "hmdb51_scufo_stripe.csv")
    prepare([*arguments, "--format", "array_record"], out)
    records = read_manifest(out / "hmdb51_scufo_stripe.csv")
    assert (records.ids, records.labels.tolist()) == (files.ids, files.labels.tolist())
    assert "#" in records.paths[0].rpartition("/")[0]


@pytest.mark.parametrize(
    ("folder", "task"),
    [
        ("HMDB51_SCUBA_Places365", "hmdb51_scuba_places365"),
        ("UCF101_SCUFO_VQGAN", "ucf101_scufo_vqgan"),
        ("UCF101_ConflFG_Stripe", "ucf101_conflfg_stripe"),
        ("K400_SCUBA_Stripe", "kinetics400_scuba_stripe"),
        ("ucf101_boxes_scuba_stripe", "ucf101_boxes_scuba_stripe"),
        (MASKS, "hmdb51_scuba_places365"),
        (BOXES, "ucf101_boxes_scuba_vqgan"),
        ("replacebackground_with_box_static_for_UCF101_test_stripe", "ucf101_boxes_scufo_stripe"),
        (
            "replacebackground_with_segmentation_and_saliency_for_test_place365",
            "kinetics400_scuba_places365",
        ),
        ("mix_dynamic_static_same_bg_for_test_stripe", "kinetics400_conflfg_stripe"),
        ("mix_dynamic_static_same_bg_for_UCF101_test_stripe", "ucf101_boxes_conflfg_stripe"),
        ("generated_videos", None),
        ("HMDB51_SCUBA", None),
    ],
)
def test_the_folders_of_both_releases_are_known_by_name(folder, task):
    assert task_of(folder) == task


def test_wrong_folders_are_one_sentence_that_says_what_to_do(fail, out, tmp_path):
    arguments = layouts.make_stillmix_release(tmp_path, [MASKS], layouts.HMDB51_TESTED, LABELS)
    clips = tmp_path / "generated" / "v1" / MASKS / "generated_videos"
    assert f"did you mean {clips.parent}?" in fail(["bias", "--videos", str(clips)], out)
    assert "--videos /nowhere does not exist" in fail(["bias", "--videos", "/nowhere"], out)
    (tmp_path / "empty").mkdir()
    unknown = fail(["bias", "--videos", str(tmp_path / "out")], tmp_path / "out")
    assert "HMDB51_SCUBA_Places365" in unknown
    for file in (tmp_path / "lists_generated").rglob("testlist01.txt"):
        file.unlink()
    assert "holds none of the lists" in fail(arguments, out)
    assert "prepare the data set itself first" in fail(arguments[:-2], tmp_path / "empty")


def test_a_set_or_a_clip_that_exists_twice_is_refused(fail, out, tmp_path):
    arguments = layouts.make_albar_release(tmp_path)
    folder = tmp_path / "bias" / "HMDB51_SCUBA_Stripe"
    clip = next(folder.iterdir())
    shutil.copy(clip, clip.with_suffix(".jpg"))
    assert "are the same clip; keep one of them" in fail(arguments, out)
    clip.with_suffix(".jpg").unlink()
    shutil.copytree(folder, tmp_path / "bias" / "again" / folder.name)
    assert "are both hmdb51_scuba_stripe" in fail(arguments, out)


def test_a_line_that_is_no_clip_is_refused(fail, out, tmp_path):
    arguments = layouts.make_stillmix_release(tmp_path, [MASKS], layouts.HMDB51_TESTED, LABELS)
    file = next((tmp_path / "lists_generated").rglob("testlist01.txt"))
    text = file.read_text()
    file.write_text(text.replace(" 3 0", " 3 9", 1))
    assert "has the label 9, but the 3 classes are numbered 0 to 2" in fail(arguments, out)
    file.write_text("clip\n" + text)
    assert (
        f"line 1 of {file} is 'clip', not a clip, its number of frames and its class number"
        in fail(arguments, out)
    )


def test_static_sets_of_stillmix_use_the_list_of_their_moving_sets(prepare, tmp_path):
    prepare(layouts.make_ucf101(tmp_path), tmp_path / "out")
    sets = [BOXES, BOXES.replace("_for_", "_static_for_")]
    labels = [number for number in range(4) for _ in range(2)]
    arguments = layouts.make_stillmix_release(tmp_path, sets, layouts.UCF101_TESTED, labels)
    shutil.rmtree(tmp_path / "lists_generated" / "v1" / sets[1])
    extra = tmp_path / "generated" / "v1" / sets[1] / "generated_videos" / "v_Hammering_g03_c01__0"
    shutil.copytree(next(extra.parent.iterdir()), extra)
    printed = prepare(arguments, tmp_path / "out")
    moving, static = (
        rows(tmp_path / "out", f"ucf101_boxes_{kind}_vqgan") for kind in ("scuba", "scufo")
    )
    assert [row["id"] for row in static] == [row["id"] for row in moving]
    assert "1 clips are not in " in printed


def test_a_name_that_two_videos_share_gives_no_class(prepare, out, tmp_path):
    video = layouts.HMDB51_TESTED[0]
    shutil.copy(read_manifest(out / "manifest.csv").paths[0], tmp_path / "other.avi")
    with open(out / "manifest.csv", "a") as file:
        file.write(f"{tmp_path / 'other.avi'},clap,test,clap/{video},\n")
    printed = prepare(layouts.make_albar_release(tmp_path), out)
    assert (
        f"2 clips of no video in {out / 'manifest.csv'} are left out, {video}__0, {video}__1"
        in printed
    )


def test_files_of_macos_are_no_clips_and_a_double_suffix_is_no_name(prepare, out, tmp_path):
    arguments = layouts.make_albar_release(tmp_path)
    folder = tmp_path / "bias" / "HMDB51_SCUBA_Stripe"
    clip = next(folder.iterdir())
    clip.rename(folder / f"{clip.stem}.mp4.zip")
    for junk in (folder / "__MACOSX", folder / ".trash"):
        junk.mkdir()
        shutil.copy(folder / f"{clip.stem}.mp4.zip", junk / clip.name)
    prepare(arguments, out)
    assert len({row["id"] for row in rows(out, "hmdb51_scuba_stripe")}) == 12
