"""Models as pure functions: `create(config, key) -> (apply, weights)`, and the presets."""

from jaxtyping import Array, Key

from albar_jax.models import resnet, video_swin
from albar_jax.models.resnet import ResNetConfig
from albar_jax.models.video_swin import VideoSwinConfig
from albar_jax.types import Apply, Params

NetworkConfig = VideoSwinConfig | ResNetConfig

_TINY = {"embed_dim": 96, "depths": (2, 2, 6, 2), "num_heads": (3, 6, 12, 24)}
_MICRO = {"embed_dim": 48, "depths": (2, 2), "num_heads": (3, 6), "num_classes": 8}

PRESETS: dict[str, NetworkConfig] = {
    # The three published sizes, as torchvision's swin3d_t, swin3d_s and swin3d_b.
    "tiny": VideoSwinConfig(**_TINY),
    "small": VideoSwinConfig(embed_dim=96, depths=(2, 2, 18, 2), num_heads=(3, 6, 12, 24)),
    "base": VideoSwinConfig(embed_dim=128, depths=(2, 2, 18, 2), num_heads=(4, 8, 16, 32)),
    # For clips of 8 x 32 x 32, trainable from scratch in minutes on a CPU.
    "micro": VideoSwinConfig(**_MICRO, patch_size=(2, 8, 8), window_size=(4, 4, 4)),
    # For single pictures, that is, clips of one frame: torchvision's swin_t, and a small one for 32 x 32.
    "swin2d_tiny": VideoSwinConfig(**_TINY, patch_size=(1, 4, 4), window_size=(1, 7, 7)),
    "micro2d": VideoSwinConfig(**_MICRO, patch_size=(1, 8, 8), window_size=(1, 4, 4)),
    # torchvision's, and a small one for 32 x 32.
    "resnet18": ResNetConfig(depths=(2, 2, 2, 2), bottleneck=False),
    "resnet50": ResNetConfig(depths=(3, 4, 6, 3), bottleneck=True),
    "resnet_micro": ResNetConfig(depths=(1, 1, 1), bottleneck=False, stem_width=16, num_classes=8),
}


def create(config: NetworkConfig, key: Key[Array, ""]) -> tuple[Apply, Params]:
    """Returns the network of a config as a pure function, and its random weights; see `create` of its module."""
    return (resnet if isinstance(config, ResNetConfig) else video_swin).create(config, key)


__all__ = ["PRESETS", "NetworkConfig", "ResNetConfig", "VideoSwinConfig", "create"]
