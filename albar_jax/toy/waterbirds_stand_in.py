"""Makes a small stand-in of Waterbirds: `albar toy waterbirds --out data/waterbirds_stand_in`.

    OUT/originals/          CUB_200_2011, segmentations and data_large in their published layout,
                            made of sprites and patterns
    OUT/pictures/           the data set that `albar synthesize waterbirds` makes of them
    OUT/manifest.csv, ...   the files that `albar prepare waterbirds` makes of the data set

Only the originals are generated. The same code as for the real data set makes everything else.
Repeat the command to resume. The same seed gives identical bytes.
"""

import contextlib
import functools
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from albar_jax.data.prepare import DATASETS
from albar_jax.data.prepare.preparation import Options, prepare
from albar_jax.data.prepare.waterbirds import PLACES
from albar_jax.errors import UserError
from albar_jax.files import replacing, write_text
from albar_jax.storage.inside import inside
from albar_jax.synthesis import waterbirds, waterbirds_draw, workers
from albar_jax.synthesis.composite import compose, over, to_bytes
from albar_jax.synthesis.draws import generator
from albar_jax.terminal.escapes import show
from albar_jax.toy import backgrounds, sprites
from albar_jax.toy.motion import MIN_RADIUS, Trajectory
from albar_jax.toy.spec import read_spec
from albar_jax.toy.world import Family

# Sprites are named after families of landbirds and waterbirds, because the program recognizes
# waterbirds by their names.
SPECIES = {
    "square": "Square_Wren",
    "flower": "Flower_Warbler",
    "plus": "Plus_Finch",
    "crescent": "Crescent_Grebe",
    "disk": "Disk_Gull",
    "ring": "Ring_Tern",
}
# Bright objects in the scenery. Without them a network could recognize images without a bird, and
# so hide in these that it uses the scenery.
CLUTTER = ("triangle", "diamond")
PATTERNS = {"land": ("checker", "bricks"), "water": ("zigzag", "rings")}
# Images of each species.
TRAIN, TEST = 200, 80
# Range of the sides of an image of a bird, in pixels.
SIDES = (56, 72)
# Width and height of a scene, in pixels.
SCENE = (80, 64)


