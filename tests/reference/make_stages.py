"""Writes tiny_a_stages.npz: torchvision's outputs of each stage of tiny_a, and at odd video sizes.

    python tests/reference/make_stages.py        (needs torch, torchvision and safetensors)

Computed in float64, stored as float32. Run again only if the list of stages or sizes changes.
"""

import json
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torchvision.models.video.swin_transformer import SwinTransformer3d

FOLDER = Path(__file__).parent
SIZES = ((1, 32, 32), (3, 17, 50), (9, 61, 30), (7, 3, 5))


def main():
    reference = np.load(FOLDER / "tiny_a.npz")
    model = SwinTransformer3d(**json.loads(str(reference["meta"]))["model"])
    # The index buffers are not in the file: the model makes them itself.
    model.load_state_dict(safetensors.torch.load_file(FOLDER / "tiny_a.safetensors"), strict=False)
    model.double().eval()
    outputs = {}
    stages = {"patch_embed": model.patch_embed}
    for i, part in enumerate(model.features):
        blocks = part if i % 2 == 0 else [part]
        stages |= {
            f"features.{i}.{j}" if i % 2 == 0 else f"features.{i}": b for j, b in enumerate(blocks)
        }
    hooks = [
        # A hook that returned anything would replace the module's output.
        module.register_forward_hook(
            lambda _, __, output, name=name: outputs.update({name: output})
        )
        for name, module in stages.items()
    ]
    with torch.no_grad():
        model(torch.from_numpy(reference["video_bthwc"][:1]).double().permute(0, 4, 1, 2, 3))
        for hook in hooks:
            hook.remove()
        for size in SIZES:
            video = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, *size)))
            outputs["logits_" + "x".join(map(str, size))] = model(video)
    np.savez_compressed(
        FOLDER / "tiny_a_stages.npz", **{k: v.float().numpy() for k, v in outputs.items()}
    )


if __name__ == "__main__":
    main()
