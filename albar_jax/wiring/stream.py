"""Builds the stream of training batches, with the auxiliary inputs that the methods need."""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path

from albar_jax.config import Config
from albar_jax.data.aux_inputs import AuxInput
from albar_jax.data.loader import train_batches
from albar_jax.data.manifest import Manifest
from albar_jax.data.scenes import read_scenes
from albar_jax.data.stills import Bank, read_stills
from albar_jax.errors import UserError
from albar_jax.masks.person_masks import PersonMasks
from albar_jax.methods.base import AuxNeed
from albar_jax.types import Batch
from albar_jax.wiring.video_feed import VideoFeed
from albar_jax.wiring.videos import clip_spec, loading


def training_stream(
    config: Config,
    train: Manifest,
    needs: Mapping[str, AuxNeed],
    num_steps: int,
    feed: VideoFeed,
) -> Callable[[int], Generator[Batch, None, None]]:
    """Returns a function that yields the batches from a given step up to `num_steps`.

    Args:
      config: config of the experiment.
      train: training videos.
      needs: field of `Batch` -> the need of the methods.
      num_steps: steps of the run.
      feed: logs the videos that cannot be read. Videos that its log lists as too slow are not read
        again.

    Raises:
      UserError: a required input is missing.
    """
    # Open all sources before training starts; a missing one is refused at once.
    aux_inputs = {name: _aux_input(config, train, name, needs[name]) for name in sorted(needs)}

    def batches(start_step: int) -> Generator[Batch, None, None]:
        loader = train_batches(
            train,
            clip_spec(config, augment=config.data.augment),
            seed=config.seed,
            batch_size=config.batch_size,
            num_steps=num_steps,
            start_step=start_step,
            aux_inputs=aux_inputs,
            banned=feed.failures.too_slow(config.loader.clip_seconds),
            **loading(config),
        )
        return feed.batches(loader, train)

    return batches


def _aux_input(config: Config, train: Manifest, name: str, need: AuxNeed) -> AuxInput:
    """Opens the source of an auxiliary input; raises UserError if it is missing or unsuitable."""
    source = getattr(config.data, need.field)
    if not source:
        raise UserError(
            f"the methods {'+'.join(config.methods)} need the {need.field} of the training "
            f"videos; say where they are, as in --config.data.{need.field}={need.example}"
        )

    # Configs of several data sets share such a path.
    folder = Path(config.data.manifest).parent
    source = source.replace("{folder}", str(folder))
    aux_input = _READERS[name](config, train, source)
    # A bank draws any still for any clip.
    if need.own_for is not None and isinstance(aux_input, Bank):
        raise UserError(f"{need.own_for}, but {source} has no column id that names its clip")

    return aux_input


def _read_scenes(config: Config, train: Manifest, source: str) -> AuxInput:
    return read_scenes(source, train.ids)


def _read_stills(config: Config, train: Manifest, source: str) -> AuxInput:
    return read_stills(source, train.ids, config.loader.decoder)


def _read_person_masks(config: Config, train: Manifest, source: str) -> AuxInput:
    person_masks = PersonMasks(source, train.ids, train.paths)
    person_masks.check()
    return person_masks


# Field of `Batch` -> function that opens its source.
_READERS: Mapping[str, Callable[[Config, Manifest, str], AuxInput]] = {
    "person_mask": _read_person_masks,
    "scene": _read_scenes,
    "still": _read_stills,
}