def make(out: Path, *, seed: int = 0, jobs: int = 1, train: int = TRAIN, test: int = TEST) -> None:
    """Makes the originals and the images that do not exist yet.

    Args:
      out: folder for the data set.
      seed: random seed.
      jobs: number of processes.
      train: number of training images of each species.
      test: number of test images of each species.

    Raises:
      UserError: the folder holds a data set of other settings.
    """
    originals = inside(out, "originals")
    _check_settings(out, originals, f"seed {seed}, {train} + {test} pictures of each species\n")

    sources = waterbirds.Sources(
        originals / "CUB_200_2011", originals / "segmentations", originals / "data_large"
    )
    birds = _list_birds(train + test)
    # Half of the birds are in front of each place, which has two folders of scenes.
    scenes = _list_scenes(len(birds) // 2)
    for work, tasks in ((_write_bird, birds), (_write_scene, scenes)):
        for _ in workers.run(functools.partial(work, sources, seed), tasks, jobs):
            pass
    _write_lists(sources.cub, [file for _, file in birds], train, test)

    show(*waterbirds.make(sources, inside(out, "pictures"), seed=seed, jobs=jobs))


def write_manifests(out: Path) -> None:
    """Writes the manifests of the images that `make` wrote, as `albar prepare waterbirds` does.

    Args:
      out: the folder that `make` wrote.

    Raises:
      UserError: images are missing or cannot be read.
    """
    pictures = out / "pictures"
    options = Options(videos=pictures / waterbirds.FOLDER, out=out, jobs=1)

    # The printed summary compares the counts with the published data set and names its config.
    with contextlib.redirect_stdout(io.StringIO()):
        prepare(DATASETS["waterbirds"], options, {"backgrounds": pictures / waterbirds.BACKGROUNDS})


def _check_settings(out: Path, originals: Path, settings: str) -> None:
    """Records the settings of new originals. Raises UserError if existing ones have others."""
    note = originals / "made_with.txt"
    if originals.exists() and (not note.exists() or note.read_bytes() != settings.encode()):
        raise UserError(
            f"{originals} was not made with these options; remove {out} or give another --out"
        )
    write_text(note, settings)


def _list_birds(count: int) -> list[tuple[str, str]]:
    """Returns the family of sprites and the path of each bird, `count` of each species."""
    birds = []
    for number, (family, name) in enumerate(SPECIES.items(), start=1):
        for copy in range(count):
            birds.append((family, f"{number:03}.{name}/{name}_{copy:04}.jpg"))
    return birds


def _list_scenes(count: int) -> list[tuple[str, str]]:
    """Returns the family of patterns and the path of each scene, `count` in each folder."""
    scenes = []
    for place in PLACES:
        for family, folder in zip(PATTERNS[place], waterbirds_draw.SCENES[place], strict=True):
            for copy in range(count):
                scenes.append((family, f"{folder}/{copy:05}.jpg"))
    return scenes


def _write_lists(cub: Path, files: list[str], train: int, test: int) -> None:
    """Writes CUB's lists of images and of their splits."""
    images = []
    splits = []
    for index, file in enumerate(files):
        is_trained = index % (train + test) < train
        images.append(f"{index + 1} {file}\n")
        splits.append(f"{index + 1} {int(is_trained)}\n")
    write_text(cub / "images.txt", "".join(images))
    write_text(cub / "train_test_split.txt", "".join(splits))


def _write_bird(sources: waterbirds.Sources, seed: int, bird: tuple[str, str]) -> None:
    family, file = bird
    rng = generator(seed, "bird", file)
    side = int(rng.integers(*SIDES))
    colors, mask = _draw_sprite(rng, family, side, margin=0.3, radius=(0.8, 1.3))
    # CUB's images have a background, which is replaced.
    habitat = _background(rng, "noise", side)

    _save(sources.cub / "images" / file, compose(colors, mask, habitat))
    _save((sources.segmentations / file).with_suffix(".png"), to_bytes(mask))


def _write_scene(sources: waterbirds.Sources, seed: int, scene: tuple[str, str]) -> None:
    family, file = scene
    rng = generator(seed, "scene", file)
    width, height = SCENE
    side = max(SCENE)

    picture = _background(rng, family, side)
    for _ in range(2):
        shape = str(rng.choice(CLUTTER))
        colors, mask = _draw_sprite(rng, shape, side, margin=0.1, radius=(0.7, 1.2))
        picture = over(colors, mask, picture)
    _save(sources.places / file, to_bytes(picture[:height, :width]))


def _draw_sprite(
    rng: np.random.Generator, family: str, side: int, *, margin: float, radius: tuple[float, float]
) -> tuple[Float[np.ndarray, "side side 3"], Float[np.ndarray, "side side"]]:
    """Draws a sprite at a random place.

    Args:
      rng: random generator.
      family: family of the sprite.
      side: side of the image in pixels.
      margin: minimum distance of its centre to the edges, as a fraction of the image.
      radius: range of its radius, in units of MIN_RADIUS.

    Returns:
      colors: float32 (side, side, 3), 0 to 1.
      mask: coverage by the sprite, float32 (side, side), 0 to 1.
    """
    x, y = rng.uniform(margin, 1 - margin, (2, 1))
    place = Trajectory(x, y, MIN_RADIUS * rng.uniform(*radius, 1))
    sprite = sprites.draw(rng, _named(read_spec("quickstart").sprites, family))
    colors, mask = sprites.render(sprite, place, side)
    return colors[0], mask[0]


def _background(
    rng: np.random.Generator, family: str, side: int
) -> Float[np.ndarray, "side side 3"]:
    """Draws a background of a family of the quickstart."""
    return backgrounds.draw(rng, _named(read_spec("quickstart").backgrounds, family), side)


def _named(families: Sequence[Family], name: str) -> Family:
    return next(family for family in families if family.name == name)


def _save(path: Path, pixels: np.ndarray) -> None:
    """Writes an image, unless the file exists."""
    if path.exists():
        return

    path.parent.mkdir(parents=True, exist_ok=True)
    form = "PNG" if path.suffix == ".png" else "JPEG"
    with replacing(path) as temporary:
        Image.fromarray(pixels).save(temporary, form, quality=95)
