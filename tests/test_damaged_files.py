"""Claim: damaged files are reported in one sentence.

Compiled code gets only sizes that were checked.
"""

import io
import json
import os
import pickle
import struct
import zipfile

import cv2
import numpy as np
import pytest
import scipy.io

from albar_jax.data.loader import ClipSpec, train_batches
from albar_jax.data.manifest import Manifest, read_manifest
from albar_jax.data.scenes import read_scenes
from albar_jax.errors import UserError, in_words
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.masks import boxes, jhmdb, npz, rle, tubes
from albar_jax.masks.mat import MatError, read_mat
from albar_jax.masks.person_masks import PersonMasks
from albar_jax.masks.run_length import decode
from albar_jax.storage import json_files
from albar_jax.storage.class_names import read_class_list
from albar_jax.storage.journal import Journal
from albar_jax.train.run_log import read_history
from albar_jax.train.run_summary import read_summary
from albar_jax.train.saved_meta import check_meta, summary_of
from albar_jax.weights.converted import load_converted


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b'{"a": 1', "not readable as JSON"),
        (b"\xff{}", "not text in UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 200 + b"]" * 200, "nested too deeply"),
        (b'{"a": ' * 300 + b"1" + b"}" * 300, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "more than 4,300 digits"),
        (b'{"a": NaN}', "it holds NaN"),
        (b'{"a": [-Infinity]}', "it holds -Infinity"),
        (b'{"b": {"a": 1, "a": 2}}', "the key 'a' twice"),
    ],
)
def test_damaged_json_is_reported_in_one_sentence(tmp_path, content, reason):
    path = tmp_path / "state.json"
    path.write_bytes(content)

    with pytest.raises(UserError, match=reason) as error:
        json_files.read(path, remedy="; delete it")

    assert str(path) in str(error.value)
    assert str(error.value).endswith("; delete it")
    assert "\n" not in str(error.value)


def test_json_of_any_unicode_encoding_is_read(tmp_path):
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        (tmp_path / "a.json").write_bytes('{"é": [1, 2.5, null]}'.encode(encoding))
        assert json_files.read(tmp_path / "a.json") == {"é": [1, 2.5, None]}


@pytest.mark.parametrize(
    "read",
    [
        json_files.read,
        read_class_list,
        read_manifest,
        read_predictions,
        lambda path: read_scenes(str(path), ["a"]),
    ],
)
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_a_folder_a_pipe_or_a_device_in_place_of_a_file_is_refused(tmp_path, read, make):
    path = tmp_path / "file.csv"
    make(path)

    with pytest.raises(UserError, match=r"file\.csv"):
        read(path)


