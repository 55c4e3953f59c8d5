"""Claim: packed videos keep their bytes and their order, and nothing is lost by an interruption."""

import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest
from PIL import Image
from test_decode import bad_files

from albar_jax.data import checksums, record_folder, records, sources
from albar_jax.data.decode import DecodeError, open_video, read_frames
from albar_jax.data.loader import ClipSpec, eval_batches, train_batches
from albar_jax.data.manifest import read_manifest, write_manifest
from albar_jax.errors import StorageError, UserError

ROOT = pathlib.Path(__file__).parents[2]
CLASSES = ["clap", "jump", "wave"]
FILMS = [
    "mjpeg.avi",
    "xvid_bframes.avi",
    "vp9.webm",
    "h264_open_gop.mp4",
    "mpeg4_asp.mp4",
    "rotated_90.mp4",
]
SPEC = ClipSpec(num_frames=3, stride=2, size=24, short_side=32)


def write_frames(folder: pathlib.Path, order=range(1, 6)) -> None:
    folder.mkdir()
    for number in order:
        pixels = np.full((40, 48, 3), 40 * number, np.uint8)
        Image.fromarray(pixels).save(folder / f"frame{number:06d}.jpg")


@pytest.fixture(scope="module")
def home(films, tmp_path_factory) -> pathlib.Path:
    """Returns a folder with videos of every kind; one is damaged."""
    home = tmp_path_factory.mktemp("videos")
    for name in FILMS:
        # As in HMDB51, where names begin with a '#'.
        shutil.copy(films / name, home / f"#{name}")
    bad_files(home, films)
    write_frames(home / "clip__1")
    with zipfile.ZipFile(home / "clip__2.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((home / "clip__1").iterdir()):
            archive.write(file, file.name)
    shutil.copy(home / "clip__1" / "frame000003.jpg", home / "still.jpg")
    return home


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    paths = [f"#{name}" for name in FILMS] + [
        "clip__1",
        "clip__2.zip",
        "still.jpg",
        "cut.mp4",
        "empty.avi",
    ]
    splits = ("train", "test", "train")
    rows = [
        {"path": path, "label": CLASSES[i % 3], "split": splits[i % 3], "id": f"id {i}"}
        for i, path in enumerate(paths)
    ]
    return [*rows, rows[1] | {"id": "again"}]


@pytest.fixture(scope="module")
def packed(home, rows) -> list[dict]:
    """Returns rows of the records of `home`, in shards of one or two videos.

    Both manifests are in the same folder.
    """
    packed = records.pack("tiny", rows, CLASSES, home, shard_bytes=40_000)
    write_manifest(home / "files.csv", rows)
    write_manifest(home / "records.csv", packed)
    return packed


def run(program: str, *args, first: pathlib.Path = ROOT, **env) -> subprocess.CompletedProcess:
    """Runs a program that looks for modules in `first` before all other folders."""
    env = os.environ | {"PYTHONPATH": f"{first}{os.pathsep}{ROOT}"} | env
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, args)], env=env, capture_output=True, text=True
    )


def test_a_record_is_the_bytes_of_its_file(home, rows, packed):
    for row, record in zip(rows, packed, strict=True):
        source = home / row["path"]
        if source.is_file():
            assert records.read(str(home / record["path"])) == source.read_bytes()
    with zipfile.ZipFile(io.BytesIO(records.read(str(home / packed[6]["path"])))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            file.name: file.read_bytes() for file in (home / "clip__1").iterdir()
        }
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_records_keep_the_order_of_the_rows_and_repeated_paths_are_packed_once(rows, packed):
    for split in ("train", "test"):
        numbers = [row["path"].rsplit("/", 1)[1] for row in packed[:-1] if row["split"] == split]
        assert numbers == [str(number) for number in range(len(numbers))]
    assert packed[-1]["path"] == packed[1]["path"]
    for row, record in zip(rows, packed, strict=True):
        assert {key: record[key] for key in ("label", "split", "id")} == {
            key: row[key] for key in ("label", "split", "id")
        }


