"""Reads and writes PyTorch weight files without running code in them; also from torch's hub cache.

The format is detected by content: both formats of `torch.save`, .safetensors, compressed files, and
the index of a sharded network.
"""

import bz2
import gzip
import hashlib
import io
import lzma
import re
import urllib.error
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy

from albar_jax.errors import UserError
from albar_jax.files import replacing
from albar_jax.storage import json_files
from albar_jax.weights import torch_contents, torch_pickle
from albar_jax.weights.torch_contents import StateDict
from albar_jax.weights.torch_pickle import DTYPES

# Suffixes of files that can be written.
SUFFIXES = (".pth", ".pt", ".safetensors")
# Further suffixes of files that can be read.
READ_SUFFIXES = (
    *SUFFIXES,
    ".bin",
    ".ckpt",
    ".pyth",
    ".pkl",
    ".tar",
    ".gz",
    ".bz2",
    ".xz",
    ".index.json",
)
INSTALL = "pip install -e '.[torch]'"
HUB_MODELS = (
    "swin3d_t",
    "swin3d_s",
    "swin3d_b",
    "swin_t",
    "swin_s",
    "swin_b",
    "resnet18",
    "resnet50",
)
_COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_SAFETENSORS_DTYPES = {
    **{
        f"{kind}{bits}": f"{name}{bits}"
        for kind, name in (("I", "int"), ("U", "uint"))
        for bits in (8, 16, 32, 64)
    },
    **{
        "F16": "float16",
        "F32": "float32",
        "F64": "float64",
        "BF16": "bfloat16",
        "BOOL": "bool",
        "C64": "complex64",
    },
    **{"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu"},
    **{"F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz"},
}
_SHARD = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})(?P<suffix>\.\w+)")


def read_state_dict(path: str | Path) -> StateDict:
    """Reads the network of a weight file as arrays by PyTorch name, without wrapper prefixes.

    Floats become float32; integers are unchanged. If a file holds several networks, such as a model
    and its moving average, `path` ends in `#` and the name of one.

    Raises UserError if the file is missing, unreadable, of another kind, too large for memory, or
    names code to run.
    """
    path, wanted = split_choice(path)
    if not path.is_file():
        raise UserError(f"there is no weight file {path}")
    if not str(path).endswith(READ_SUFFIXES):
        raise UserError(
            f"{path} does not end in {', '.join(READ_SUFFIXES)}, the known weight files"
        )
    try:
        return _read_index(path, wanted) if path.suffix == ".json" else _read(path, wanted)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except MemoryError:
        raise UserError(f"{path} does not fit into memory") from None
    except RecursionError:
        raise UserError(f"{path} is not read: its contents are nested too deeply") from None


def split_choice(source: str | Path) -> tuple[Path, str]:
    """Splits `model.pth#ema` into the file and the network's name, "" if there is none."""
    file, _, wanted = (str(source), "", "") if Path(source).exists() else str(source).partition("#")
    return Path(file), wanted


def _read(path: Path, wanted: str) -> StateDict:
    if shard := _SHARD.fullmatch(path.name):
        index = f"{shard['stem']}{shard['suffix']}.index.json"
        raise UserError(
            f"{path} is one of {int(shard['count'])} files of a network; give their index, {index}"
        )
    with open(path, "rb") as file, _uncompressed(file, path) as content:
        return _arrays(torch_contents.choose(_content(content, path), wanted, path), path)


