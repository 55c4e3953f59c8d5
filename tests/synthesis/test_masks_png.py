"""Claim: folders of pictures by SAM 2, SAM-Track, DAVIS and segmentation networks are read."""

import resource
import struct

import numpy as np
import pytest
from PIL import Image

from albar_jax.data.decode import open_video
from albar_jax.errors import UserError
from albar_jax.masks import NoMask, checks, open_source

# The first colours of the palette.
DAVIS = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
IDS = np.array([[0, 1, 2], [3, 0, 1]], np.uint8)


def write(folder, name, values, palette=None):
    folder.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values)
    if palette:
        image.putpalette(palette)
    image.save(folder / name)


def no_video(video):
    raise AssertionError(f"{video} was opened without need")


@pytest.fixture
def film(tmp_path):
    """Opens a video of three frames, whatever the id."""
    for number in range(3):
        write(tmp_path / "film", f"{number}.png", np.zeros((2, 3, 3), np.uint8))
    return lambda video: open_video(str(tmp_path / "film"))


def png(tmp_path, options="", opener=no_video):
    return open_source(f"png:{tmp_path}/masks{options}", opener)


@pytest.mark.parametrize("palette", [None, DAVIS])
@pytest.mark.parametrize(
    ("options", "chosen"), [("", [1, 2, 3]), ("?ids=1", [1]), ("?ids=1,3", [1, 3])]
)
def test_values_are_numbers_of_objects_with_a_palette_and_without(
    tmp_path, palette, options, chosen
):
    write(tmp_path / "masks" / "fence" / "v", "00000.png", IDS, palette)
    write(tmp_path / "masks" / "fence" / "v", "00001.png", IDS[::-1].copy(), palette)
    result = png(tmp_path, options).get("fence/v")
    np.testing.assert_array_equal(result.masks, np.isin([IDS, IDS[::-1]], chosen))
    np.testing.assert_array_equal(result.frame_ids, [0, 1])


def test_binary_and_coloured_pictures_show_the_person_where_they_are_not_black(tmp_path):
    person = IDS > 0
    colours = np.zeros((2, 3, 3), np.uint8)
    colours[person] = (0, 0, 200)
    # The alpha channel carries no information.
    transparent = np.dstack([colours, np.full((2, 3), 255, np.uint8)])
    grey_alpha = np.dstack([IDS, np.full((2, 3), 255, np.uint8)])
    pictures = (
        person,
        (person * 255).astype(np.uint8),
        colours,
        transparent,
        grey_alpha,
        IDS.astype(np.uint16) * 300,
    )
    for number, picture in enumerate(pictures):
        write(tmp_path / "masks" / "v", f"frame{number:06d}.png", picture)
    np.testing.assert_array_equal(png(tmp_path).get("v").masks, np.stack([person] * len(pictures)))


def test_transparent_pixels_are_background(tmp_path):
    """Transparent pixels are background, even if they have colours.

    Programs that cut out people write them like this.
    """
    person = IDS > 0
    cut_out = np.dstack(
        [np.full((2, 3, 3), 90, np.uint8), np.where(person, 255, 0).astype(np.uint8)]
    )
    write(tmp_path / "masks" / "v", "0.png", cut_out)
    write(tmp_path / "masks" / "v", "1.png", np.ascontiguousarray(cut_out[..., 2:]))
    np.testing.assert_array_equal(png(tmp_path).get("v").masks, [person, person])


def test_a_folder_for_each_object_as_sam2_writes_it(tmp_path):
    for number, (name, value) in enumerate({"000": 0, "001": 1, "002": 2, "003": 3}.items()):
        write(tmp_path / "masks" / "v" / name, "00000.png", (value == IDS).astype(np.uint8), DAVIS)
        if number != 2:
            write(tmp_path / "masks" / "v" / name, "00001.png", np.zeros((2, 3), np.uint8), DAVIS)
    np.testing.assert_array_equal(
        png(tmp_path, "?ids=2,3").get("v").masks, [np.isin(IDS, (2, 3)), np.zeros((2, 3))]
    )
    # Object 0 is an object here.
    assert png(tmp_path).get("v").masks[0].all()