def npy(shape, data=b"", descr="|b1"):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"hello",
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000,
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        npy("(100000, 10000, 10000)"),
        npy(f"({2**62}, 4, 0)"),
        npy("(1, 2, 3)", bytes(5)),
        npy("(1, 2, 3)", bytes(7)),
        npy("(-1, 2, 3)", bytes(6)),
        npy("(1, 2, 'a')", bytes(6)),
        npy("(1, 0, 3)"),
        npy("()", b"\1"),
        npy("(1, 2, 3)", bytes(48), "|O"),
        npy("(1, 2, 3)", bytes(48), "<f3"),
        npy(f"({2**40},)", b"", "<U0"),
        npy("(1, 2, 3)", bytes(96), "<c16"),
        npy("(1, 2, 3)", np.full(6, np.nan, "<f4").tobytes(), "<f4"),
    ],
)
def test_an_array_whose_header_lies_is_refused_before_memory_is_taken(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("masks.npy", member)
    with pytest.raises(UserError, match=r"a\.npz"):
        npz.make(str(tmp_path), None).get("a")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_array_that_zipfile_would_unpack_as_a_whole_is_refused(tmp_path, compression):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", compression) as archive:
        archive.writestr("masks.npy", npy("(1, 2, 3)", bytes(6)))
    with pytest.raises(UserError, match=r"a\.npz.*masks\.npy is neither stored nor deflated"):
        npz.make(str(tmp_path), None).get("a")


def test_arrays_of_all_kinds_and_orders_are_read_as_numpy_reads_them(tmp_path):
    for dtype in ("|b1", "|u1", "<i2", ">i4", "<f2", ">f8", "<u8"):
        for order in "CF":
            masks = np.asarray(np.arange(24).reshape(2, 3, 4) % 3, dtype, order=order)
            np.savez_compressed(tmp_path / "a.npz", masks=masks, frame_ids=np.array([3, 9], ">i2"))
            found = npz.make(str(tmp_path), None).get("a")
            np.testing.assert_array_equal(found.masks, masks != 0)
            assert found.frame_ids.tolist() == [3, 9]


@pytest.mark.parametrize(
    ("counts", "size"),
    [
        # In 64 bits their sum wraps around to 4 x 4, and `np.repeat` crashes.
        ([2**62, 2**62, 2**62, 2**62, 16], (4, 4)),
        ([10**30], (4, 4)),
        ([15], (4, 4)),
        ([8, 9], (4, 4)),
        ([-1, 17], (4, 4)),
        ([True] * 16, (4, 4)),
        ([float("nan")], (4, 4)),
        ([3.5, 12.5], (4, 4)),
        (["16"], (4, 4)),
        ([[16]], (4, 4)),
        (16, (4, 4)),
        ([10**18], (10**9, 10**9)),
        ([0], (0, 4)),
        ([16], (-4, -4)),
        ([16], (4.5, 4)),
        ([16], ("4", 4)),
        ([16], (True, 16)),
    ],
)
def test_a_run_length_code_with_impossible_numbers_is_refused(counts, size):
    with pytest.raises(UserError):
        decode(counts, *size)


def test_a_damaged_code_makes_only_its_own_video_unreadable(tmp_path):
    good = {"size": [2, 3], "counts": [1, 5]}
    images = [{"id": number, "file_name": f"{name}/0.jpg"} for number, name in enumerate("abcde")]
    codes = [
        good,
        {"size": [2, 3], "counts": [10**30]},
        {"size": [10**9, 10**9], "counts": [10**18]},
        None,
        [[1, 2]],
    ]
    annotations = [
        {"image_id": i, "category_id": 1, "segmentation": code} for i, code in enumerate(codes)
    ]
    (tmp_path / "m.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    source = rle.make(str(tmp_path / "m.json"), None)
    assert source.get("a").masks.sum() == 5

    for video in "bcde":
        with pytest.raises(UserError, match=f"a mask of {video} is damaged"):
            source.get(video)


@pytest.mark.parametrize(
    ("tube", "size"),
    [
        ([[1, 0, 0, 9, 9], [1e12, 0, 0, 9, 9]], (24, 32)),
        ([[1, 0, 0, 9, 9], [1e9, 0, 0, 9, 9]], (24, 32)),
        ([[1.5, 0, 0, 9, 9]], (24, 32)),
        ([[0, 0, 0, 9, 9]], (24, 32)),
        ([[1, 0, 0, np.inf, 9]], (24, 32)),
        ([[np.nan, 0, 0, 9, 9]], (24, 32)),
        ([[1, 0, 0, 9]], (24, 32)),
        ([1, 0, 0, 9, 9], (24, 32)),
        ([[1, 0, 0, 9, 9]], (10**9, 10**9)),
        ([[1, 0, 0, 9, 9]], (10**5000, 2)),
        ([[1, 0, 0, 9, 9]], (24.5, 32)),
        ([[1, 0, 0, 9, 9]], ("24", 32)),
        ([[1, 0, 0, 9, 9]], (24,)),
    ],
)
def test_a_tube_with_impossible_numbers_is_refused(tmp_path, tube, size):
    content = {
        "labels": ["a"],
        "gttubes": {"a/b": {0: [np.array(tube)]}},
        "resolution": {"a/b": size},
    }
    (tmp_path / "t.pkl").write_bytes(pickle.dumps(content, 2))

    with pytest.raises(UserError, match="the tubes of a/b are damaged"):
        tubes.make(str(tmp_path / "t.pkl"), None).get("a/b")


@pytest.mark.parametrize(
    "row",
    [
        "99999999999999999999,1,2,3,4",
        "-1,1,2,3,4",
        "0.5,1,2,3,4",
        "nan,1,2,3,4",
        "0,1,2,inf,4",
        "0,1,2,1e300,4",
    ],
)
def test_a_box_with_impossible_numbers_is_refused_with_its_line(tmp_path, row):
    (tmp_path / "b.csv").write_text(f"video,frame,x1,y1,x2,y2\na,0,1,1,2,2\na,{row}\n")
    with pytest.raises(UserError, match=r"line 3 of .*b\.csv is not a box"):
        boxes.make(str(tmp_path / "b.csv"), None)


@pytest.mark.parametrize(
    "options", [{"do_compression": True}, {"do_compression": False}, {"format": "4"}]
)
def test_matlab_files_are_read_as_scipy_reads_them(options):
    for dtype in ("u1", "f8", "i2"):
        masks = np.arange(12).reshape(3, 4).astype(dtype)
        file = io.BytesIO()
        scipy.io.savemat(file, {"first": np.ones((2, 2)), "part_mask": masks}, **options)
        found = read_mat(io.BytesIO(file.getvalue()), "part_mask")
        np.testing.assert_array_equal(found, masks)
        assert read_mat(io.BytesIO(file.getvalue()), "absent") is None


def test_damaged_matlab_files_are_refused_wherever_they_are_damaged():
    """Some of these files crash scipy's compiled reader."""
    for compressed in (False, True):
        file = io.BytesIO()
        scipy.io.savemat(
            file, {"part_mask": np.ones((3, 4, 2), np.uint8)}, do_compression=compressed
        )
        content = file.getvalue()

        for place in range(124, len(content)):
            for value in (0, 1, 127, 255):
                damaged = content[:place] + bytes([value]) + content[place + 1 :]
                for cut in (damaged, damaged[:place]):
                    try:
                        found = read_mat(io.BytesIO(cut), "part_mask")
                    except MatError:
                        continue
                    assert found is None or found.nbytes <= 8 * 24


@pytest.fixture
def videos(tmp_path):
    """Writes four videos of three frames with masks."""
    (tmp_path / "masks").mkdir()
    for name in "abcd":
        (tmp_path / name).mkdir()
        for frame in range(3):
            cv2.imwrite(str(tmp_path / name / f"{frame}.png"), np.full((24, 32, 3), 90, np.uint8))
        np.savez(tmp_path / "masks" / f"{name}.npz", masks=np.ones((3, 24, 32), bool))

    return Manifest(
        tuple(str(tmp_path / name) for name in "abcd"),
        np.arange(4, dtype=np.int32),
        (*"abcd",),
        (*"abcd",),
    )


def test_a_damaged_mask_makes_one_training_video_unreadable(tmp_path, videos):
    with zipfile.ZipFile(tmp_path / "masks" / "b.npz", "w") as archive:
        archive.writestr("masks.npy", npy("(100000, 10000, 10000)"))

    aux_inputs = {"person_mask": PersonMasks(f"npz:{tmp_path / 'masks'}", videos.ids, videos.paths)}
    spec = ClipSpec(num_frames=2, stride=1, size=16, short_side=16)

    with train_batches(
        videos, spec, seed=0, batch_size=4, num_steps=2, aux_inputs=aux_inputs
    ) as stream:
        valid = {
            int(row): bool(ok)
            for batch in stream
            for row, ok in zip(batch["index"], batch["valid"], strict=True)
        }
        failures = dict(stream.failures)

    assert valid == {0: True, 1: False, 2: True, 3: True}
    ((path, reason),) = failures.items()
    assert path == videos.paths[1]
    assert "its masks cannot be read" in reason


def test_jhmdb_masks_that_are_a_link_to_themselves_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    os.symlink("puppet_mask.mat", tmp_path / "a" / "puppet_mask.mat")

    with pytest.raises(UserError, match="not a readable MATLAB file"):
        jhmdb.make(str(tmp_path), None).get("a")


@pytest.mark.parametrize(
    "change",
    [
        {"step": "three"},
        {"step": True},
        {"step": -1},
        {"num_steps": None},
        {"seconds_total": 10**400},
    ],
)
def test_a_damaged_summary_is_reported_in_one_sentence(tmp_path, change):
    sound = {"step": 3, "num_steps": 3, "best_step": 2, "seconds_total": 1.5}
    (tmp_path / "summary.json").write_text(json.dumps(sound))
    assert read_summary(tmp_path)["seconds_compiling"] == 0
    (tmp_path / "summary.json").write_text(json.dumps(sound | change))

    with pytest.raises(UserError, match=rf"{next(iter(change))} of .*summary\.json"):
        read_summary(tmp_path)

    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(UserError):
        read_summary(tmp_path)


def test_damaged_lines_of_the_metrics_are_skipped(tmp_path):
    lines = [
        b'{"step": 1, "loss": NaN}',
        b"\xff\xfe",
        b"[" * 5000,
        b'{"loss": 1}',
        b'{"step": 2, "loss": "x"}',
        b"7",
    ]
    lines += [b'{"step": 3, "loss": 1e999}', b'{"step": 4, "loss": 2.5}', b'{"step": 5, "lo']
    (tmp_path / "metrics.jsonl").write_bytes(b"\n".join(lines))
    assert [row["step"] for row in read_history(tmp_path)] == [1, 4]


def test_damaged_lines_of_a_journal_are_skipped(tmp_path):
    (tmp_path / "clips" / ".made").mkdir(parents=True)
    (tmp_path / "clips" / ".made" / "settings.json").write_text("{}")
    lines = [
        '["a", [{"id": "a__0"}], ""]',
        '["b", [7], ""]',
        '["c", 5, ""]',
        "3",
        "{}",
        "[[[]]]",
        '["d", [], "bad"]',
    ]
    (tmp_path / "clips" / ".made" / "1-of-1.jsonl").write_text("\n".join(lines) + '\n["e", [')
    made, failed = Journal(tmp_path / "clips", {}).read()
    assert (set(made), failed) == ({"a"}, {"d": "bad"})
    (tmp_path / "clips" / ".made" / "settings.json").write_text("[]")

    with pytest.raises(UserError, match=r"settings\.json is damaged"):
        Journal(tmp_path / "clips", {})


def test_a_pipe_in_place_of_a_record_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "metrics.jsonl")
    with pytest.raises(UserError, match=r"metrics\.jsonl: it is not a regular file; move it away"):
        read_history(tmp_path)


SOUND = {
    "config": {},
    "classes": ["a"],
    "videos": "x",
    "summary": {"step": 1, "num_steps": 2},
    "coverage": {"0": 1},
}


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("config", []),
        ("classes", "ab"),
        ("classes", [1]),
        ("classes", []),
        ("videos", None),
        ("summary", 3),
        ("coverage", {"-1": 1}),
        ("coverage", {"9" * 30: 1}),
        ("unreadable", {"a": 1}),
    ],
)
def test_a_checkpoint_with_invalid_metadata_is_refused(entry, value):
    assert check_meta(SOUND, "checkpoint 1", list(SOUND)) == SOUND
    with pytest.raises(UserError, match=f"'{entry}' of checkpoint 1"):
        check_meta(SOUND | {entry: value}, "checkpoint 1", [])

    with pytest.raises(UserError, match="has no metadata"):
        check_meta([], "checkpoint 1", [])

    with pytest.raises(UserError, match="lacks the entry 'config'"):
        check_meta({}, "checkpoint 1", ["config"])


