"""Networks as pure functions: `create(config, key) -> (apply, weights)`, and their presets."""

from jaxtyping import Array, Key

from albar_jax.models import resnet, video_swin
from albar_jax.models.config import ResNetConfig, VideoSwinConfig
from albar_jax.models.tokens import final_tokens
from albar_jax.types import Apply, Params

NetworkConfig = VideoSwinConfig | ResNetConfig

_TINY = {"embed_dim": 96, "depths": (2, 2, 6, 2), "num_heads": (3, 6, 12, 24)}
_MICRO = {"embed_dim": 48, "depths": (2, 2), "num_heads": (3, 6), "num_classes": 8}

PRESETS: dict[str, NetworkConfig] = {
    # The three published sizes: swin3d_t, swin3d_s and swin3d_b in torchvision.
    "tiny": VideoSwinConfig(**_TINY),
    "small": VideoSwinConfig(embed_dim=96, depths=(2, 2, 18, 2), num_heads=(3, 6, 12, 24)),
    "base": VideoSwinConfig(embed_dim=128, depths=(2, 2, 18, 2), num_heads=(4, 8, 16, 32)),
    # For clips of 8 x 32 x 32; trains from scratch in minutes on a CPU.
    "micro": VideoSwinConfig(**_MICRO, patch_size=(2, 8, 8), window_size=(4, 4, 4)),
    # Has half the blocks and channels of micro: for trying out commands and for tests.
    "nano": VideoSwinConfig(
        embed_dim=24,
        depths=(1, 1),
        num_heads=(2, 4),
        patch_size=(2, 8, 8),
        window_size=(4, 4, 4),
        num_classes=8,
    ),
    # For images, which are clips of one frame: torchvision's swin_t, and a small one for 32 x 32.
    "swin2d_tiny": VideoSwinConfig(**_TINY, patch_size=(1, 4, 4), window_size=(1, 7, 7)),
    "micro2d": VideoSwinConfig(**_MICRO, patch_size=(1, 8, 8), window_size=(1, 4, 4)),
    # Two of torchvision's ResNets, and a small one for 32 x 32.
    "resnet18": ResNetConfig(depths=(2, 2, 2, 2), bottleneck=False),
    "resnet50": ResNetConfig(depths=(3, 4, 6, 3), bottleneck=True),
    "resnet_micro": ResNetConfig(depths=(1, 1, 1), bottleneck=False, stem_width=16, num_classes=8),
}


def create(config: NetworkConfig, key: Key[Array, ""]) -> tuple[Apply, Params]:
    """Returns a network as a pure function, and its random weights.

    Args:
      config: architecture of the network.
      key: random key of the weights.

    Returns:
      `apply(weights, video, key) -> Outputs` and the weights. See `create` of `video_swin` and
      `resnet` for the details.
    """
    if isinstance(config, ResNetConfig):
        return resnet.create(config, key)
    return video_swin.create(config, key)


__all__ = ["PRESETS", "NetworkConfig", "ResNetConfig", "VideoSwinConfig", "create", "final_tokens"]
