"""Makes HAT's lists of swaps, tables of swaps, and folders of emptied scenes."""

import pickle
from pathlib import Path

import numpy as np

from fuzz.seeds import films
from fuzz.seeds.tables import CLASSES, IDS, NOT_A_VIDEO, lines, write

# Each person stands in the scene of a video four places later, which has another class.
SWAPS = dict(zip(IDS, (*IDS[4:], *IDS[:4]), strict=True))
SIZE = (48, 64)
SETTINGS = {
    "recipe": 2,
    "kind": "hat_scenes",
    "masks": "npz:masks",
    "rules": "default",
    "widen": 4,
    "given": None,
}


def make_lists(folder: Path) -> None:
    """Makes released lists, with numbers as they are in HMDB51's and as texts."""
    for name, protocol, number in (("numbers", 2, int), ("texts", 4, str)):
        content = {}
        for person, scene in SWAPS.items():
            label = CLASSES.index(scene.split("/")[0])
            content[person] = [scene, number(30), number(label)]

        for copy in ("rand_1", "close_2"):
            path = folder / name / "lists" / f"actionswap_{copy}.pickle"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pickle.dumps(content, protocol))


def make_pairs(folder: Path) -> None:
    """Makes tables of swaps with one and with several copies, and the manifest of their videos."""
    rows = [f"{name}.mp4,{name.split('/')[0]},{name}" for name in IDS]
    videos = {f"{name}.mp4": NOT_A_VIDEO for name in IDS}
    for name, copies in (("one", 1), ("several", 3)):
        swaps = []
        for copy in range(copies):
            swaps += [f"swap,{person},{copy},{scene}" for person, scene in SWAPS.items()]
        tables = {
            "manifest.csv": lines("path,label,id", *rows),
            "pairs.csv": lines("set,id,copy,scene", *swaps),
        }
        write(folder / name, videos | tables)


def make_scenes(folder: Path) -> None:
    """Makes a folder of emptied scenes as `albar synthesize hat` records it."""
    from albar_jax.storage.journal import Journal

    place = folder / "scenes"
    journal = Journal(place, SETTINGS)
    with journal.writing((1, 1)) as add_entry:
        for number in range(3):
            name = f"v{number}"
            means = {"red": 90.5, "green": 100.0, "blue": 70.25, "never": 0.125}
            layout = np.full(192, 20 * number, np.uint8).tobytes().hex()
            add_entry(name, [{"id": name, **means, "layout": layout}], "")
            (place / f"{name}.png").write_bytes(films.encoded("png", 1)[0])
