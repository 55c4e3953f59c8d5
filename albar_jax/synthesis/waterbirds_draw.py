"""Draws the split, the place and the scene of each image of Waterbirds; see `waterbirds`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from albar_jax.data.prepare.base import read_lines
from albar_jax.data.prepare.waterbirds import PLACES, SPLITS, Picture, is_waterbird
from albar_jax.errors import UserError
from albar_jax.storage.csv_files import whole
from albar_jax.synthesis.draws import generator

# Folders of the scenes of each place, in data_large of Places365.
SCENES = {
    "land": ("b/bamboo_forest", "f/forest/broadleaf"),
    "water": ("o/ocean", "l/lake/natural"),
}
# Share of CUB's training images in the validation split.
VALIDATION = 0.2
# Share of the training birds of a kind that are in front of their own habitat.
STRENGTH = 0.95

_MOST_IMAGES = 10**9


def draw(cub: Path, places: Path, seed: int) -> list[Picture]:
    """Draws split, place and scene of each image of CUB.

    Args:
      cub: folder CUB_200_2011.
      places: folder data_large of Places365.
      seed: random seed.

    Returns:
      The images in the order of CUB's images.txt.

    Raises:
      UserError: a list is malformed, or there are too few scenes.
    """
    # CUB numbers its images in this list.
    files = _read_table(cub / "images.txt")
    split = _draw_splits(cub, files, seed)
    label = {number: int(is_waterbird(file)) for number, file in files.items()}
    place = _draw_places(split, label, seed)
    scene = _draw_scenes(place, places, seed)
    return [Picture(n, file, label[n], split[n], place[n], scene[n]) for n, file in files.items()]


def _read_table(path: Path) -> dict[int, str]:
    """Reads a list of CUB, which has a number and a word in each line."""
    table = {}
    for where, line in read_lines(path):
        number, _, word = line.partition(" ")
        if whole(number) not in range(_MOST_IMAGES) or not word:
            raise UserError(f"{where} is not a number and a word; give CUB_200_2011 as --cub")
        table[whole(number)] = word.strip()
    return table


def _draw_splits(cub: Path, files: Mapping[int, str], seed: int) -> dict[int, int]:
    """Returns the split of each image as an index of SPLITS."""
    list_file = cub / "train_test_split.txt"
    is_trained = _read_table(list_file)
    if lacking := sorted(set(files) - set(is_trained)):
        raise UserError(f"{list_file} does not give the split of image {lacking[0]}")
    for word in is_trained.values():
        if whole(word) not in (0, 1):
            raise UserError(
                f"{list_file} has the split {word!r}; it is 0 to test on or 1 to train on"
            )

    train, val, test = range(len(SPLITS))
    split = {}
    trained = []
    for number in files:
        split[number] = test
        if whole(is_trained[number]) == 1:
            split[number] = train
            trained.append(number)

    # Validation images are taken from training, as published.
    validated = _choose(generator(seed, "validation"), trained, VALIDATION)
    return split | dict.fromkeys(validated, val)


def _draw_places(split: Mapping[int, int], label: Mapping[int, int], seed: int) -> dict[int, int]:
    """Returns the place of each image as an index of PLACES."""
    train, val, test = range(len(SPLITS))
    place = dict.fromkeys(split, PLACES.index("land"))
    for part, share in ((train, STRENGTH), (val, 0.5), (test, 0.5)):
        # The share in front of water, first for landbirds, then for waterbirds.
        for kind, share_on_water in enumerate((1 - share, share)):
            group = [number for number in split if (split[number], label[number]) == (part, kind)]
            rng = generator(seed, "place", SPLITS[part], str(kind))
            on_water = _choose(rng, group, share_on_water)
            place |= dict.fromkeys(on_water, PLACES.index("water"))
    return place


def _draw_scenes(place: Mapping[int, int], places: Path, seed: int) -> dict[int, str]:
    """Returns a scene for each image, as a path in data_large. No scene is used twice."""
    scene: dict[int, str] = {}
    for kind, name in enumerate(PLACES):
        available = []
        for folder in SCENES[name]:
            for file in sorted((places / folder).glob("*.jpg")):
                available.append(f"{folder}/{file.name}")

        numbers = [number for number, index in place.items() if index == kind]
        if len(available) < len(numbers):
            raise UserError(
                f"{len(numbers)} images need a scene of {name}, but there are {len(available)} "
                f"in {' and '.join(SCENES[name])} of --places {places}; give data_large of "
                "Places365"
            )

        # A shuffled list of scenes gives each image its own.
        order = generator(seed, "scenes", name).permutation(len(available))
        for number, index in zip(numbers, order, strict=False):
            scene[number] = available[index]
    return scene


def _choose(rng: np.random.Generator, numbers: Sequence[int], share: float) -> list[int]:
    """Draws a share of the numbers without replacement."""
    if not numbers:
        return []
    return rng.choice(numbers, size=round(share * len(numbers)), replace=False).tolist()