def test_tensorflow_datasets_knows_classes_splits_labels_and_ids(home, rows, packed):
    import tensorflow_datasets as tfds

    builder = tfds.builder("tiny", data_dir=home / "array_record")
    assert builder.info.features["label"].names == CLASSES
    for split in ("train", "test"):
        expected = [row for row in rows[:-1] if row["split"] == split]
        examples = list(builder.as_data_source(split))
        assert [example["id"].decode() for example in examples] == [row["id"] for row in expected]
        assert [CLASSES[example["label"]] for example in examples] == [
            row["label"] for row in expected
        ]


def test_shards_have_about_the_requested_size(home, packed):
    directory = records.location("tiny", home)
    info = json.loads((directory / "dataset_info.json").read_text())
    lengths = next(
        list(map(int, split["shardLengths"]))
        for split in info["splits"]
        if split["name"] == "train"
    )
    sizes = [len(records.read(f"{directory}#train/{number}")) for number in range(sum(lengths))]
    assert (
        len(list(directory.glob("tiny-train.array_record-*")))
        == len(lengths)
        == round(sum(sizes) / 40_000)
        > 1
    )
    for length in lengths:
        shard, sizes = sizes[:length], sizes[length:]
        assert abs(sum(shard) - 40_000) <= max(sizes + shard)


def batches(home, name, *, workers):
    manifest = read_manifest(home / name, CLASSES)
    train = train_batches(
        manifest, SPEC, seed=5, batch_size=4, num_steps=7, workers=workers, threads=2
    )
    test = eval_batches(manifest, SPEC, batch_size=5, workers=workers, threads=2)
    with train, test:
        read_batches = [*train, *test]
    # The damaged files: a truncated one and an empty one.
    assert sorted(manifest.paths.index(path) for path in test.failures) == [9, 10]
    return read_batches


@pytest.mark.parametrize("workers", [0, 1])
def test_manifest_and_records_give_the_same_batches(home, packed, workers):
    files = batches(home, "files.csv", workers=0)
    assert len(files) == 7 + 3
    assert sum(batch["valid"].sum() for batch in files) > 30
    for one, other in zip(files, batches(home, "records.csv", workers=workers), strict=True):
        for key in ("video", "label", "valid", "index"):
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def test_neither_packing_nor_reading_imports_tensorflow(films, tmp_path):
    """A fake package of that name leaves a trace when it is imported, even in a `try`."""
    (tmp_path / "first" / "tensorflow").mkdir(parents=True)
    trace = tmp_path / "trace"
    (tmp_path / "first" / "tensorflow" / "__init__.py").write_text(
        f"open({str(trace)!r}, 'w')\nraise ImportError\n"
    )
    shutil.copy(films / "mjpeg.avi", tmp_path / "a.avi")
    program = """
import pathlib, sys
from albar_jax.data import checksums, records
from albar_jax.data.decode import num_frames
out = pathlib.Path(sys.argv[1])
imported = [name for name in sys.modules if name.startswith("tensorflow")]
assert not imported, "imported before it is needed"
[row] = records.pack("one", [{"path": "a.avi", "label": "x"}], ["x"], out)
checksums.verify(records.location("one", out))
assert num_frames(out / row["path"]) == num_frames(out / "a.avi")
assert "tensorflow" not in sys.modules and "tensorflow_datasets" in sys.modules
"""
    (tmp_path / "tmp").mkdir()
    done = run(program, tmp_path, first=tmp_path / "first", TMPDIR=str(tmp_path / "tmp"))
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "tmp").iterdir())
    assert not trace.exists()
    assert (
        "ownload" not in done.stdout + done.stderr
        # tensorflow-datasets would print its downloads.
    )


