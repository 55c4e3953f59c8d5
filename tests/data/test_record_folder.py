"""Claim: no folder of records determines what is imported or opened, and all damage is reported."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from array_record.python.array_record_module import ArrayRecordWriter

from albar_jax.data import checksums, record_comparison, record_example, records, shard_sums
from albar_jax.data.decode import DecodeError
from albar_jax.data.loader import ClipSpec, eval_batches, train_batches
from albar_jax.data.manifest import read_manifest, write_manifest
from albar_jax.data.record_comparison import with_verified_shards
from albar_jax.data.record_folder import read_folder
from albar_jax.errors import StorageError, UserError
from albar_jax.parallel.mesh import data_mesh
from albar_jax.wiring.video_feed import VideoFeed

ROOT = Path(__file__).parents[2]
FILMS = ["mjpeg.avi", "vp9.webm", "mpeg4_asp.mp4"]
SPEC = ClipSpec(num_frames=2, stride=1, size=24, short_side=32)
SHARD = "films-train.array_record-00000-of-00002"


@pytest.fixture(scope="module")
def original(films, tmp_path_factory) -> Path:
    """Packs a data set of three films in two shards with its manifest; returns its folder."""
    home = tmp_path_factory.mktemp("original")
    for name in FILMS:
        shutil.copy(films / name, home)
    rows = [
        {"path": name, "label": number % 2, "split": "train"} for number, name in enumerate(FILMS)
    ]
    write_manifest(
        home / "manifest.csv", records.pack("films", rows, ["a", "b"], home, shard_bytes=30_000)
    )
    return home


@pytest.fixture
def home(original, tmp_path) -> Path:
    """Returns a copy of the data set that a test may change."""
    shutil.copytree(original / "array_record", tmp_path / "home" / "array_record")
    shutil.copy(original / "manifest.csv", tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def folder(home) -> Path:
    return records.location("films", home)


def change(folder: Path, name: str, edit) -> None:
    """Edits a JSON file and updates its sum, as an attacker would."""
    content = json.loads((folder / name).read_text())
    changed = edit(content)
    (folder / name).write_text(json.dumps(content if changed is None else changed))
    checksums.write(folder)


def flip(path: Path, place: int) -> None:
    """Flips a bit without a change of the size or the times."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def run(program: str, *arguments, first: Path, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    env = os.environ | {"PYTHONPATH": f"{first}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True)


def test_no_class_that_a_data_set_names_is_imported(home, folder, tmp_path):
    trace = tmp_path / "trace"
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "foreign.py").write_text(
        f"open({str(trace)!r}, 'w')\nclass Text: ...\n"
    )
    read = """
import sys
from albar_jax.data import records
from albar_jax.data.manifest import read_manifest
from albar_jax.errors import exit_status
def work():
    for path in read_manifest(sys.argv[1] + "/manifest.csv").paths:
        records.read(path)
status = exit_status(work)
assert "tensorflow_datasets" not in sys.modules
sys.exit(status)
"""
    assert run(read, home, first=tmp_path / "modules").returncode == 0

    def name_another(content):
        content["featuresDict"]["features"]["id"]["pythonClassName"] = "foreign.Text"

    change(folder, "features.json", name_another)
    done = run(read, home, first=tmp_path / "modules")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "features.json names the class 'foreign.Text' for the feature 'id'" in line
    assert not trace.exists()


def test_records_are_what_tensorflow_datasets_reads(home, folder, films):
    import tensorflow_datasets as tfds

    source = tfds.builder_from_directory(folder).as_data_source("train")
    ours = [records.read(f"{folder}#train/{number}") for number in range(3)]
    assert (
        ours
        == [bytes(example["video"]) for example in source]
        == [(films / name).read_bytes() for name in FILMS]
    )


def split(**fields):
    return lambda info: info["splits"][0].update(fields)


def feature(name, **fields):
    return lambda content: content["featuresDict"]["features"].setdefault(name, {}).update(fields)


