"""Tests that PyTorch files are read without PyTorch and without running code in them.

`files/make.py` made the files.
"""

import bz2
import copyreg
import gzip
import io
import lzma
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.weights import stand_ins, torch_files, torch_pickle

FILES = Path(__file__).parent / "files"
NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_both_formats_are_read_to_the_bit(name):
    state = torch_files.read_state_dict(FILES / name)

    for key in ("float32", "tied", "parameter", "float16", "bfloat16", "float64"):
        np.testing.assert_array_equal(state[key], NUMBERS)
        assert state[key].dtype == np.float32
    np.testing.assert_array_equal(state["transposed"], NUMBERS.T)
    np.testing.assert_array_equal(state["strided"], np.arange(24).reshape(4, 6)[::2, 1::2])
    assert (state["scalar"], state["empty"].shape, state["count"], state["count"].dtype) == (
        3,
        (0, 3),
        7,
        np.int64,
    )


def test_numbers_of_eight_bits_are_read():
    state = torch_files.read_state_dict(FILES / "zip.pth")

    for name in ("float8_e4m3fn", "float8_e5m2"):
        np.testing.assert_array_equal(
            state[name], NUMBERS.astype(getattr(ml_dtypes, name)).astype(np.float32)
        )


def test_records_of_classes_that_are_not_installed_are_left_out():
    state = torch_files.read_state_dict(FILES / "records.pth")
    assert state.keys() == {"head.weight"}
    np.testing.assert_array_equal(state["head.weight"], NUMBERS)


def test_the_parameters_of_a_whole_module_are_read():
    state = torch_files.read_state_dict(FILES / "module.pth")
    shapes = {name: value.shape for name, value in state.items()}

    assert shapes == {
        "0.weight": (2,),
        "0.bias": (2,),
        "0.running_mean": (2,),
        "0.running_var": (2,),
        "0.num_batches_tracked": (),
        "1.weight": (2, 3),
        "1.bias": (2,),
    }


@pytest.mark.parametrize("name", ["sparse", "meta", "quantised"])
def test_tensors_that_are_no_arrays_are_refused_by_name(name):
    with pytest.raises(
        UserError,
        match=r"head\.weight of .*\.pth is not a plain, dense tensor \(torch\._utils\._rebuild_",
    ):
        torch_files.read_state_dict(FILES / f"{name}.pth")


@pytest.mark.parametrize(
    ("ending", "opener"), [("gz", gzip.open), ("bz2", bz2.open), ("xz", lzma.open)]
)
def test_compressed_files_are_read(tmp_path, ending, opener):
    for name in ("zip.pth", "legacy.pth"):
        with opener(tmp_path / f"{name}.tar.{ending}", "wb") as file:
            file.write((FILES / name).read_bytes())
        state = torch_files.read_state_dict(tmp_path / f"{name}.tar.{ending}")
        np.testing.assert_array_equal(state["float32"], NUMBERS)

    path = tmp_path / f"zip.pth.tar.{ending}"
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(UserError, match="is a damaged archive"):
        torch_files.read_state_dict(path)


