"""Makes the same steps in PyTorch: torchvision's Video Swin-T with ALBAR's objective."""

from collections.abc import Callable

import torch
from safetensors.torch import load_file
from torch.nn import functional
from torchvision.models.video import swin3d_t
from torchvision.ops import StochasticDepth

from benchmarks.task import NUM_CLASSES, RATE, LoadedStep, Task, clips

# Mean and standard deviation of the pixels, by RGB channel.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def make(program: str, task: Task, *, compiled: bool) -> LoadedStep:
    """Makes the step of a program, one of PROGRAMS, with torch.compile if `compiled`."""
    torch.set_num_threads(task.threads)
    # float32 must be float32 in both frameworks.
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device({"cpu": "cpu", "gpu": "cuda"}[task.platform])
    model = _model(task.weights).to(device)
    network = _autocast(torch.compile(model) if compiled else model, task.dtype)

    video, labels = (torch.from_numpy(array).to(device) for array in clips(task))
    pixels = video.permute(0, 4, 1, 2, 3).contiguous()
    gpu_memory = torch.cuda.max_memory_allocated if task.platform == "gpu" else lambda: None
    if program == "forward":
        model.eval()
        return LoadedStep(lambda: _forward(network, pixels, labels), gpu_memory)

    objective = {"ce": ce, "albar": albar}[program]
    optimizer = torch.optim.AdamW(model.parameters(), RATE)

    def step() -> float:
        optimizer.zero_grad()
        loss = objective(network, normalise(pixels), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return LoadedStep(step, gpu_memory)


def _model(weights: str) -> torch.nn.Module:
    """Returns the network without stochastic depth."""
    model = swin3d_t(num_classes=NUM_CLASSES)
    model.load_state_dict(load_file(weights))
    for module in model.modules():
        if isinstance(module, StochasticDepth):
            module.p = 0.0
    return model


def _autocast(network: Callable, dtype: str) -> Callable:
    """Returns the network in float32, or with autocast to bfloat16. Its logits are float32."""

    def run(video: torch.Tensor) -> torch.Tensor:
        with torch.autocast(video.device.type, torch.bfloat16, enabled=dtype == "bfloat16"):
            return network(video).float()

    return run


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """Normalises pixels (b, 3, t, h, w) from 0..255 to the input of the networks."""
    mean = torch.tensor(MEAN, device=pixels.device).view(3, 1, 1, 1)
    std = torch.tensor(STD, device=pixels.device).view(3, 1, 1, 1)
    return (pixels / 255 - mean) / std


@torch.inference_mode()
def _forward(network: Callable, pixels: torch.Tensor, labels: torch.Tensor) -> float:
    probs = network(normalise(pixels)).softmax(1)
    return -probs[torch.arange(len(labels)), labels].log().mean().item()


def ce(network: Callable, video: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Computes the cross-entropy. (ALBAR Eq. 1)"""
    return functional.cross_entropy(network(video), labels)


def albar(network: Callable, video: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Computes the full objective with the paper's weights 1, 4, 10. (ALBAR Eq. 5)"""
    middle = video.shape[2] // 2
    # The static clip repeats the middle frame.
    static = video[:, :, middle, None].expand_as(video).clone().requires_grad_()
    clip_logits = network(video)
    static_logits = network(static)

    log_probs = static_logits.log_softmax(1)
    adversarial = -functional.nll_loss(log_probs, labels)
    entropy = (log_probs.exp() * log_probs).sum(1).mean()

    (gradient,) = torch.autograd.grad(static_logits.sum(), static, create_graph=True)
    penalty = gradient.flatten(1).norm(dim=1).mean()
    return functional.cross_entropy(clip_logits, labels) + adversarial + 4 * entropy + 10 * penalty