def drop_video(content):
    del content["featuresDict"]["features"]["video"]


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        (
            "features.json",
            feature("fps", pythonClassName="x.Y"),
            "class 'x.Y' for the feature 'fps'",
        ),
        ("features.json", drop_video, "names no class for the feature 'video'"),
        (
            "features.json",
            lambda c: c.update(pythonClassName="os.system"),
            "'os.system' for the features",
        ),
        ("features.json", lambda _: [], "features.json is damaged"),
        ("features.json", lambda _: {"featuresDict": {"features": []}}, "features.json is damaged"),
        (
            "dataset_info.json",
            lambda i: i.update(name="../films"),
            "'../films' is not a valid name",
        ),
        ("dataset_info.json", lambda i: i.update(name=["films"]), "is not a valid name"),
        (
            "dataset_info.json",
            lambda i: i.update(fileFormat="tfrecord"),
            "the format is 'tfrecord'",
        ),
        ("dataset_info.json", lambda i: i.update(splits=3), "dataset_info.json is damaged"),
        (
            "dataset_info.json",
            lambda i: i["splits"].append(i["splits"][0]),
            "'train' is not a valid name of a split, or occurs",
        ),
        ("dataset_info.json", split(name="../train"), "'../train' is not a valid name of a split"),
        (
            "dataset_info.json",
            split(filepathTemplate="/etc/{DATASET}"),
            "the files of the split 'train' are '/etc/",
        ),
        (
            "dataset_info.json",
            split(filepathTemplate="{0.__class__}"),
            "the files of the split 'train' are ",
        ),
        (
            "dataset_info.json",
            split(shardLengths=["1"] * 3),
            "lacks films-train.array_record-00000-of-00003",
        ),
        (
            "dataset_info.json",
            split(shardLengths=["1"] * 1000),
            "more shards than the folder has files",
        ),
        ("dataset_info.json", split(shardLengths=["-1", "1"]), "'-1' is not a number of records"),
        ("dataset_info.json", split(shardLengths=["9" * 5000, "1"]), "is not a number of records"),
        ("dataset_info.json", split(shardLengths=[1.5, "1"]), "'1.5' is not a number of records"),
        ("dataset_info.json", split(shardLengths=None), "dataset_info.json is damaged"),
    ],
)
def test_metadata_that_packing_never_writes_is_refused_in_one_sentence(
    home, folder, name, edit, message
):
    change(folder, name, edit)
    with pytest.raises(UserError, match=message) as refusal:
        read_manifest(home / "manifest.csv")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["features.json", "dataset_info.json", "metadata.json"])
def test_json_of_a_hundred_thousand_brackets_is_damage(home, folder, films, name):
    (folder / name).write_text("[" * 100_000)
    checksums.write(folder)
    if name == "metadata.json":
        for film in FILMS:
            shutil.copy(films / film, home)
        rows = [{"path": film, "label": 0, "split": "train"} for film in FILMS]
        with pytest.raises(UserError, match="holds other videos"):
            records.pack("films", rows, ["a"], home)
    else:
        with pytest.raises(UserError, match=f"{name} is damaged .*nested"):
            read_folder(str(folder))


def test_a_missing_shard_is_named(home, folder):
    (folder / SHARD).unlink()
    for _ in range(2):
        with pytest.raises(UserError, match=f"lacks .*{SHARD}"):
            read_folder(str(folder))
        checksums.write(folder)


@pytest.mark.parametrize("name", ["dataset_info.json", "SHA256SUMS"])
def test_metadata_of_gigabytes_is_not_read_into_memory(folder, name):
    with open(folder / name, "r+b") as file:
        file.truncate(1 << 36)
    if name != "SHA256SUMS":
        (folder / "SHA256SUMS").unlink()
    with pytest.raises(
        UserError, match="dataset_info.json has more than|is not a list of SHA-256 sums"
    ):
        read_folder(str(folder))


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "..", "a/b", "x\\n"])
def test_a_sum_of_a_file_outside_the_folder_is_refused(folder, name):
    with open(folder / "SHA256SUMS", "a") as sums:
        sums.write(f"{'0' * 64}  {name}\n")
    for read in (read_folder, checksums.verify):
        with pytest.raises(
            UserError, match="is not a list of SHA-256 sums of the files in its folder"
        ):
            read(str(folder))