def test_a_file_cut_off_anywhere_or_with_a_wrong_byte_is_refused_in_one_sentence(tmp_path):
    for name in ("zip.pth", "legacy.pth"):
        data = (FILES / name).read_bytes()
        for length in (0, 1, 10, len(data) // 3, len(data) // 2, len(data) - 1):
            (tmp_path / "x.pth").write_bytes(data[:length])
            with pytest.raises(
                UserError, match="not a readable PyTorch file: it is empty, cut off"
            ):
                torch_files.read_state_dict(tmp_path / "x.pth")

    data = bytearray((FILES / "zip.pth").read_bytes())
    with zipfile.ZipFile(FILES / "zip.pth") as archive:
        place = archive.getinfo("zip/data/0").header_offset

    place = data.index(NUMBERS.tobytes(), place)
    data[place] ^= 255
    (tmp_path / "x.pth").write_bytes(data)

    with pytest.raises(UserError, match=r"of .*x\.pth is damaged; download the file again"):
        torch_files.read_state_dict(tmp_path / "x.pth")


def test_a_tensor_cannot_reach_outside_of_its_data():
    storage = stand_ins.Storage(np.dtype(np.float32), lambda: NUMBERS.tobytes())

    assert stand_ins.Tensor(storage, 0, (2, 3), (3, 1)).numpy().tolist() == NUMBERS.tolist()
    for offset, shape, strides in (
        (1, (2, 3), (3, 1)),
        (0, (7,), (1,)),
        (0, (2, 3), (4, 1)),
        (-1, (2,), (1,)),
        (5, (2,), (-1,)),
    ):
        with pytest.raises(ValueError, match="larger than its data|whole numbers"):
            stand_ins.Tensor(storage, offset, shape, strides).numpy()


def test_archives_of_other_files_and_programs_are_told_apart(tmp_path):
    with zipfile.ZipFile(tmp_path / "zipped.pth", "w") as archive:
        archive.write(FILES / "zip.pth", "inner.pth")

    with tarfile.open(tmp_path / "x.pth.tar", "w") as archive:
        archive.add(FILES / "zip.pth", "inner.pth")

    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        for name in ("x/data.pkl", "x/constants.pkl", "x/code/net.py"):
            archive.writestr(name, "")

    (tmp_path / "keras.pth").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))

    for name, words in (
        ("zipped.pth", r"an archive without weights of PyTorch \(inner\.pth\): unpack it"),
        ("x.pth.tar", "an archive of several files"),
        ("script.pt", "a TorchScript program"),
        ("keras.pth", "an HDF5 file"),
    ):
        with pytest.raises(UserError, match=words):
            torch_files.read_state_dict(tmp_path / name)


class Call:
    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", range(5))
def test_what_asks_for_code_is_refused_by_name_and_does_not_run(tmp_path, protocol):
    touched = tmp_path / "touched"

    for attack in (
        Call(os.system, f"touch {touched}"),
        Call(open, str(touched), "w"),
        Call(eval, f"open({str(touched)!r}, 'w')"),
        Call(os.mkdir, str(touched)),
    ):
        (tmp_path / "x.pth").write_bytes(
            pickle.dumps({"head.weight": NUMBERS, "attack": attack}, protocol)
        )
        with pytest.raises(
            UserError,
            match="is refused: it names .*, which could run code and which weights never need",
        ):
            torch_files.read_state_dict(tmp_path / "x.pth")
    assert not touched.exists()


def test_names_that_are_not_known_are_never_imported(tmp_path, monkeypatch):
    (tmp_path / "marker_module.py").write_text(
        f"open({str(tmp_path / 'touched')!r}, 'w')\nclass Thing: pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    text = b"cmarker_module\nThing\n)\x81}(X\x01\x00\x00\x00aK\x01ub."
    record = torch_pickle.read(io.BytesIO(b"\x80\x02" + text))

    assert record.origin == "marker_module.Thing"
    assert record.state == {"a": 1}
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    "name", sorted({f"{module}\n{name}" for module, name in torch_pickle._STAND_INS})
)
def test_no_stand_in_can_be_changed_by_a_pickle(tmp_path, name):
    """The opcode BUILD sets attributes of the stand-in for a name."""
    stand_in = torch_pickle._STAND_INS[tuple(name.split("\n"))]
    before = sorted(dir(stand_in))

    for state in (b"}X\x07\x00\x00\x00changedK\x01s", b"N}X\x07\x00\x00\x00changedK\x01s\x86"):
        (tmp_path / "x.pth").write_bytes(b"\x80\x02c" + name.encode() + b"\n" + state + b"b.")
        with pytest.raises(UserError):
            torch_files.read_state_dict(tmp_path / "x.pth")
    assert sorted(dir(stand_in)) == before


def test_extensions_of_pickle_are_not_followed(tmp_path):
    copyreg.add_extension("os", "system", 0x71)
    try:
        (tmp_path / "x.pth").write_bytes(b"\x80\x02\x82\x71X\x04\x00\x00\x00true\x85R.")
        with pytest.raises(UserError):
            torch_files.read_state_dict(tmp_path / "x.pth")
    finally:
        copyreg.remove_extension("os", "system", 0x71)
