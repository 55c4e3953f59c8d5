"""Claim: pickles are read without running anything in them, and their numbers are right."""

import copyreg
import os
import pickle
import struct

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.storage import inert_pickle

CONTENT = {
    "labels": ["Basketball", "Fencing"],
    "gttubes": {"Fencing/v": {1: [np.array([[1, 2.5, 3, 4, 5], [2, 3, 4, 5, 6]], np.float32)]}},
    "nframes": {"Fencing/v": np.int64(7)},
    "resolution": {"Fencing/v": (240, 320)},
    "columns": np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
    "flags": np.array([True, False]),
}


class Python2Pickler(pickle._Pickler):
    """Writes pickles like Python 2: text and bytes are the same, numpy is in numpy.core."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        data = value.encode("latin1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)
        if id(value) not in self.memo:
            self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_string

    def save_global(self, value, name=None):
        module = pickle.whichmodule(value, name or value.__name__).replace("_core", "core")
        self.write(pickle.GLOBAL + f"{module}\n{name or value.__name__}\n".encode())
        self.memoize(value)

    dispatch[type] = save_global


def write(path, content, protocol):
    with open(path, "wb") as file:
        (
            Python2Pickler(file, 2) if protocol == "python 2" else pickle.Pickler(file, protocol)
        ).dump(content)
    return path


@pytest.mark.parametrize("protocol", ["python 2", 0, 1, 2, 3, 4])
def test_numbers_arrays_and_text_come_out_as_they_went_in(tmp_path, protocol):
    content = inert_pickle.read(write(tmp_path / "a.pkl", CONTENT, protocol))
    assert content["labels"] == CONTENT["labels"]
    assert content["resolution"] == CONTENT["resolution"]
    assert type(content["nframes"]["Fencing/v"]) is int
    assert content["nframes"]["Fencing/v"] == 7
    pairs = [(content["gttubes"]["Fencing/v"][1][0], CONTENT["gttubes"]["Fencing/v"][1][0])]
    for read, written in (*pairs, *((content[key], CONTENT[key]) for key in ("columns", "flags"))):
        assert type(read) is inert_pickle.Array
        assert np.asarray(read).dtype == written.dtype
        np.testing.assert_array_equal(np.asarray(read), written)


def test_an_array_as_python_2_writes_it(tmp_path):
    (tmp_path / "a.pkl").write_bytes(
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02"
        b"K\x00\x85q\x03U\x01bq\x04\x87Rq\x05"
        b"(K\x01K\x01\x85q\x06cnumpy\ndtype\nq\x07U\x02f4q\x08K\x00K\x01\x87Rq\x09"
        b"(K\x03U\x01<q\x0aNNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x04\x00\x00\xc0?tb."
    )
    np.testing.assert_array_equal(
        np.asarray(inert_pickle.read(tmp_path / "a.pkl")), np.float32([1.5])
    )


class Calls:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function, *arguments):
        self.order = function, arguments

    def __reduce__(self):
        return self.order


@pytest.fixture
def trace(tmp_path):
    """Returns a folder that every malicious pickle here makes when it runs."""
    return tmp_path / "it ran"


def malicious(trace):
    """Returns pickles by name. Each was seen to make the folder when pickle itself loads it."""
    name = str(trace)
    statement = f"__import__('os').mkdir({name!r})"
    objects = np.empty(1, object)
    objects[0] = Calls(os.mkdir, name)
    return {
        "call": pickle.dumps(Calls(os.mkdir, name), 2),
        "call, framed": pickle.dumps(Calls(os.mkdir, name), 4),
        "eval": pickle.dumps(Calls(eval, statement), 2),
        "in a value": pickle.dumps({"labels": [1, {"a": Calls(os.mkdir, name)}]}, 4),
        "in an array of objects": pickle.dumps(objects, 4),
        "inst": f"(S{name!r}\niposix\nmkdir\n.".encode(),
        "obj": f"(cposix\nmkdir\nS{name!r}\no.".encode(),
        "by way of numpy": f"cnumpy\nndarray.__init__\n(S{name!r}\ntR.".encode(),
        "dotted": b"\x80\x04\x8c\x02os\x8c\x0dpath.os.mkdir\x93"
        + pickle.dumps((name,), 4)[2:-1]
        + b"R.",
        "extension": b"\x80\x02\x82\xf0" + pickle.dumps((name,), 2)[2:-1] + b"R.",
    }


OBEYED = [
    "call",
    "call, framed",
    "eval",
    "in a value",
    "in an array of objects",
    "inst",
    "dotted",
    "extension",
]
NAMES = [*OBEYED, "obj", "by way of numpy"]


@pytest.fixture
def extension():
    """Registers a number that stands for os.mkdir in pickles."""
    copyreg.add_extension(os.mkdir.__module__, "mkdir", 0xF0)
    yield
    copyreg.remove_extension(os.mkdir.__module__, "mkdir", 0xF0)
    copyreg._extension_cache.pop(0xF0, None)


@pytest.mark.parametrize("name", NAMES)
def test_a_malicious_pickle_runs_nothing(tmp_path, trace, extension, name):
    path = tmp_path / "malicious.pkl"
    path.write_bytes(malicious(trace)[name])
    with pytest.raises(UserError, match="could run code") as refusal:
        inert_pickle.read(path)
    assert str(path) in str(refusal.value)
    assert not trace.exists()


@pytest.mark.parametrize("name", OBEYED)
def test_pickle_itself_would_run_the_malicious_pickle(trace, extension, name):
    pickle.loads(malicious(trace)[name])
    assert trace.is_dir()


@pytest.mark.parametrize(
    "stand_in", sorted({f"{module}\n{name}" for module, name in inert_pickle.STAND_INS})
)
@pytest.mark.parametrize(
    "state", [b"(dS'__init__'\nI1\ns", b"(N(dS'read'\nI1\nsS'x'\nI1\nst", b"(N(dS'__new__'\nI1\nst"]
)
def test_a_pickle_cannot_change_the_stand_ins(tmp_path, stand_in, state):
    kind = inert_pickle.STAND_INS[tuple(stand_in.split("\n"))]
    before = dict(vars(kind))
    (tmp_path / "a.pkl").write_bytes(f"c{stand_in}\n".encode() + state + b"b.")
    with pytest.raises(UserError, match="not a readable pickle"):
        inert_pickle.read(tmp_path / "a.pkl")
    assert dict(vars(kind)) == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps(CONTENT, 2)[:200],
        b"\x80\x09N.",
        b"P1\n.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
    ],
)
def test_a_file_that_is_no_pickle_is_one_sentence(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.pkl is not a readable pickle"):
        inert_pickle.read(tmp_path / "a.pkl")


def test_arrays_of_anything_but_numbers_are_refused(tmp_path):
    for array in (
        np.array(["text"]),
        np.zeros(2, "datetime64[s]"),
        np.zeros(1, [("a", "i4")]),
        np.array([None]),
    ):
        path = write(tmp_path / "a.pkl", array, 2)
        with pytest.raises(UserError, match="are not numbers|is refused"):
            inert_pickle.read(path)