@pytest.mark.parametrize("name", [SHARD, "features.json", "dataset_info.json", "SHA256SUMS"])
def test_a_link_out_of_the_folder_and_a_pipe_are_refused(folder, tmp_path, name):
    shutil.move(folder / name, tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    if name != "SHA256SUMS":
        with pytest.raises(UserError, match=f"{name} is a link out of its folder; .* `cp -L`"):
            read_folder(str(folder))
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(UserError, match="is not a regular file|is not a list"):
        read_folder(str(folder))


def test_a_folder_that_is_itself_a_link_is_read(home, folder, tmp_path):
    (tmp_path / "linked").symlink_to(home)
    paths = read_manifest(tmp_path / "linked" / "manifest.csv").paths
    assert [records.read(path) for path in paths] == [
        records.read(f"{folder}#train/{i}") for i in range(3)
    ]


def test_a_wrong_number_of_records_ends_the_run(folder):
    change(folder, "dataset_info.json", split(shardLengths=["7", "1"]))
    with pytest.raises(
        StorageError,
        match=rf"{SHARD} has 1 records, but dataset_info.json in the same folder says 7",
    ):
        records.read(f"{folder}#train/0")


@pytest.mark.parametrize("digits", [13, 5000])
def test_a_record_number_of_many_digits_names_no_record(folder, digits):
    assert not records.is_record(f"{folder}#train/{'9' * digits}")
    assert not records.is_record(f"a\0{folder}#train/0")


def field(number: int, content: bytes) -> bytes:
    """Encodes a field of a protocol buffer."""
    return bytes([number << 3 | 2, len(content)]) + content


def example(feature: bytes) -> bytes:
    """Encodes a tf.train.Example whose only feature is `video`."""
    return field(1, field(1, field(1, b"video") + field(2, feature)))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"junk", "not a tf.train.Example"),
        (b"", "0 values of the feature 'video'"),
        (example(field(1, field(1, b"one") + field(1, b"two"))), "2 values of the feature 'video'"),
        (example(field(2, field(1, bytes(4)))), "0 values of the feature 'video'"),
    ],
    ids=["junk", "nothing", "two videos", "floats"],
)
def test_a_record_without_one_video_is_unreadable(folder, record, reason):
    with pytest.raises(ValueError, match=reason):
        record_example.video_of(record)
    writer = ArrayRecordWriter(str(folder / SHARD), "group_size:1")
    writer.write(record)
    writer.close()
    checksums.write(folder)
    with pytest.raises(DecodeError, match=rf"{folder}#train/0: .*({reason})"):
        records.read(f"{folder}#train/0")


def training(home, **options):
    videos = read_manifest(home / "manifest.csv")
    loader = train_batches(videos, SPEC, seed=0, batch_size=2, num_steps=20, **options)
    return VideoFeed(data_mesh()).batches(loader, videos)


def evaluation(home, **options):
    videos = read_manifest(home / "manifest.csv")
    loader = eval_batches(videos, SPEC, batch_size=2, **options)
    return VideoFeed(data_mesh()).batches(loader, videos)


