"""Claim: a world is described by a file, and each mistake in it is named with its remedy."""

import re
from pathlib import Path

import pytest

from albar_jax.errors import UserError
from albar_jax.toy.motions import MOTIONS
from albar_jax.toy.novel import NOVEL
from albar_jax.toy.patterns import PATTERNS
from albar_jax.toy.shapes import SHAPES, TEXTURES
from albar_jax.toy.spec import read_spec, shipped

PAGE = Path(__file__).parents[2] / "docs" / "worlds.md"
CLASSES = """
[classes]
left = { motion = "translate", angle = 180, speed = 0.05 }
spin = { motion = "spin", rate = [0.05, 0.1], sense = "clockwise" }
"""
FAMILIES = """
[backgrounds.families]
pattern = ["dots", "maze"]
hue = [0.1, 0.6]
[sprites.families]
shape = ["zed", "gear"]
hue = [0.3]
"""
WORLD = CLASSES + FAMILIES
BASE = 'base = "quickstart"\n'


def write(folder, text):
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


def test_a_small_file_is_a_world(tmp_path):
    spec = read_spec(write(tmp_path, "frames = 12\nsize = 48\n" + WORLD))
    assert (spec.name, spec.num_frames, spec.size) == ("mine", 12, 48)
    assert (spec.num_train, spec.num_test) == (1250, 320)
    assert spec.classes == ("left", "spin")
    # The first list changes fastest.
    names = ["dots_0.1", "maze_0.1", "dots_0.6", "maze_0.6"]
    assert [family.name for family in spec.backgrounds] == names
    assert [family.name for family in spec.sprites] == ["zed", "gear"]
    # Without a table `bias` all families are equally likely.
    assert (spec.background_bias, spec.sprite_bias) == (1 / 4, 1 / 2)
    assert spec.num_scenes == 4


