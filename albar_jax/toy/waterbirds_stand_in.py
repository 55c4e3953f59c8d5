"""A small stand-in of Waterbirds: `albar toy waterbirds --out data/waterbirds_stand_in`.

    OUT/originals/          CUB_200_2011, segmentations and data_large, laid out as published: sprites and patterns
    OUT/pictures/           what the generator makes of them, see `waterbirds`
    OUT/manifest.csv, ...   what `albar prepare waterbirds` makes of those

The originals are generated; all the rest is made by the commands that make the true data set. The same command goes on
where it was interrupted, and the same seed makes the same bytes.
"""

import contextlib
import functools
import io
from pathlib import Path

import numpy as np
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

# Named after families of both kinds of birds, by which the generator tells them apart.
SPECIES = {
    "square": "Square_Wren",
    "flower": "Flower_Warbler",
    "plus": "Plus_Finch",
    "crescent": "Crescent_Grebe",
    "disk": "Disk_Gull",
    "ring": "Ring_Tern",
}
# Bright things in the scenery: were the bird the only one, a network could ask whether there is a bird at all, and
# hide from a picture without one what it reads from scenery.
CLUTTER = ("triangle", "diamond")
PATTERNS = {"land": ("checker", "bricks"), "water": ("zigzag", "rings")}
TRAIN, TEST = 200, 80  # pictures of each species
SIDES = (56, 72)  # of a picture of a bird
SCENE = (80, 64)


def make(out: Path, *, seed: int = 0, jobs: int = 1, train: int = TRAIN, test: int = TEST) -> None:
    """Makes what is not there yet; `train` and `test` are pictures of each species. Raises UserError."""
    originals = inside(out, "originals")
    settings = f"seed {seed}, {train} + {test} pictures of each species\n"
    note = originals / "made_with.txt"
    if originals.exists() and (not note.exists() or note.read_bytes() != settings.encode()):
        raise UserError(
            f"{originals} holds something else than what is wanted; remove {out} or give another --out"
        )
    write_text(note, settings)
    sources = waterbirds.Sources(
        originals / "CUB_200_2011", originals / "segmentations", originals / "data_large"
    )
    birds = [
        (family, f"{number:03}.{name}/{name}_{copy:04}.jpg")
        for number, (family, name) in enumerate(SPECIES.items(), start=1)
        for copy in range(train + test)
    ]
    scenes = [
        (family, f"{folder}/{copy:05}.jpg")
        for place in PLACES
        for family, folder in zip(PATTERNS[place], waterbirds_draw.SCENES[place], strict=True)
        for copy in range(
            len(birds) // 2
        )  # half of the birds are before either place, of two folders
    ]
    for work, tasks in ((_write_bird, birds), (_write_scene, scenes)):
        for _ in workers.run(functools.partial(work, sources, seed), tasks, jobs):
            pass
    lines = [
        (number, file, int(number % (train + test) < train))
        for number, (_, file) in enumerate(birds)
    ]
    write_text(
        sources.cub / "images.txt", "".join(f"{number + 1} {file}\n" for number, file, _ in lines)
    )
    write_text(
        sources.cub / "train_test_split.txt",
        "".join(f"{number + 1} {trains}\n" for number, _, trains in lines),
    )
    show(*waterbirds.make(sources, inside(out, "pictures"), seed=seed, jobs=jobs))


def _write_bird(sources: waterbirds.Sources, seed: int, bird: tuple[str, str]) -> None:
    family, file = bird
    rng = generator(seed, "bird", file)
    side = int(rng.integers(*SIDES))
    colors, mask = _sprite(rng, family, side, margin=0.3, radius=(0.8, 1.3))
    habitat = backgrounds.draw(rng, "noise", side)
    _save(sources.cub / "images" / file, compose(colors, mask, habitat))
    _save((sources.segmentations / file).with_suffix(".png"), to_bytes(mask))


def _write_scene(sources: waterbirds.Sources, seed: int, scene: tuple[str, str]) -> None:
    family, file = scene
    rng = generator(seed, "scene", file)
    side = max(SCENE)
    picture = backgrounds.draw(rng, family, side)
    for _ in range(2):
        colors, mask = _sprite(rng, str(rng.choice(CLUTTER)), side, margin=0.1, radius=(0.7, 1.2))
        picture = over(colors, mask, picture)
    _save(sources.places / file, to_bytes(picture[: SCENE[1], : SCENE[0]]))


def _sprite(
    rng: np.random.Generator, family: str, side: int, *, margin: float, radius: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Draws a sprite somewhere within margins, and its radius in units of the quickstart's smallest.

    Returns the colours (side, side, 3) and the mask (side, side), float32 in 0..1.
    """
    x, y = rng.uniform(margin, 1 - margin, (2, 1))
    place = Trajectory(x, y, MIN_RADIUS * rng.uniform(*radius, 1))
    colors, mask = sprites.render(sprites.draw(rng, family), place, side)
    return colors[0], mask[0]


def _save(path: Path, pixels: np.ndarray) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        Image.fromarray(pixels).save(
            temporary, "PNG" if path.suffix == ".png" else "JPEG", quality=95
        )


def write_manifests(out: Path) -> None:
    """Writes the manifests of the pictures that `make` wrote, as `albar prepare waterbirds` does.

    Args:
      out: the folder that `make` wrote.

    Raises:
      UserError: pictures are missing or cannot be read.
    """
    pictures = out / "pictures"
    options = Options(videos=pictures / waterbirds.FOLDER, out=out, jobs=1)

    # The printed summary compares the counts with the published data set and names its config.
    with contextlib.redirect_stdout(io.StringIO()):
        prepare(DATASETS["waterbirds"], options, {"backgrounds": pictures / waterbirds.BACKGROUNDS})
