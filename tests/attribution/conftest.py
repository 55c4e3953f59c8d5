"""A small Swin, a small ResNet and clips that the tests of attributions share."""

import jax
import numpy as np
import pytest

from albar_jax.models import ResNetConfig, VideoSwinConfig, create

NUM_CLASSES = 5
# Two blocks, so that the windows of one are shifted.
SWIN = VideoSwinConfig(
    embed_dim=8,
    depths=(2,),
    num_heads=(2,),
    patch_size=(1, 2, 2),
    window_size=(2, 2, 2),
    num_classes=NUM_CLASSES,
)
RESNET = ResNetConfig(depths=(1, 1), bottleneck=False, stem_width=8, num_classes=NUM_CLASSES)
BLACK = np.array([-2.0, -1.9, -1.8], np.float32)


@pytest.fixture(scope="session")
def swin():
    """The network and its weights."""
    return create(SWIN, jax.random.key(0))


@pytest.fixture(scope="session")
def resnet():
    """The network and its weights."""
    return create(RESNET, jax.random.key(0))


@pytest.fixture(scope="session")
def clip():
    """A normalised clip, float32 (4, 8, 8, 3)."""
    return np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
