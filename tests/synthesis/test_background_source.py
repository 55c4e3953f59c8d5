"""Claim: backgrounds are drawn by (seed, video, copy), in colour, and resized as documented."""

import numpy as np
import pytest
import stand_ins
from PIL import Image

from albar_jax.errors import UserError
from albar_jax.synthesis.background_source import fit, open_backgrounds


@pytest.fixture
def folder(tmp_path):
    return stand_ins.pictures(tmp_path / "places")


def test_draws_do_not_depend_on_other_draws(folder):
    source = open_backgrounds(str(folder))
    keys = [(seed, video, copy) for seed in (0, 1) for video in ("a", "b") for copy in range(4)]
    forwards = {key: source.draw(*key)[0] for key in keys}
    again = open_backgrounds(str(folder))
    assert {key: again.draw(*key)[0] for key in reversed(keys)} == forwards
    assert len(set(forwards.values())) > 3
    assert [forwards[0, "a", k] for k in range(4)] != [forwards[1, "a", k] for k in range(4)]
    assert [forwards[0, "a", k] for k in range(4)] != [forwards[0, "b", k] for k in range(4)]


def test_grey_and_broken_pictures_are_drawn_again_and_transparency_is_dropped(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (20, 20), np.uint8)).save(tmp_path / "grey.jpg")
    Image.fromarray(rng.integers(0, 256, (20, 20, 2), np.uint8), "LA").save(tmp_path / "grey.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    clear = rng.integers(0, 256, (20, 20, 4), np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    source = open_backgrounds(str(tmp_path))
    assert len(source.names) == 4
    for copy in range(20):
        name, picture = source.draw(0, "video", copy)
        assert name == "clear.png"
        assert (picture == clear[..., :3]).all()


def test_a_folder_without_colour_is_an_error_not_a_loop(tmp_path):
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "grey.png")
    with pytest.raises(UserError, match="none is in color"):
        open_backgrounds(str(tmp_path)).draw(0, "video", 0)


def test_folders_below_count_and_names_are_relative(tmp_path):
    stand_ins.pictures(tmp_path / "deep" / "er", 1)
    assert open_backgrounds(str(tmp_path)).names == ("deep/er/Places365_test_00000000.jpg",)


@pytest.mark.parametrize(
    ("spec", "message"),
    [("nowhere", "does not exist"), ("file", "not a folder"), (".", "holds no")],
)
def test_a_wrong_folder_is_one_sentence(tmp_path, monkeypatch, spec, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=message):
        open_backgrounds(spec)


def test_published_stretches_and_cover_cuts():
    """A picture stretched to an upright frame keeps its edges; a cropped one loses them.

    The left and the right fifth of the square are red.
    """
    picture = np.zeros((50, 50, 3), np.uint8)
    picture[:, :10] = picture[:, 40:] = (255, 0, 0)
    stretched, cut = (fit(picture, 60, 30, how) for how in ("published", "cover"))
    assert stretched.shape == cut.shape == (60, 30, 3)
    assert (stretched[:, :5, 0] > 200).all()
    assert (cut == 0).all()
    # This is the default of PIL, as published.
    assert (stretched == np.asarray(Image.fromarray(picture).resize((30, 60)))).all()