def test_numbers_from_one_are_recognised_by_the_length_of_the_video(tmp_path, film):
    for number in (1, 3):
        write(tmp_path / "masks" / "v", f"{number:05d}.png", IDS)
    np.testing.assert_array_equal(png(tmp_path, opener=film).get("v").frame_ids, [0, 2])


def test_ambiguous_numbers_need_an_option(tmp_path, film):
    # SAM-Track writes a video of three frames like this.
    for number in (1, 2):
        write(tmp_path / "masks" / "v", f"{number:05d}.png", IDS)
    # SAM-Track also writes this file.
    write(tmp_path / "masks" / "v", "00002_new.png", IDS)
    with pytest.raises(UserError, match="numbered 1 to 2 and it has 3 frames.*first=0"):
        png(tmp_path, opener=film).get("v")
    assert png(tmp_path, "?first=0").get("v").frame_ids.tolist() == [1, 2]
    assert png(tmp_path, "?first=1").get("v").frame_ids.tolist() == [0, 1]
    write(tmp_path / "masks" / "v", "00000.png", IDS)
    assert png(tmp_path).get("v").frame_ids.tolist() == [0, 1, 2]
    with pytest.raises(UserError, match="has number 0, but first=1"):
        png(tmp_path, "?first=1").get("v")


def test_frames_are_ordered_by_number_not_by_name(tmp_path):
    for number in (0, 2, 10):
        write(tmp_path / "masks" / "v", f"{number}.png", np.full((1, 1), number, np.uint8))
    result = png(tmp_path, "?ids=10").get("v")
    assert result.frame_ids.tolist() == [0, 2, 10]
    assert result.masks.ravel().tolist() == [False, False, True]


def test_a_video_without_pictures_has_no_mask(tmp_path):
    (tmp_path / "masks" / "empty").mkdir(parents=True)
    for video in ("empty", "absent"):
        with pytest.raises(NoMask, match=video):
            png(tmp_path).get(video)


def test_pictures_that_do_not_belong_together_are_refused(tmp_path):
    write(tmp_path / "masks" / "sizes", "0.png", IDS)
    write(tmp_path / "masks" / "sizes", "1.png", IDS.T.copy())
    write(tmp_path / "masks" / "twice", "0.png", IDS)
    write(tmp_path / "masks" / "twice", "000.png", IDS)
    write(tmp_path / "masks" / "colours", "0.png", np.dstack([IDS] * 3))
    write(tmp_path / "masks" / "cut", "0.png", IDS)
    path = tmp_path / "masks" / "cut" / "0.png"
    path.write_bytes(path.read_bytes()[:45])
    for video, reason in {
        "sizes": "different sizes",
        "twice": "same number",
        "cut": "not a readable PNG",
    }.items():
        with pytest.raises(UserError, match=reason):
            png(tmp_path).get(video)
    with pytest.raises(UserError, match="colors, not numbers"):
        png(tmp_path, "?ids=1").get("colours")


def test_ids_are_numbers(tmp_path):
    (tmp_path / "masks").mkdir()
    with pytest.raises(UserError, match="ids=1,2, not 'person'"):
        png(tmp_path, "?ids=person")


def test_a_chunk_that_claims_more_than_the_file_is_refused(tmp_path):
    write(tmp_path / "masks" / "v", "0.png", IDS)
    path = tmp_path / "masks" / "v" / "0.png"
    data = path.read_bytes()
    at = data.index(b"IDAT") - 4
    path.write_bytes(data[:at] + struct.pack(">I", 0x7FFFFFFF) + b"tEXt" + bytes(100) + data[at:])
    with pytest.raises(
        UserError, match=r"0\.png is not a readable PNG image: .* a chunk claims to be longer"
    ):
        png(tmp_path).get("v")


def test_masks_of_more_pixels_than_a_video_may_have_are_refused_before_they_fill_the_memory(
    tmp_path,
):
    side = 8192
    count = checks.MOST_PIXELS // side**2 + 1
    write(tmp_path / "masks" / "v", "0.png", np.zeros((side, side), bool))
    for number in range(1, count):
        (tmp_path / "masks" / "v" / f"{number}.png").hardlink_to(tmp_path / "masks" / "v" / "0.png")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=f"v has {count} frames of 8,192 x 8,192 pixels"):
        png(tmp_path, "?first=0").get("v")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20