def test_a_folder_gives_the_same_bytes_for_any_time_and_order_of_writing(tmp_path):
    data = []
    for name, order in (("a", (1, 2, 3)), ("b", (3, 1, 2))):
        write_frames(tmp_path / name, order)
        for file in (tmp_path / name).iterdir():
            os.utime(file, (1e9 + ord(name) * 1e6,) * 2)
        [row] = records.pack(name, [{"path": name, "label": 0}], ["x"], tmp_path)
        data.append(records.read(str(tmp_path / row["path"])))
    assert data[0] == data[1]


def test_only_frames_are_packed(tmp_path):
    write_frames(tmp_path / "clip")
    for name in ("flow_x_00001.jpg", "._frame000001.jpg", ".hidden.png", "notes.txt"):
        shutil.copy(tmp_path / "clip" / "frame000001.jpg", tmp_path / "clip" / name)
    [row] = records.pack("clip", [{"path": "clip", "label": 0}], ["x"], tmp_path)
    with zipfile.ZipFile(io.BytesIO(records.read(str(tmp_path / row["path"])))) as archive:
        assert archive.namelist() == [f"frame{number:06d}.jpg" for number in range(1, 6)]


def test_several_files_are_queried_at_a_time(one, disk_for_two):
    """One at a time would take hours on a mounted bucket."""
    disk_for_two([str(one / name) for name in FILMS[:2]])
    what = sources.plan_packing(one_rows()[:2], CLASSES, one)
    assert [file.size for file in what.splits["train"]] == [
        len((one / name).read_bytes()) for name in FILMS[:2]
    ]


def test_a_number_sign_in_a_name_makes_no_record(home, packed):
    assert all(records.is_record(str(home / row["path"])) for row in packed)
    for name in (
        "#mjpeg.avi",
        "#20_Rhythm_clap_u_nm_np1_fr_goo_0.avi",
        "#train/0",
        "x#train/0",
        "a#train/b.avi",
    ):
        assert not records.is_record(str(home / name)), name
    assert not records.is_record(str(records.location("tiny", home)))


def test_the_disk_is_queried_once_per_data_set(home, packed, monkeypatch):
    looks = []
    for module, name in ((os, "stat"), (os, "listdir"), (os.path, "isfile"), (os.path, "exists")):
        real = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, real=real, **k: looks.append(a) or real(*a, **k)
        )
    directory = records.location("tiny", home)
    manifest = home / "many.csv"
    write_manifest(
        manifest, [{"path": f"{directory}#train/0", "label": 0, "id": str(i)} for i in range(2000)]
    )
    looks.clear()
    assert len(read_manifest(manifest)) == 2000
    assert len(looks) < 20


def test_a_missing_record_is_named_with_the_reason(home, packed, tmp_path):
    directory = records.location("tiny", home)
    for name, wrong in (
        ("train/99", "7 records"),
        ("nope/0", "no split 'nope'; it has train, test"),
    ):
        assert not records.exists(f"{directory}#{name}")
        with pytest.raises(DecodeError, match=wrong):
            open_video(f"{directory}#{name}")
        write_manifest(tmp_path / "m.csv", [{"path": f"{directory}#{name}", "label": 0}])
        with pytest.raises(UserError, match=f"1 of 1 videos .* do not exist, .*#{name} first"):
            read_manifest(tmp_path / "m.csv")


@pytest.fixture
def one(films, tmp_path) -> pathlib.Path:
    """Returns a folder with a data set "one", which a test may damage.

    It has three videos in two shards.
    """
    for name in FILMS[:3]:
        shutil.copy(films / name, tmp_path / name)
    records.pack("one", one_rows(), CLASSES, tmp_path, shard_bytes=30_000)
    return tmp_path


def one_rows() -> list[dict]:
    return [{"path": name, "label": i, "split": "train"} for i, name in enumerate(FILMS[:3])]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="the tool of GNU coreutils")
def test_sha256sum_verifies_every_file(one):
    directory = records.location("one", one)
    done = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=directory, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(": OK\n") == len(list(directory.iterdir())) - 1