def _read_index(path: Path, wanted: str) -> StateDict:
    """Reads a sharded network by its index file, as written by Hugging Face's libraries."""
    try:
        files = dict.fromkeys(json_files.read(path)["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise UserError(
            f"{path} is no index of weight files: it has no weight_map of names and files"
        ) from None

    state: dict[str, Any] = {}
    for name in files:
        part = path.parent / str(name)
        if Path(str(name)).name != name or not part.is_file():
            raise UserError(
                f"{path} names the file {name!r}, which is not beside it; put all files into one folder"
            )
        with open(part, "rb") as file:
            values = torch_contents.state_dicts(_content(file, part)).get("", {})
            state |= {key: _array(value, f"{key} of {part}", part) for key, value in values.items()}

    return _arrays(torch_contents.choose(state, wanted, path), path)


def _uncompressed(file: BinaryIO, path: Path) -> BinaryIO:
    """Returns the file, decompressed if needed."""
    start = file.read(8)
    file.seek(0)
    opener = next(
        (opener for magic, opener in _COMPRESSED.items() if start.startswith(magic)), None
    )
    if opener is None:
        return file
    try:
        with opener(file, "rb") as content:
            return io.BytesIO(content.read())
    except (EOFError, OSError, zlib.error, lzma.LZMAError):
        raise UserError(
            f"{path} is a damaged archive: it is truncated, or not compressed as it says; fetch it anew"
        ) from None


def _content(file: BinaryIO, path: Path) -> Any:
    """Returns the contents of a file with tensors unread."""
    start = file.read(512)
    file.seek(0)
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 40:
        return _safetensors(file.read(), path)
    if path.suffix == ".safetensors" or b"ustar" in start[257:265] or start.startswith(b"\x89HDF"):
        raise UserError(_other_kind(path, start))
    try:
        return torch_pickle.read(file)
    except torch_pickle.AttackError as attack:
        raise UserError(
            f"{path} is refused: besides tensors it holds {attack}, which could run code and which weights never need"
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
    if start.startswith(b"\x89HDF"):
        return f"{path} is an HDF5 file, as Keras writes it; only weights of PyTorch and of this package can be read"
    return (
        f"{path} is an archive of several files, or of PyTorch before 0.2: unpack it and give the weight file in it, "
        "or load and save it with a newer PyTorch"
    )


def _safetensors(data: bytes, path: Path) -> dict[str, np.ndarray]:
    try:
        tensors = safetensors.deserialize(data)
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is not a readable .safetensors file ({error})") from None

    unknown = [
        f"{name} is {tensor['dtype']}"
        for name, tensor in tensors
        if tensor["dtype"] not in _SAFETENSORS_DTYPES
    ]
    if unknown:
        raise UserError(
            f"{path} has numbers of a type that is not read: {unknown[0]}; save it as float32"
        )
    return {
        name: np.frombuffer(tensor["data"], DTYPES[_SAFETENSORS_DTYPES[tensor["dtype"]]]).reshape(
            tensor["shape"]
        )
        for name, tensor in tensors
    }


def _arrays(values: torch_contents.Values, path: Path) -> StateDict:
    return {name: _array(value, f"{name} of {path}", path) for name, value in values.items()}


def _array(value: Any, source: str, path: Path) -> np.ndarray:
    try:
        array = torch_contents.to_numpy(value)
    # Sparse, quantised, or a shape without values.
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{source} is not a plain, dense tensor ({error})") from None
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise UserError(f"{source} is damaged; fetch the file anew") from None

    if array.dtype.kind in "biuc":
        return array
    # Values too large for float32 become infinite and are refused later.
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def write_state_dict(path: str | Path, state: StateDict) -> None:
    """Writes a state dict as a new .pth, .pt or .safetensors file, whole or not at all.

    Raises UserError if the file exists already, ends otherwise, or needs PyTorch where there is none.
    """
    path = Path(path)
    refuse_other_suffix(path)
    if path.exists():
        raise UserError(f"{path} exists already; delete it or choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        if path.suffix == ".safetensors":
            # Not save_file, which lets only the owner read what it wrote.
            partial.write_bytes(safetensors.numpy.save(state, metadata={"format": "pt"}))
        else:
            torch = _torch(f"Writing {path}", "or choose a name that ends in .safetensors")
            torch.save({name: torch.from_numpy(value) for name, value in state.items()}, partial)


def refuse_other_suffix(path: Path) -> None:
    """Raises UserError for a file that does not end like a weight file."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path} does not end in {', '.join(SUFFIXES)}, the known weight files")


def _torch(purpose: str, otherwise: str):
    try:
        import torch
    except ImportError:
        raise UserError(f"{purpose} needs PyTorch: {INSTALL}, {otherwise}") from None
    return torch


def hub_url(name: str) -> str:
    """Returns where torchvision publishes the weights of swin3d_* (Kinetics-400), swin_* or resnet* (ImageNet).

    Of a ResNet they are the first, from which the published methods start.
    """
    if name not in HUB_MODELS:
        raise UserError(f"torchvision:{name} is not known; choose from {', '.join(HUB_MODELS)}")
    try:
        from torchvision.models import get_model_weights
    except ImportError:
        raise UserError(f"torchvision:{name} needs torchvision: {INSTALL}") from None
    weights = get_model_weights(name)
    return (weights.IMAGENET1K_V1 if name.startswith("resnet") else weights.DEFAULT).url


def hub_file(url: str) -> Path:
    """Returns a file of torch's hub cache, downloaded first if it is not there.

    The first digits of its SHA-256 are part of its name, and are checked also for a file found in the cache. Raises
    UserError if the download fails or the digits differ.
    """
    import torch

    name = url.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    digits = re.search(r"-([0-9a-f]{8,})\.", name).group(1)
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=digits)
    except (OSError, urllib.error.URLError) as error:
        raise UserError(
            f"{url} cannot be downloaded ({error}); fetch it elsewhere and save it as {path}"
        ) from None
    except RuntimeError as error:
        raise UserError(f"{url} came damaged ({error}); try again") from None
    with path.open("rb") as file:
        if not hashlib.file_digest(file, "sha256").hexdigest().startswith(digits):
            raise UserError(
                f"{path} is damaged: its SHA-256 does not start with {digits}; delete it and try again"
            )
    return path
