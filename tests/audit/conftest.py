"""Lets a torchvision that was built for CUDA be imported beside a PyTorch for the CPU."""

import importlib.util
from pathlib import Path

# Operators for which torchvision registers shapes when it is imported.
OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# PyTorch forgets what a library declares when the library is collected.
DECLARED = []


def declare_operators() -> None:
    """Declares torchvision's compiled operators if they cannot be loaded; no test uses them.

    A small test environment has PyTorch for the CPU, but registries have torchvision for CUDA only.
    """
    specs = [importlib.util.find_spec(name) for name in ("torch", "torchvision")]
    if None in specs:
        return

    import torch

    try:
        torch.ops.load_library(Path(specs[1].origin).with_name("_C.so"))
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        DECLARED.append(library)
        for operator in OPERATORS:
            library.define(operator)


declare_operators()