def test_a_damaged_shard_is_found_and_named(one):
    directory = records.location("one", one)
    checksums.verify(directory)
    shard = sorted(directory.glob("*array_record-*"))[0]
    data = bytearray(shard.read_bytes())
    # In the first record.
    data[5_000] ^= 1
    shard.write_bytes(data)
    with pytest.raises(UserError, match=f"{shard.name} is damaged"):
        checksums.verify(directory)
    with pytest.raises(
        StorageError, match=f"{shard.name} is damaged: .* copy it again, or pack the data set again"
    ):
        records.read(f"{directory}#train/0")
    assert read_frames(f"{directory}#train/2", [0]).any()
    shard.unlink()
    with pytest.raises(UserError, match=shard.name):
        checksums.verify(directory)
    with pytest.raises(UserError, match=f"lacks 1 of its files, such as {shard.name}"):
        record_folder.read_folder(str(directory))


def test_packing_again_leaves_the_same_records_and_refuses_others(one, capsys):
    directory = records.location("one", one)
    before = {file: (file.stat().st_mtime_ns, file.stat().st_ino) for file in directory.iterdir()}
    assert (
        records.pack("one", one_rows(), CLASSES, one)[2]["path"] == "array_record/one/1.0.0#train/2"
    )
    assert "already exists" in capsys.readouterr().out
    others = (
        one_rows()[:2],
        [row | {"label": 0} for row in one_rows()],
        [row | {"id": "x"} for row in one_rows()],
    )
    for rows, classes in [*((rows, CLASSES) for rows in others), (one_rows(), CLASSES[::-1])]:
        with pytest.raises(UserError, match="other videos"):
            records.pack("one", rows, classes, one)
    assert before == {
        file: (file.stat().st_mtime_ns, file.stat().st_ino) for file in directory.iterdir()
    }


def test_records_packed_again_are_read_again(one):
    path = f"{records.location('one', one)}#train/2"
    assert records.read(path) == (one / FILMS[2]).read_bytes()
    shutil.rmtree(records.location("one", one))
    records.pack("one", one_rows()[::-1], CLASSES, one)
    assert records.read(path) == (one / FILMS[0]).read_bytes()
    shutil.copytree(one, one / "copy")
    record = str(one / "copy" / "array_record" / "two" / "1.0.0") + "#train/0"
    assert not records.is_record(record)
    records.pack("two", one_rows(), CLASSES, one / "copy")
    assert records.is_record(record)


@pytest.mark.parametrize("moment", ["record_builder.encoded", "checksums.write"])
def test_a_killed_packing_leaves_nothing_that_looks_finished(films, tmp_path, monkeypatch, moment):
    shutil.copy(films / "mjpeg.avi", tmp_path)
    shutil.copy(films / "vp9.webm", tmp_path)
    rows = [{"path": name, "label": 0} for name in ("mjpeg.avi", "vp9.webm")]
    program = """
import os, signal, sys
from albar_jax.data import checksums, record_builder, records
module, name = sys.argv[2].split(".")
real = getattr(globals()[module], name)
calls = []
def die_at_the_last(path):
    calls.append(path)
    return os.kill(os.getpid(), signal.SIGKILL) if "mjpeg" not in str(path) else real(path)
setattr(globals()[module], name, die_at_the_last)
rows = [{"path": name, "label": 0} for name in ("mjpeg.avi", "vp9.webm")]
records.pack("two", rows, ["x"], sys.argv[1], shard_bytes=1)
"""
    assert run(program, tmp_path, moment).returncode == -9
    assert not records.location("two", tmp_path).exists()
    # It was killed after some work.
    assert list(tmp_path.rglob("*array_record-*"))
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=0))
        with pytest.raises(UserError, match="0.0 GB free"):
            records.pack("two", rows, ["x"], tmp_path)
    assert not list(
        tmp_path.rglob("*array_record-*")
        # So that its remains do not fill the disk.
    )
    [_, row] = records.pack("two", rows, ["x"], tmp_path)
    assert records.read(str(tmp_path / row["path"])) == (tmp_path / "vp9.webm").read_bytes()
    checksums.verify(records.location("two", tmp_path))


