"""Writes image_swin.safetensors and image_swin.npz, with a 2D Swin's outputs for two images.

    python tests/reference/make_image_swin.py        (needs torch, torchvision and safetensors)

Every bias, norm and bias table is random, so that each affects the outputs. Outputs are computed in
float64 and stored as float32.
"""

from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torchvision.models import SwinTransformer

FOLDER = Path(__file__).parent


def main():
    generator = torch.Generator().manual_seed(0)
    # 12 x 12 tokens in the first stage and 6 x 6 in the second. Both have whole windows; only the
    # first stage shifts them.
    model = SwinTransformer(
        patch_size=[2, 2],
        embed_dim=8,
        depths=[2, 1],
        num_heads=[2, 4],
        window_size=[3, 3],
        num_classes=5,
    ).eval()
    for name, value in model.named_parameters():
        noise = torch.randn(value.shape, generator=generator)
        scale = value.shape[1] ** -0.5 if value.ndim == 2 and "table" not in name else 0.5
        value.data = noise * scale + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
    safetensors.torch.save_file(model.state_dict(), FOLDER / "image_swin.safetensors")
    image = torch.randn(2, 3, 24, 24, generator=generator)
    with torch.no_grad():
        logits = model.double()(image.double())
    image = image.permute(0, 2, 3, 1).numpy()
    np.savez_compressed(FOLDER / "image_swin.npz", image_bhwc=image, logits=logits.float().numpy())


if __name__ == "__main__":
    main()
