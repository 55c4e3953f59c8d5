"""Reads lists and tables of action swaps, and emptied scenes, like `prepare` and `synthesize`."""

from pathlib import Path

from fuzz.seeds.hat import SETTINGS, SIZE


def read_lists(folder: Path) -> None:
    """Reads released lists."""
    from albar_jax.data.prepare import hat_lists

    for path in hat_lists.find_lists(folder / "lists").values():
        hat_lists.read_list(path)


def read_pairs(folder: Path) -> None:
    """Reads a table of swaps and lists the clips to make."""
    from albar_jax.data.manifest import read_manifest
    from albar_jax.synthesis.hat import pairs

    videos = read_manifest(folder / "manifest.csv")
    for swaps in pairs.read_pairs(folder / "pairs.csv").values():
        for video in pairs.list_clips(videos, swaps, ".zip"):
            for clip in video.clips:
                swaps.scene_of(clip.id)


def read_scenes(folder: Path) -> None:
    """Reads the record of emptied scenes, and all pictures."""
    from albar_jax.storage.journal import Journal
    from albar_jax.synthesis.clip_list import Clip, SourceVideo
    from albar_jax.synthesis.foregrounds import Foregrounds
    from albar_jax.synthesis.hat import scenes
    from albar_jax.synthesis.runner import Progress

    rows_of, failed = Journal(folder, SETTINGS).read()
    videos = []
    for number in range(3):
        name = f"v{number}"
        # The runner leaves out videos whose records have other ids.
        if [row["id"] for row in rows_of.get(name, ())] == [name]:
            clip = Clip(name, f"{name}.png", "clap", f"{name}.mp4")
            videos.append(SourceVideo(name, f"{name}.mp4", (clip,)))
        else:
            failed.setdefault(name, "its record is lost")

    progress = Progress(videos, rows_of, failed, 0)
    maker = scenes.SceneMaker(Foregrounds(SETTINGS["masks"]))
    found = scenes.read_scenes(progress, folder, maker)
    for number in range(len(videos)):
        found.distances(number)
        found.picture(number, SIZE)
