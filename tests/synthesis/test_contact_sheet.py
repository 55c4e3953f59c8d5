"""Claim: a contact sheet fills its page, whatever the clips of the set are."""

import cv2
import numpy as np
import pytest
import stand_ins

from albar_jax.synthesis import contact_sheet

# Name -> (frames, height, width) of each clip, width of the page, and required number of strips.
SETS = {
    "many films": ([(12, 48, 64)] * 20, 960, 8),
    "a few films": ([(12, 48, 64)] * 3, 960, 3),
    "films that are tall": ([(12, 64, 36)] * 9, 960, 8),
    "films that are broad": ([(12, 36, 86)] * 9, 960, 8),
    "many stills": ([(1, 48, 64)] * 60, 960, 48),
    "stills that are tall": ([(1, 64, 36)] * 100, 960, 73),
    "a few stills": ([(1, 48, 64)] * 7, 960, 7),
    "one still": ([(1, 48, 64)], 320, 1),
    "films of two frames": ([(2, 48, 64)] * 11, 960, 11),
    "all kinds": ([(9, 36, 64), (9, 64, 36), (1, 48, 64), (3, 48, 64), (9, 31, 33)], 960, 5),
}


def write(root, shapes):
    """Writes folders of frames, each clip in its own tone, and their sheet. Returns the sheet."""
    rows = []
    for number, (count, height, width) in enumerate(shapes):
        frames = np.full((count, height, width, 3), 10 + 2 * number, np.uint8)
        stand_ins.write_images(root / f"clip_{number}", frames)
        rows.append(
            {
                "path": f"clip_{number}",
                "label": "brush_hair",
                "id": f"brush_hair/a_film_of_a_long_name_{number}__0",
            }
        )
    contact_sheet.write(root / "set.png", rows, root / "set.csv")
    return cv2.imread(str(root / "set.png"))


@pytest.mark.parametrize("name", SETS)
def test_no_place_is_left_empty(tmp_path, name):
    shapes, width, strips = SETS[name]
    sheet = write(tmp_path, shapes)
    assert sheet.shape[1] == width
    paper = (sheet == 255).all(axis=-1)
    # Captions begin a little further right.
    rows = np.flatnonzero(~paper[:, 0])
    # Gaps between strips.
    assert paper[rows].mean() < 0.09
    assert not paper[rows, -1].any()
    # Captions.
    assert paper.mean() < 0.25
    shown = {int(tone) for row in rows for tone in np.unique(sheet[row]) if tone < 255}
    assert len(shown) == strips


def test_frames_keep_their_shape(tmp_path):
    """A square in a tall film is a square in the sheet."""
    frames = np.zeros((12, 320, 180, 3), np.uint8)
    frames[:, 100:160, 60:120] = 200
    stand_ins.write_images(tmp_path / "film", frames)
    contact_sheet.write(
        tmp_path / "set.png", [{"path": "film", "label": "a", "id": "a__0"}], tmp_path / "set.csv"
    )
    bright = np.abs(cv2.imread(str(tmp_path / "set.png"))[..., 0].astype(int) - 200) < 3
    # The caption.
    bright[:20] = False
    # The strip has nine frames.
    rows, columns = bright.any(axis=1).sum(), bright.any(axis=0).sum() / 9
    assert rows == pytest.approx(columns, rel=0.05)


def test_clips_are_spread_over_the_set(tmp_path):
    sheet = write(tmp_path, [(1, 48, 64)] * 100)
    tones = set(np.unique(sheet[30:]))
    assert {10, 10 + 2 * 50} <= tones
    assert max(tones - set(range(212, 256))) > 10 + 2 * 90


def test_the_end_of_a_long_id_is_shown_and_letters_that_cannot_be_drawn_are_no_error(tmp_path):
    stand_ins.write_images(tmp_path / "film", np.zeros((1, 48, 64, 3), np.uint8))
    captions = []
    for number in (1, 2):
        rows = [{"path": "film", "label": "größe", "id": f"größe/{'x' * 200}__{number}"}]
        contact_sheet.write(tmp_path / "set.png", rows, tmp_path / "set.csv")
        captions.append(cv2.imread(str(tmp_path / "set.png"))[:20])
    assert (captions[0] != captions[1]).any()


def test_a_clip_that_was_damaged_since_is_one_sentence(tmp_path, capsys):
    manifest = stand_ins.videos(tmp_path, 2)
    stand_ins.scuba(tmp_path, manifest, tmp_path / "set")
    (tmp_path / "set" / "clip_0__0.zip").write_bytes(b"no archive")
    words = (
        "--manifest",
        manifest,
        "--masks",
        f"npz:{tmp_path / 'masks'}",
        "--backgrounds",
        "stripe",
        "--copies",
        2,
    )
    assert stand_ins.run("scuba", *words, "--jobs", 1, "--out", tmp_path / "set") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert error.endswith("delete this clip and repeat the command to make it again")
