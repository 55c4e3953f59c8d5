"""Reads the contents of a weight file of any format.

The content determines the format: both formats of `torch.save`, .safetensors, and compressed files.
"""

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors

from albar_jax.errors import UserError
from albar_jax.weights import torch_pickle
from albar_jax.weights.stand_ins import DTYPES, AttackError

_COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_HDF5 = b"\x89HDF"
_SAFETENSORS_DTYPES = {
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "BF16": "bfloat16",
    "BOOL": "bool",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}


def uncompressed(file: BinaryIO, path: Path) -> BinaryIO:
    """Returns the file, decompressed into memory if needed.

    Args:
      file: file at its start.
      path: its path, for errors.

    Raises:
      UserError: the compressed file is damaged.
    """
    start = file.read(8)
    file.seek(0)
    openers = [opener for magic, opener in _COMPRESSED.items() if start.startswith(magic)]
    if not openers:
        return file

    try:
        with openers[0](file, "rb") as content:
            return io.BytesIO(content.read())
    except (EOFError, OSError, zlib.error, lzma.LZMAError):
        raise UserError(
            f"{path} is a damaged archive: it is truncated, or has another compression than its "
            "first bytes say; download it again"
        ) from None


def read_content(file: BinaryIO, path: Path) -> Any:
    """Returns the contents of a file, with tensors unread.

    Args:
      file: seekable file at its start, open while tensors are read.
      path: its path, for errors.

    Raises:
      UserError: the file is of another kind, damaged, or names code to run.
    """
    start = file.read(512)
    file.seek(0)
    # A .safetensors file starts with the length of its JSON header.
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 40:
        return _read_safetensors(file.read(), path)
    if path.suffix == ".safetensors" or b"ustar" in start[257:265] or start.startswith(_HDF5):
        raise UserError(_other_kind(path, start))

    try:
        return torch_pickle.read(file)
    except AttackError as attack:
        raise UserError(
            f"{path} is refused: it names {attack}, which could run code and which weights never "
            "need"
        ) from None
    except UserError as error:
        raise UserError(f"{path} {error}") from None
    except MemoryError:
        raise
    # A damaged pickle can raise any error.
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise UserError(
            f"{path} is not a readable PyTorch file: it is empty, cut off, or of another kind"
        ) from None


def _other_kind(path: Path, start: bytes) -> str:
    if path.suffix == ".safetensors":
        return f"{path} is not a readable .safetensors file (its header is not one)"
    if start.startswith(_HDF5):
        return (
            f"{path} is an HDF5 file, as Keras writes it; only weights of PyTorch and of this "
            "package can be read"
        )
    return (
        f"{path} is an archive of several files, or of PyTorch before 0.2: unpack it and give the "
        "weight file in it, or load and save it with a newer PyTorch"
    )


def _read_safetensors(data: bytes, path: Path) -> dict[str, np.ndarray]:
    try:
        tensors = safetensors.deserialize(data)
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is not a readable .safetensors file ({error})") from None

    arrays = {}
    for name, tensor in tensors:
        if tensor["dtype"] not in _SAFETENSORS_DTYPES:
            raise UserError(
                f"{path} has numbers of a type that is not read: {name} is {tensor['dtype']}; "
                "save it as float32"
            )
        dtype = DTYPES[_SAFETENSORS_DTYPES[tensor["dtype"]]]
        arrays[name] = np.frombuffer(tensor["data"], dtype).reshape(tensor["shape"])
    return arrays