def test_a_path_may_begin_with_the_home_folder_and_be_a_path_object(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    spec = read_spec(write(tmp_path, BASE))
    assert read_spec("~/mine.toml") == read_spec(tmp_path / "mine.toml") == spec
    for wrong in ("~nobody_here/mine.toml", "https://a.org/mine.toml"):
        with pytest.raises(UserError):
            read_spec(wrong)


def test_a_base_is_changed_by_classes_as_a_whole_and_by_single_keys_of_other_tables(tmp_path):
    quickstart = read_spec("quickstart")
    text = "[bias]\nsprite = 0.5\n[backgrounds]\nnovel = ['mosaic']\n"
    spec = read_spec(write(tmp_path, BASE + text + CLASSES))
    assert spec.classes == ("left", "spin")
    assert (spec.background_bias, spec.sprite_bias) == (0.85, 0.5)
    assert spec.backgrounds == quickstart.backgrounds
    assert (quickstart.novel, spec.novel) == (("sinusoid", "octaves"), ("mosaic",))


def test_the_digest_changes_with_everything_that_changes_the_clips(tmp_path):
    texts = [BASE, "# text\n" + BASE, BASE + "size = 34\n", BASE + "[camera]\nshake = 0.1\n"]
    digests = [read_spec(write(tmp_path, text)).digest for text in texts]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def in_line(table):
    return WORLD.replace(CLASSES, f"[classes]\na = {table}\nb = {{ motion = 'still' }}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASE + "fames = 9\n", "mine.toml has the unknown key 'fames'; did you mean 'frames'?"),
        (BASE + "frames = 3\n", "mine.toml: frames is 3; it has to be from 4 to 64"),
        (BASE + "size = 32.5\n", "size is 32.5; it has to be a whole number, from 16 to 128"),
        (BASE + "train = 7\n", "train is 7, but each of the 8 classes needs a clip; try 8"),
        ("base = 'brod'\n", "base is 'brod'; did you mean 'broad'?"),
        ("frames = 8\n", "has no table classes; add [classes], or a line `base = ...`"),
        (BASE + "[bias]\nscene = 1.0\n", "bias has the unknown key 'scene'; choose from"),
        (BASE + "[bias]\nsprite = 1.5\n", "bias.sprite is 1.5; it has to be"),
        (BASE + "bias = 0.5\n", "bias is 0.5; it has to be a table"),
        (in_line("{ angle = 3 }"), "classes.a has no motion; add `motion = ...`, one of"),
        (in_line("{ motion = 'orbt' }"), "classes.a.motion is 'orbt'; did you mean 'orbit'?"),
        (in_line("{ motion = 'hop', step = 0.1, period = 3 }"), "classes.a has no angle; add"),
        (in_line("{ motion = 'grow', rte = 1 }"), "classes.a has the unknown key 'rte'"),
        (in_line("{ motion = 'grow', rate = 0.9 }"), "classes.a.rate is 0.9; it has to be more"),
        (in_line("{ motion = 'grow', rate = nan }"), "classes.a.rate is nan; it has to be"),
        (in_line("{ motion = 'grow', rate = 'x' }"), "classes.a.rate is 'x'; it has to be"),
        (in_line("{ motion = 'grow', rate = [0.2, 0.1] }"), "write the smaller number first"),
        (in_line("{ motion = 'grow', rate = [1] }"), "one number or [smallest, largest]"),
        (in_line("{ motion = 'still' }"), "classes.b moves as "),
        (in_line("[]"), "classes.a is a list of 0 motions; give 1 to 8 at once"),
        (WORLD.replace("left", "'left '"), "classes has the class 'left '; give a name of"),
        (WORLD.replace("spin = ", "# "), "classes has 1 classes; give 2 to 100"),
        (WORLD.replace("'maze'", "").replace('"maze"', "'mase'"), "did you mean 'maze'?"),
        (WORLD.replace("hue = [0.3]", "hue = 0.3"), "hue is 0.3; it has to be a list to combine"),
        (WORLD.replace("hue = [0.3]", "hue = [3]"), "sprites.families[0].hue is 3; it has to"),
        (WORLD.replace("hue = [0.3]", ""), "sprites.families[0] has no hue; add `hue = ...`"),
        (WORLD.replace('"zed", ', '"gear", '), "is a second family 'gear_0.3'; remove it"),
        (WORLD + "radius = 0.1\n", "sprites.families.radius is 0.1; it has to be a list"),
        (WORLD + "[classes]\n", "mine.toml is not TOML: "),
        (BASE + "[sprites]\nradius = 0.2\n", "sprites.radius is 0.2; it has to be from 0.05"),
        (BASE + "[backgrounds]\nnovel = []\n", "novel is []; it has to be a list of sinusoid"),
        (BASE + "[backgrounds]\nnovel = ['dots']\n", "novel is 'dots'; choose from sinusoid"),
        (BASE + "[camera]\npan = 0.6\n", "camera.pan is 0.6; it has to be from 0 to 0.5"),
        (BASE + "[camera]\nangle = 'up'\n", "camera.angle is 'up'; it has to be"),
        (BASE + "[cuts]\nshare = 0.5\nframes = 3\n", "cuts.frames goes up to 3; give whole"),
        (BASE + "[cuts]\nshare = 0.5\nframes = [1, 1.5]\n", "cuts.frames goes up to 1.5; give"),
        ("a = " + "[" * 9999, "mine.toml is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_its_remedy(tmp_path, text, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read_spec(write(tmp_path, text))
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize("which", ["background", "sprite"])
def test_a_bias_needs_a_family_for_each_class(tmp_path, which):
    three = WORLD.replace("[classes]", "[classes]\nthird = { motion = 'still' }")
    few = three.replace("hue = [0.1, 0.6]", "hue = [0.1]")
    assert len(read_spec(write(tmp_path, few)).classes) == 3
    with pytest.raises(UserError, match=f'has 2 families for 3 .*set bias.{which} to "none"'):
        read_spec(write(tmp_path, f"bias = {{ {which} = 0.5 }}\n" + few))


def test_a_wrong_name_of_a_world_lists_the_names():
    with pytest.raises(UserError, match=r"no world 'brod'.* ends in .toml; did you mean 'broad'"):
        read_spec("brod")
    with pytest.raises(UserError, match="cannot read absent.toml: No such file"):
        read_spec("absent.toml")


def test_the_page_describes_every_world_key_and_kind():
    page = PAGE.read_text()
    for name in (*shipped(), *MOTIONS, *PATTERNS, *NOVEL, *SHAPES, *TEXTURES):
        assert f"`{name}`" in page, name
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| (.*?) \|", page, re.MULTILINE)
    options = {}
    for kinds, words in rows:
        for kind in re.findall(r"\w+", kinds):
            options[kind] = set(re.findall(r"`(\w+)`", words))
    for name, kind in MOTIONS.items():
        assert options[name] == set(kind.__dataclass_fields__), name


def test_the_example_of_the_page_is_a_world(tmp_path):
    example = re.search(r"```\n(frames.*?)```", PAGE.read_text(), re.DOTALL)
    spec = read_spec(write(tmp_path, example[1]))
    assert spec.classes == ("rise", "circle", "fly_away")
    assert len(spec.motions[2]) == 2