@pytest.mark.parametrize("batches", [training, evaluation])
@pytest.mark.parametrize("place", [5_000, 100_000])
def test_a_flipped_bit_ends_training_and_evaluation_and_the_shard_is_named(
    home, folder, batches, place
):
    """The bit is in the first record, or in the padding after it, which belongs to no record."""
    flip(folder / SHARD, place)
    with pytest.raises(
        StorageError, match=rf"{SHARD} is damaged: .*; copy it again, or pack the data set again"
    ):
        list(batches(home))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_flipped_bit_is_found_by_reading_its_record_alone(home, folder, workers):
    flip(folder / SHARD, 5_000)
    videos = read_manifest(home / "manifest.csv")
    sentence = rf"{SHARD} is damaged: .*; copy it again, or pack the data set again"
    with (
        eval_batches(videos, SPEC, batch_size=3, workers=workers) as batches,
        pytest.raises(StorageError, match=sentence),
    ):
        list(batches)


def test_without_sums_a_flipped_bit_makes_one_video_unreadable_and_a_note_is_printed(
    home, folder, capfd
):
    (folder / "SHA256SUMS").unlink()
    flip(folder / SHARD, 5_000)
    videos = read_manifest(home / "manifest.csv")
    feed = VideoFeed(data_mesh())
    list(feed.batches(eval_batches(videos, SPEC, batch_size=3), videos))
    assert list(feed.failures) == [videos.paths[0]]
    assert capfd.readouterr().err.count(f"note: {folder} has no SHA256SUMS") == 1


def test_a_file_without_a_sum_is_named_in_a_note(home, folder, capfd):
    (folder / "extra.bin").touch()
    (folder / ".DS_Store").touch()
    assert len(list(evaluation(home))) == 2
    assert "1 files that SHA256SUMS does not list, such as extra.bin" in capfd.readouterr().err


def test_sound_shards_are_read_once_per_process(home, folder, monkeypatch):
    read = []
    real = checksums.digest_of
    monkeypatch.setattr(
        checksums, "digest_of", lambda path: read.append(Path(path).name) or real(path)
    )
    for _ in range(2):
        assert len(list(evaluation(home))) == 2
    assert sorted(read) == [SHARD, SHARD.replace("00000-of", "00001-of")]


def test_large_data_sets_are_verified_while_their_videos_are_read(home, folder, monkeypatch, capfd):
    monkeypatch.setattr(record_comparison, "WAIT_BYTES", 0)
    flip(folder / SHARD, 100_000)
    paths = read_manifest(home / "manifest.csv").paths
    taken = []
    slow = (taken.append(time.sleep(0.01)) for _ in range(1000))
    with pytest.raises(StorageError, match=f"{SHARD} is damaged"):
        list(with_verified_shards(slow, paths))
    assert len(taken) < 1000
    assert "note: verifying 2 shards against SHA256SUMS in the background" in capfd.readouterr().err


def test_a_note_is_printed_if_a_run_ends_before_its_shards_are_verified(
    home, folder, monkeypatch, capfd
):
    monkeypatch.setattr(record_comparison, "WAIT_BYTES", 0)
    monkeypatch.setattr(record_comparison._Comparison, "_run", lambda self: None)
    assert list(with_verified_shards([1, 2], read_manifest(home / "manifest.csv").paths)) == [1, 2]
    assert "note: 2 of 2 shards were not verified by SHA256SUMS" in capfd.readouterr().err


def test_a_shard_is_verified_again_after_a_fault(folder):
    """A disk may flip a bit later without changing the modification time of the file."""
    sums = checksums.read(folder)
    shard_sums.refuse_damaged(str(folder / SHARD), sums, "in advance")
    flip(folder / SHARD, 5_000)
    with pytest.raises(StorageError, match=f"{SHARD} is damaged"):
        records.read(f"{folder}#train/0")


def test_packing_does_not_write_into_an_existing_link(films, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "films" / "1.0.0").mkdir(parents=True)
    out = tmp_path / "out"
    (out / "array_record").mkdir(parents=True)
    (out / "array_record" / ".films.incomplete").symlink_to(elsewhere)
    shutil.copy(films / FILMS[0], out)
    records.pack("films", [{"path": FILMS[0], "label": 0}], ["a"], out)
    assert list(elsewhere.rglob("*")) == [elsewhere / "films", elsewhere / "films" / "1.0.0"]
