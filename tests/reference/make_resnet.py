"""Writes resnet_basic.npz and resnet_bottleneck.npz from torchvision's ResNets of width 4.

The files hold outputs, gradients and running statistics.

    python tests/reference/make_resnet.py        (needs torch and torchvision)

The tests draw the same weights with numpy by the rules of `draw`. Every scale, bias and running
statistic is random, so that each affects the outputs. Results are computed in float64 and stored as
float32.
"""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
WIDTH = 4
CLASSES = 5
NETWORKS = {
    "basic": ("BasicBlock", [2, 2, 2, 2]),
    "bottleneck": ("Bottleneck", [3, 4, 6, 3]),
}  # of ResNet-18 and -50
PENALISED = ("conv1.weight", "layer2.0.bn1.weight", "layer4.1.conv2.weight")


def draw(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A random weight of this torch name, float32."""
    noise = rng.normal(size=shape)
    if len(shape) > 1:
        noise *= np.sqrt(2 / np.prod(shape[1:]))
    elif name.endswith("running_var"):
        noise = np.exp(0.3 * noise)
    else:
        # The scales at the end of a bottleneck are small, because float32 gradients of such a deep
        # network are chaotic otherwise.
        centre = 0.1 if ".bn3." in name else 0.6
        noise = 0.1 * noise + (centre if name.endswith("weight") else 0)
    return noise.astype(np.float32)


def thin(block: str, depths: list[int]):
    """torchvision's network with its widths divided by 64 / WIDTH."""
    import torch
    from torchvision.models import resnet

    class Thin(resnet.ResNet):
        def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
            self.inplanes = WIDTH if planes == 64 else self.inplanes
            return super()._make_layer(block, planes * WIDTH // 64, blocks, stride, dilate)

    model = Thin(getattr(resnet, block), depths, num_classes=CLASSES)
    model.conv1 = torch.nn.Conv2d(3, WIDTH, 7, 2, 3, bias=False)
    model.bn1 = torch.nn.BatchNorm2d(WIDTH)
    model.fc = torch.nn.Linear(8 * WIDTH * getattr(resnet, block).expansion, CLASSES)
    return model


def main():
    import torch
    from torch.nn import functional

    for kind, (block, depths) in NETWORKS.items():
        model, rng = thin(block, depths), np.random.default_rng(0)
        state = {
            k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")
        }
        state = {
            k: torch.from_numpy(draw(k, tuple(v.shape), rng)) for k, v in sorted(state.items())
        }
        model.load_state_dict(state, strict=True)
        model.double().eval()
        image = rng.normal(size=(3, 75, 62, 3)).astype(np.float32)
        label = rng.integers(CLASSES, size=3)
        nchw = torch.from_numpy(image).double().permute(0, 3, 1, 2)
        values = {"image": image, "label": label, "logits": model(nchw)}
        model.train()
        logits = model(nchw)
        loss = functional.cross_entropy(logits, torch.from_numpy(label))
        loss.backward()
        values |= {"train_logits": logits, "loss": loss}
        values |= {f"after/{k}": v.clone() for k, v in model.state_dict().items() if "running" in k}
        values |= {f"grad/{k}": v.grad for k, v in model.named_parameters()}
        if kind == "basic":
            # Of second derivatives a few parameters are enough: every layer is behind the first.
            picture = nchw.clone().requires_grad_()
            (slope,) = torch.autograd.grad(model(picture).sum(), picture, create_graph=True)
            model.zero_grad()
            slope.square().sum().backward()
            values |= {
                f"penalty/{k}": v.grad for k, v in model.named_parameters() if k in PENALISED
            }
        arrays = {k: np.asarray(v.detach() if torch.is_tensor(v) else v) for k, v in values.items()}
        floats = {
            k: v.astype(np.float32) if v.dtype == np.float64 else v for k, v in arrays.items()
        }
        np.savez_compressed(FOLDER / f"resnet_{kind}.npz", **floats)


if __name__ == "__main__":
    main()
