"""SDN: features that reveal no scene, and no action where the person is hidden.

    total = CE(p, y) + scene_weight * CE(scene(R(features)), s) + confusion_weight * sum p_m log p_m

R reverses the gradient: it is the identity forwards and multiplies by -reversal backwards. s are
scene pseudo-labels, and p_m the action probabilities of the clip with its persons masked.

Source: Choi et al., "Why Can't I Dance in the Mall? Learning to Mitigate Scene Bias in Action
Recognition" (NeurIPS 2019), vt-vl-lab/SDN: libs/train_epoch.py, models/resnet.py, loss/,
datasets/kinetics.py. Differences from that code:

- One loss and one step. The code takes a step on the first two terms and then a step on the
  confusion, with the same optimizer.
- Confusion uses the action head, as in the paper. The published command leaves `is_mask_adv` on
  (its flag turns it off), which uses an additional head behind a second reversal; the network then
  learns certainty.
- One learning rate. The code's first stage has 1e-2 for the scene head and 1e-4 for the network,
  and its second stage keeps that head. Here a stage that starts from exported weights gets a new
  head.
- Confusion uses the clips of the batch. The code draws others, from videos that show a person in at
  least 70 % of their frames. It also computes whether the clip itself shows one, but does not use
  it, so it asks for confusion on clips whose person is not hidden. Here the 70 % refer to the
  clip's own frames.
- Persons' pixels are replaced before the network, by the mean color of the cropped frame. The code
  paints whole boxes before cropping.
- Scene layers have 512 units, the feature width of the code's ResNet-18, for networks of any width.
  The scales of their normalization start at 1; the code's torch 0.4 draws them from 0..1.

Example: `python train.py --config configs/hmdb51.py:sdn --config.methods.sdn.reversal=0.5`
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from albar_jax.errors import UserError
from albar_jax.methods.base import PERSON_MASK, SCENE, AuxNeed, Head, Method, needed
from albar_jax.methods.losses import cross_entropy, negative_entropy, valid_mean
from albar_jax.parallel.global_batch import global_moments
from albar_jax.schema.fields import Count, NonNegative, Share, checked
from albar_jax.types import Batch, Metrics, Params, Predict

# Width and number of the hidden layers of the scene head.
WIDTH = 512
DEPTH = 3
# The epsilon of torch's BatchNorm1d.
EPSILON = 1e-5


@checked
def make(
    num_scenes: Count = 365,
    scene_weight: NonNegative = 1.0,
    reversal: NonNegative = 1.0,
    confusion_weight: NonNegative = 1.0,
    min_person_share: Share = 0.7,
) -> Method:
    """Returns SDN, a loss: cross-entropy, adversarial scene classifier and human-mask confusion.

    A weight of 0 removes its term and all that only this term needs. The published recipe has two
    stages. The first trains scenes alone (confusion_weight 0, reversal 1). The second starts from
    its weights and trains all terms with reversal 0.5.

    Args:
      num_scenes: number of scenes of the pseudo-labels; Places365 has 365.
      scene_weight: weight of the scene classifier's cross-entropy.
      reversal: alpha. The gradient of the scene term is multiplied by -alpha where it enters the
        network.
      confusion_weight: weight of the negative entropy of the action when the persons are hidden.
      min_person_share: share of its frames, 0..1, in which a clip must show a person to count in
        the confusion. A clip without any person never counts.

    Raises:
      UserError: an option is out of range; at compilation, the batch has another number of scenes.
    """

    def loss(
        predict: Predict, batch: Batch, key: Key[Array, ""]
    ) -> tuple[Float[Array, ""], Metrics]:
        k_moving, k_hidden = jax.random.split(key)
        outputs = predict(batch.video, k_moving)
        plain = valid_mean(cross_entropy(outputs.logits, batch.target), batch.valid)
        total = plain
        scene = confusion = jnp.zeros(())
        if scene_weight:
            scene = scene_term(outputs.heads["scene"], batch)
            total += scene_weight * scene

        if confusion_weight:
            person_mask = needed(batch.person_mask)
            hidden = predict(without_persons(batch.video, person_mask), k_hidden)
            counts = batch.valid * shows_person(person_mask, min_person_share)
            confusion = valid_mean(negative_entropy(hidden.logits), counts)
            total += confusion_weight * confusion

        return total, {
            "loss/cross_entropy": plain,
            "loss/scene": scene,
            "loss/confusion": confusion,
            "loss/total": total,
        }

    heads: dict[str, Head] = {}
    needs: dict[str, AuxNeed] = {}
    if scene_weight:
        heads["scene"] = scene_head(num_scenes, reversal)
        needs["scene"] = dataclasses.replace(SCENE, width=num_scenes)
    if confusion_weight:
        needs["person_mask"] = PERSON_MASK

    return Method(loss=loss, heads=heads, needs=needs)


def scene_term(logits: Float[Array, "b s"], batch: Batch) -> Float[Array, ""]:
    """Returns the mean cross-entropy against the scene pseudo-labels.

    Only valid clips with a pseudo-label count.

    Args:
      logits: scores of s scenes.
      batch: batch with `scene`.

    Raises:
      UserError: the batch has another number of scenes.
    """
    scene = needed(batch.scene)
    if scene.shape[-1] != logits.shape[-1]:
        raise UserError(
            f"sdn.num_scenes is {logits.shape[-1]}, but the videos have the probabilities of "
            f"{scene.shape[-1]} scenes; set it to that"
        )
    losses = cross_entropy(logits, scene)
    # A clip without a pseudo-label has probabilities of 0.
    has_scene = scene.sum(-1) > 0
    return valid_mean(losses, batch.valid * has_scene)


def without_persons(
    video: Float[Array, "b t h w 3"], mask: Bool[Array, "b t h w"]
) -> Float[Array, "b t h w 3"]:
    """Replaces persons by the mean color of their frame."""
    return jnp.where(mask[..., None], video.mean((2, 3), keepdims=True), video)


def shows_person(mask: Bool[Array, "b t h w"], min_share: float) -> Bool[Array, " b"]:
    """Returns whether a person is in at least a share of a clip's frames.

    Args:
      mask: True where a frame shows a person.
      min_share: share of the frames, 0..1; at least one frame is always required.
    """
    # Rounded first: 0.28 * 25 is 7.000000000000001.
    frames_needed = max(1, math.ceil(round(min_share * mask.shape[1], 6)))
    return mask.any((2, 3)).sum(1) >= frames_needed


def scene_head(num_scenes: int, reversal: float) -> Head:
    """Returns the scene classifier.

    It has a gradient reversal, three hidden layers (linear, batch norm, ReLU) and a linear output.
    The batch norms always use the global batch, unreadable clips included. The head exists only in
    training, so running statistics are not needed.

    Args:
      num_scenes: number of outputs.
      reversal: alpha of the gradient reversal.
    """

    def init(key: Key[Array, ""], feature_width: int) -> Params:
        widths = [feature_width, *[WIDTH] * DEPTH, num_scenes]
        keys = jax.random.split(key, DEPTH + 1)
        params = {str(i): _linear(keys[i], widths[i], widths[i + 1]) for i in range(DEPTH + 1)}
        for i in range(DEPTH):
            params[str(i)]["norm"] = {"scale": jnp.ones(WIDTH), "bias": jnp.zeros(WIDTH)}
        return params

    def apply(params: Params, features: Float[Array, "b d"]) -> Float[Array, "b s"]:
        x = reverse_gradient(features, reversal)
        for i in range(DEPTH):
            layer = params[str(i)]
            x = jax.nn.relu(_normalised(x @ layer["kernel"] + layer["bias"], **layer["norm"]))
        return x @ params[str(DEPTH)]["kernel"] + params[str(DEPTH)]["bias"]

    return Head(init, apply)


def reverse_gradient(x: Float[Array, "b d"], alpha: float) -> Float[Array, "b d"]:
    """Returns x, but multiplies its gradient by -alpha. (Ganin and Lempitsky, 2015)"""

    @jax.custom_vjp
    def identity(x: Array) -> Array:
        return x

    identity.defvjp(lambda x: (x, None), lambda _, gradient: (-alpha * gradient,))
    return identity(x)


def _linear(key: Key[Array, ""], width_in: int, width_out: int) -> Params:
    # The initialization of torch's Linear: uniform within 1 / sqrt(width_in), also the biases.
    k_kernel, k_bias = jax.random.split(key)
    bound = width_in**-0.5
    return {
        "kernel": jax.random.uniform(k_kernel, (width_in, width_out), minval=-bound, maxval=bound),
        "bias": jax.random.uniform(k_bias, (width_out,), minval=-bound, maxval=bound),
    }


def _normalised(x: Array, *, scale: Array, bias: Array) -> Array:
    mean, variance, _ = global_moments(x)
    return (x - mean) / jnp.sqrt(variance + EPSILON) * scale + bias
