"""Models as pure functions: `create(config, key) -> (apply, params)`, and the presets."""

from albar_jax.models.video_swin import ARCHITECTURE, VideoSwinConfig, create

PRESETS = {
    # The three published sizes, as torchvision's swin3d_t, swin3d_s and swin3d_b.
    "tiny": VideoSwinConfig(embed_dim=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24)),
    "small": VideoSwinConfig(embed_dim=96, depths=(2, 2, 18, 2), num_heads=(3, 6, 12, 24)),
    "base": VideoSwinConfig(embed_dim=128, depths=(2, 2, 18, 2), num_heads=(4, 8, 16, 32)),
    # For clips of 8 x 32 x 32, trainable from scratch in minutes on a CPU.
    "micro": VideoSwinConfig(
        embed_dim=48,
        depths=(2, 2),
        num_heads=(3, 6),
        patch_size=(2, 8, 8),
        window_size=(4, 4, 4),
        num_classes=8,
    ),
}

__all__ = ["ARCHITECTURE", "PRESETS", "VideoSwinConfig", "create"]
