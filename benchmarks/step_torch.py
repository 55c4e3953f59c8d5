"""The same steps in PyTorch: torchvision's Video Swin-T, and ALBAR's objective as the paper writes it down."""

from collections.abc import Callable

import torch
from safetensors.torch import load_file
from torch.nn import functional
from torchvision.models.video import swin3d_t
from torchvision.ops import StochasticDepth

from benchmarks.task import NUM_CLASSES, RATE, Held, Task, clips

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def make(program: str, task: Task, *, compiled: bool) -> Held:
    """Makes the step of a program, one of PROGRAMS."""
    torch.set_num_threads(task.threads)
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device({"cpu": "cpu", "gpu": "cuda"}[task.platform])
    model = swin3d_t(num_classes=NUM_CLASSES).to(device)
    model.load_state_dict(load_file(task.weights))
    for module in model.modules():
        if isinstance(module, StochasticDepth):
            module.p = 0.0
    video, labels = (torch.from_numpy(array).to(device) for array in clips(task))
    pixels = video.permute(0, 4, 1, 2, 3).contiguous()
    network = _autocast(torch.compile(model) if compiled else model, task.dtype)
    gpu_memory = torch.cuda.max_memory_allocated if task.platform == "gpu" else lambda: None
    if program == "forward":
        model.eval()
        return Held(lambda: _forward(network, pixels, labels), gpu_memory)
    objective, optimizer = (
        {"ce": ce, "albar": albar}[program],
        torch.optim.AdamW(model.parameters(), RATE),
    )

    def step() -> float:
        optimizer.zero_grad()
        loss = objective(network, normalise(pixels), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return Held(step, gpu_memory)


def _autocast(network: Callable, dtype: str) -> Callable:
    """The network computing in float32, or in bfloat16 where autocast does; its logits are float32."""

    def run(video: torch.Tensor) -> torch.Tensor:
        with torch.autocast(video.device.type, torch.bfloat16, enabled=dtype == "bfloat16"):
            return network(video).float()

    return run


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels (b, 3, t, h, w), 0..255, as the networks read them."""
    mean, std = (
        torch.tensor(values, device=pixels.device).view(3, 1, 1, 1) for values in (MEAN, STD)
    )
    return (pixels / 255 - mean) / std


@torch.inference_mode()
def _forward(network: Callable, pixels: torch.Tensor, labels: torch.Tensor) -> float:
    probs = network(normalise(pixels)).softmax(1)
    return -probs[torch.arange(len(labels)), labels].log().mean().item()


def ce(network: Callable, video: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy. (ALBAR Eq. 1)"""
    return functional.cross_entropy(network(video), labels)


def albar(network: Callable, video: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The whole objective with the paper's weights 1, 4, 10. (ALBAR Eq. 5)"""
    middle = video.shape[2] // 2
    static = video[:, :, middle, None].expand_as(video).clone().requires_grad_()
    plain, logits = network(video), network(static)
    (gradient,) = torch.autograd.grad(logits.sum(), static, create_graph=True)
    log_probs = logits.log_softmax(1)
    adversarial = -functional.nll_loss(log_probs, labels)
    entropy = (log_probs.exp() * log_probs).sum(1).mean()
    penalty = gradient.flatten(1).norm(dim=1).mean()
    return functional.cross_entropy(plain, labels) + adversarial + 4 * entropy + 10 * penalty