@pytest.mark.parametrize(
    ("has", "needed", "sentence"),
    [
        ("progress", "classes", "by `albar downstream train`, but one of `albar train` is needed"),
        ("classes", "progress", "by `albar train`, but one of `albar downstream train` is needed"),
    ],
)
def test_a_sound_checkpoint_of_another_command_is_not_called_damaged(has, needed, sentence):
    with pytest.raises(UserError, match=f"^checkpoint 1 was written {sentence} here; choose"):
        check_meta({"config": {}, has: ["a"]}, "checkpoint 1", ["config", needed])


def test_a_summary_in_a_checkpoint_is_checked():
    assert summary_of(SOUND, "checkpoint 1").num_steps == 2
    for wrong in ({"steps": 1}, {"step": "one"}, {"step": 1.5}, {"stopped_by": 3}):
        with pytest.raises(UserError, match="the summary of checkpoint 1"):
            summary_of({"summary": wrong}, "checkpoint 1")


@pytest.mark.parametrize(
    "change",
    [
        {"depths": [10**9, 1]},
        {"depths": ["1", 1]},
        {"depths": 3},
        {"num_classes": True},
        {"embed_dim": None},
    ],
)
def test_an_invalid_network_is_not_built(tmp_path, change):
    model = {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "num_classes": 3}
    (tmp_path / "model.json").write_text(json.dumps(model | change))

    with pytest.raises(UserError, match=r"model\.json"):
        load_converted(tmp_path)


@pytest.mark.parametrize("field", ["9" * 200_000, "x" * 5000, "nan", "-0.5", "1e999"])
def test_a_very_long_field_in_predictions_takes_no_memory(tmp_path, field):
    rows = "".join(f"clip{number},0,0.5,0.5\n" for number in range(2000))
    (tmp_path / "p.csv").write_text(f"id,label,prob_0,prob_1\n{rows}last,0,0.5,{field[:100_000]}\n")

    with pytest.raises(UserError, match=r"p\.csv"):
        read_predictions(tmp_path / "p.csv")


@pytest.mark.parametrize(
    "text", ["[" * 10_000, "," * 200_000, "{0x" + "f" * 5000 + ": 'a'}", "x" * 200_000 + " 1\n"]
)
def test_a_class_list_that_would_take_forever_to_parse_is_refused(tmp_path, text):
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(UserError, match=r"classes\.txt"):
        read_class_list(tmp_path / "classes.txt")


def test_a_sentence_with_a_huge_field_is_shortened_and_keeps_its_remedy():
    sentence = in_words(UserError(f"the field {'9' * 100_000} is no number; delete it"))
    assert len(sentence) < 2100
    assert sentence.startswith("the field 999")
    assert sentence.endswith("9 is no number; delete it")
