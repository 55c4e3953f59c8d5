"""From a config to the stream of its training batches, and what goes along with them because its methods need it."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from albar_jax.config import Config
from albar_jax.data.aux_inputs import AuxInput
from albar_jax.data.loader import train_batches
from albar_jax.data.manifest import Manifest
from albar_jax.data.scenes import read_scenes
from albar_jax.data.stills import Bank, read_stills
from albar_jax.errors import UserError
from albar_jax.masks.person_masks import PersonMasks
from albar_jax.types import Batch
from albar_jax.wiring.videos import VideoFeed, clip_spec, loading

# The field of config.data that says where each field of a batch comes from, and an example.
_FIELDS = {
    "person_mask": ("masks", "png:DIR"),
    "still": ("stills", "data/hmdb51/stills.csv"),
    "scene": ("scenes", "data/hmdb51/scenes.csv"),
}


def training_stream(
    config: Config,
    train: Manifest,
    needs: Iterable[str],
    num_steps: int,
    feed: VideoFeed,
) -> Callable[[int], Iterator[Batch]]:
    """Returns a function that yields the batches from a given step up to `num_steps`, with all fields the methods need.

    The feed logs videos that cannot be read. Videos that its log lists as too slow are not read
    again.

    Raises:
      UserError: a required input is missing.
    """
    brought = _aux_inputs(config, train, needs)

    def batches(start_step: int) -> Iterator[Batch]:
        loader = train_batches(
            train,
            clip_spec(config, augment=config.data.augment),
            seed=config.seed,
            batch_size=config.batch_size,
            num_steps=num_steps,
            start_step=start_step,
            aux_inputs=brought,
            banned=feed.failures.too_slow(config.loader.clip_seconds),
            **loading(config),
        )
        return feed.batches(loader, train)

    return batches


def _aux_inputs(config: Config, train: Manifest, needs: Iterable[str]) -> dict[str, AuxInput]:
    return {need: _aux_input(config, train, need) for need in sorted(needs)}


def _aux_input(config: Config, train: Manifest, need: str) -> AuxInput:
    field, example = _FIELDS[need]
    source = getattr(config.data, field)
    if not source:
        raise UserError(
            f"the methods {'+'.join(config.methods)} need the {field} of the training videos; say where they are, as "
            f"in --config.data.{field}={example}"
        )
    source = source.replace("{folder}", str(Path(config.data.manifest).parent))
    if need == "scene":
        return read_scenes(source, train.ids)
    if need == "still":
        stills = read_stills(source, train.ids, config.loader.decoder)
        if isinstance(stills, Bank) and config.methods.get("albar", {}).get("frame") == "still":
            raise UserError(
                f"albar.frame is still, the clip's own, but {source} has no column id that says whose it is"
            )
        return stills
    person_masks = PersonMasks(source, train.ids, train.paths)
    person_masks.check()
    return person_masks