def test_a_file_that_cannot_be_read_is_named_before_anything_is_packed(one):
    with pytest.raises(
        StorageError,
        match="cannot read .*gone.avi: No such file",
        # Or while the others were packed.
    ):
        sources.encoded(str(one / "gone.avi"))
    os.mkfifo(one / "pipe.avi")
    for name in ("missing.avi", "pipe.avi"):
        with pytest.raises((UserError, StorageError), match=f"cannot read .*{name}"):
            records.pack("bad", [*one_rows(), {"path": name, "label": 0}], CLASSES, one)
    assert sorted(path.name for path in (one / "array_record").iterdir()) == ["one"]


def test_a_video_too_large_for_a_record_is_named_before_anything_is_packed(one):
    with open(one / "long.avi", "wb") as file:
        # A hole takes no space.
        file.truncate(1 << 31)
    with pytest.raises(UserError, match="long.avi has 2.1 GB"):
        records.pack("long", [{"path": "long.avi", "label": 0}], CLASSES, one)


def test_a_large_data_set_has_larger_shards_rather_than_too_many(one, monkeypatch):
    monkeypatch.setattr(records, "SHARD_BYTES", 1)
    for most, count in ((1, 1), (100, 3)):
        monkeypatch.setattr(records, "MAX_SHARDS", most)
        records.pack(f"at_most_{most}", one_rows(), CLASSES, one)
        assert len(list(records.location(f"at_most_{most}", one).glob("*array_record-*"))) == count


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("bad", {"label": "swim"}, "'swim' is neither one of the 3 classes"),
        ("bad", {"label": 3}, "'3' is neither"),
        ("bad", {"split": "all"}, "the split 'all' cannot be packed"),
        ("bad", {"split": "a/b"}, "the split 'a/b' cannot be packed"),
        ("My videos", {}, "'My videos'"),
    ],
)
def test_a_mistake_in_packing_is_one_sentence(one, name, change, message):
    with pytest.raises(UserError, match=message):
        records.pack(name, [one_rows()[0] | change], CLASSES, one)


def test_ids_follow_the_rule_of_the_manifest_without_a_column(one):
    write_manifest(one / "files.csv", one_rows())
    write_manifest(one / "records.csv", records.pack("one", one_rows(), CLASSES, one))
    assert read_manifest(one / "records.csv").ids == read_manifest(one / "files.csv").ids


def test_a_second_process_may_not_pack_into_the_same_folder(one):
    import fcntl

    with open(one / "array_record" / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process"):
            records.pack("two", one_rows(), CLASSES, one)


@pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="where Linux tells the peak of memory"
)
def test_memory_stays_flat_however_large_a_shard_is(tmp_path):
    chunk = random.Random(0).randbytes(1_000_000)
    for number in range(128):
        (tmp_path / str(number)).write_bytes(chunk)
    program = """
import re, sys
from albar_jax.data import record_builder, records
# Not getrusage: a process starts with the peak of the one that started it.
peak = lambda: int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
before = peak()
rows = [{"path": str(i), "label": 0} for i in range(128)]
records.pack("junk", rows, ["x"], sys.argv[1], shard_bytes=1 << 30)
print(peak() - before)
"""
    done = run(program, tmp_path)
    assert len(list(tmp_path.rglob("junk-*"))) == 1
    assert int(done.stdout) < 64 * 1024, f"{done.stdout} KiB to pack 128 MB"


def test_a_fork_of_a_process_that_used_records_is_refused(one):
    """After a fork, opening a shard would be a segmentation fault."""
    program = """
import os, sys
from albar_jax.data import checksums, records
records.read(sys.argv[1] + "#train/0")
if os.fork() == 0:
    records.read(sys.argv[1] + "#train/2")
os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    done = run(program, records.location("one", one))
    assert done.returncode == 1
    assert "forked" in done.stderr
