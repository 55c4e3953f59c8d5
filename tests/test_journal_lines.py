"""Claim: incomplete or damaged lines of a journal are ignored."""

import contextlib
import json

from albar_jax import cli
from albar_jax.data.prepare.journal import check_again
from albar_jax.storage.journal_lines import seal, unseal

ENTRIES = [["a\tb", 12, ""], ["é", 3, "damaged\nframe"]]


def entries(content: bytes) -> list:
    """Returns the entries that a caller accepts."""
    found = []
    for line in unseal(content.splitlines()):
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def test_entries_are_read_back():
    assert entries(b"".join(map(seal, ENTRIES))) == ENTRIES


def test_no_flipped_bit_gives_another_entry():
    content = b"".join(map(seal, ENTRIES))
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            assert all(entry in ENTRIES for entry in entries(bytes(flipped))), (place, bit)


def test_no_cut_gives_another_entry():
    content = b"".join(map(seal, ENTRIES))
    for place in range(len(content)):
        assert all(entry in ENTRIES for entry in entries(content[:place]))


def test_lines_of_older_versions_are_accepted():
    content = b"".join(json.dumps(entry).encode() + b"\n" for entry in ENTRIES)
    assert entries(content) == ENTRIES


def test_a_flipped_number_in_the_journal_of_a_check_is_checked_again(world_dir, tmp_path):
    video, journal = (
        str(world_dir / "videos" / "test" / "test_00000.avi"),
        tmp_path / "journal.jsonl",
    )
    frames = check_again([video], journal, jobs=1, deadline=60)[video].frames
    line = journal.read_bytes()
    journal.write_bytes(line.replace(f", {frames}, ".encode(), f", {frames ^ 1}, ".encode()))
    assert journal.read_bytes() != line
    assert check_again([video], journal, jobs=1, deadline=60)[video].frames == frames


def scuba(world_dir, out) -> list[str]:
    masks = f"--masks=npz:{world_dir}/masks"
    return [
        "scuba",
        f"--manifest={world_dir}/manifest.csv",
        "--split=test",
        masks,
        "--backgrounds=stripe",
        f"--out={out}",
    ]


def test_a_flipped_number_in_the_journal_of_clips_changes_no_manifest(world_dir, tmp_path):
    out = tmp_path / "scuba"
    assert cli.call("synthesize", scuba(world_dir, out)) == 0
    manifest = (tmp_path / "scuba.csv").read_bytes()
    (journal,) = (out / ".made").glob("*.jsonl")
    line = journal.read_bytes()
    journal.write_bytes(line.replace(b'"frames": 8', b'"frames": 9', 1))
    assert journal.read_bytes() != line
    assert cli.call("synthesize", scuba(world_dir, out)) == 0
    assert (tmp_path / "scuba.csv").read_bytes() == manifest
