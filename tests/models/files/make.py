"""Makes the small files of PyTorch's formats in this folder, with PyTorch 2.14.

python tests/models/files/make.py
"""

import argparse
import sys
import types
from pathlib import Path

import torch

FOLDER = Path(__file__).parent
NUMBERS = torch.arange(6, dtype=torch.float32).reshape(2, 3)


class HistoryBuffer:
    """An object in the checkpoints of mmengine, whose class the reader does not have."""

    def __init__(self):
        self.history = NUMBERS.numpy()


def main() -> None:
    """Writes all files."""
    wide = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    state = {
        "float32": NUMBERS,
        "tied": NUMBERS,
        "transposed": NUMBERS.T,
        "strided": wide[::2, 1::2],
        "scalar": torch.tensor(3.0),
        "empty": torch.empty(0, 3),
        "count": torch.tensor(7),
        "parameter": torch.nn.Parameter(NUMBERS),
    }

    for name in ("float16", "bfloat16", "float64", "float8_e4m3fn", "float8_e5m2"):
        state[name] = NUMBERS.to(getattr(torch, name))

    torch.save(state, FOLDER / "zip.pth")
    old = {name: value for name, value in state.items() if not name.startswith("float8")}
    torch.save(old, FOLDER / "legacy.pth", _use_new_zipfile_serialization=False)

    for name in ("mmengine", "mmengine.logging", "mmengine.logging.history_buffer"):
        sys.modules[name] = types.ModuleType(name)

    sys.modules[name].HistoryBuffer, HistoryBuffer.__module__ = HistoryBuffer, name
    records = {
        "message_hub": {"loss": HistoryBuffer()},
        "args": argparse.Namespace(folder=Path("x")),
    }
    torch.save({"state_dict": {"head.weight": NUMBERS}, **records}, FOLDER / "records.pth")
    torch.save(
        torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.Linear(3, 2)), FOLDER / "module.pth"
    )
    broken = {"sparse": NUMBERS.to_sparse(), "meta": NUMBERS.to("meta"), "quantised": NUMBERS}
    broken["quantised"] = torch.quantize_per_tensor(NUMBERS, 0.1, 0, torch.qint8)
    for name, tensor in broken.items():
        torch.save({"head.weight": tensor}, FOLDER / f"{name}.pth")


if __name__ == "__main__":
    main()
