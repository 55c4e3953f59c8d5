"""Returns the final tokens of a network; its head is linear on their mean."""

from flax import nnx
from jaxtyping import Array, Float

from albar_jax.models.config import ResNetConfig, VideoSwinConfig
from albar_jax.models.resnet import ResNet
from albar_jax.models.video_swin import VideoSwin
from albar_jax.types import BATCH_STATS, Params, Tokens


def final_tokens(config: VideoSwinConfig | ResNetConfig) -> Tokens:
    """Returns `(weights, video) -> tokens`, the final tokens of a network in evaluation mode.

    The head reads their mean over time, height and width. A ResNet's are the feature maps of all
    frames.

    Args:
      config: architecture of the network.
    """
    if isinstance(config, ResNetConfig):
        return _maps_of_resnet(config)

    graph, _ = nnx.split(nnx.eval_shape(lambda: VideoSwin(config, nnx.Rngs(0))))
    return lambda params, video: nnx.merge(graph, params).tokens(video, None)


def _maps_of_resnet(config: ResNetConfig) -> Tokens:
    graph, _, _ = nnx.split(nnx.eval_shape(lambda: ResNet(config)), nnx.Param, nnx.BatchStat)

    def tokens(weights: Params, video: Float[Array, "b t h w 3"]) -> Float[Array, "b t h w d"]:
        params = {name: value for name, value in weights.items() if name != BATCH_STATS}
        maps = nnx.merge(graph, params, weights[BATCH_STATS]).maps(video, training=False)
        return maps.reshape(*video.shape[:2], *maps.shape[1:])

    return tokens
