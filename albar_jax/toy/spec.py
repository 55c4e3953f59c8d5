"""Reads the specification of a world from its file, which is TOML. docs/worlds.md describes it."""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from albar_jax.errors import UserError
from albar_jax.files import local_path, read_text
from albar_jax.schema.fields import check
from albar_jax.schema.ranges import Range
from albar_jax.toy import backgrounds, sprites
from albar_jax.toy.camera import Camera, Cuts
from albar_jax.toy.motion import MIN_RADIUS
from albar_jax.toy.novel import NOVEL
from albar_jax.toy.patterns import PATTERNS
from albar_jax.toy.shapes import SHAPES, TEXTURES
from albar_jax.toy.spec_parts import Bias, Counts, probability, read_classes, read_families
from albar_jax.toy.spec_tables import as_table, choice, read_table, refuse_unknown, suggest
from albar_jax.toy.world_spec import WorldSpec

SUFFIX = ".toml"
FOLDER = Path(__file__).with_name("worlds")

_COUNTS = ("frames", "size", "train", "test")
_TABLES = ("bias", "classes", "backgrounds", "sprites", "camera", "cuts")
# A world changes single keys of these tables of its base, and replaces the others as a whole.
_MERGED = ("bias", "backgrounds", "sprites", "camera", "cuts")


def shipped() -> tuple[str, ...]:
    """Returns the names of the worlds of this package, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob(f"*{SUFFIX}")))


def read_spec(world: str | os.PathLike[str]) -> WorldSpec:
    """Reads a world.

    Args:
      world: the name of a shipped world, or the path of a file that ends in ".toml".

    Raises:
      UserError: there is no such world, or its file has a mistake; names the file and the key.
    """
    path, tables = _load(os.fspath(world))
    if "base" in tables:
        base = choice(tables.pop("base"), shipped(), f"{path}: base")
        tables = _merge(_load(base)[1], tables)
    return _read(tables, path)


def _load(world: str) -> tuple[Path, dict[str, Any]]:
    """Returns the file of a world and its content."""
    # The shell does not expand the ~ of `world:~/my_world.toml`.
    path = Path(local_path(world))
    if not world.endswith(SUFFIX):
        if world not in shipped():
            raise UserError(
                f"there is no world {world!r}, and the file of a world ends in {SUFFIX}; "
                f"{suggest(world, shipped())}"
            )
        path = FOLDER / f"{world}{SUFFIX}"

    text = read_text(path)
    try:
        return path, tomllib.loads(text)
    # Python refuses numbers of thousands of digits and deeply nested lists.
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not TOML: {error}; correct it") from None


def _merge(base: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the tables of a base with the changes of a world."""
    merged = {**base, **tables}
    for name in _MERGED:
        both = (base.get(name), tables.get(name))
        if all(isinstance(table, dict) for table in both):
            merged[name] = {**base[name], **tables[name]}
    return merged


def _read(tables: Mapping[str, Any], path: Path) -> WorldSpec:
    """Reads the content of a file."""
    refuse_unknown(tables, (*_COUNTS, *_TABLES), str(path))
    for name in ("classes", "backgrounds", "sprites"):
        if name not in tables:
            raise UserError(f"{path} has no table {name}; add [{name}], or a line `base = ...`")

    given = {name: tables[name] for name in _COUNTS if name in tables}
    counts = read_table(Counts, given, f"{path}:")
    bias = read_table(Bias, tables.get("bias", {}), f"{path}: bias")
    classes = read_classes(tables["classes"], f"{path}: classes")
    scenes = _read_backgrounds(tables["backgrounds"], f"{path}: backgrounds")
    actors = _read_sprites(tables["sprites"], f"{path}: sprites")

    spec = WorldSpec(
        name=path.stem,
        num_frames=counts.frames,
        size=counts.size,
        num_train=counts.train,
        num_test=counts.test,
        classes=tuple(classes),
        motions=tuple(classes.values()),
        backgrounds=scenes.families,
        novel=scenes.novel,
        sprites=actors.families,
        background_bias=probability(bias.background, len(scenes.families)),
        sprite_bias=probability(bias.sprite, len(actors.families)),
        min_radius=actors.radius,
        camera=read_table(Camera, tables.get("camera", {}), f"{path}: camera"),
        cuts=read_table(Cuts, tables.get("cuts", {}), f"{path}: cuts"),
    )
    _check(spec, bias, path)
    return spec


@dataclasses.dataclass(frozen=True)
class _Backgrounds:
    """The table `backgrounds`."""

    families: tuple[backgrounds.Family, ...]
    novel: tuple[str, ...] = ("sinusoid", "octaves")


@dataclasses.dataclass(frozen=True)
class _Sprites:
    """The table `sprites`."""

    families: tuple[sprites.Family, ...]
    radius: Annotated[float, Range(0.05, 0.147)] = MIN_RADIUS


def _read_backgrounds(table: Any, where: str) -> _Backgrounds:
    refuse_unknown(as_table(table, where), ("families", "novel"), where)
    families = read_families(table.get("families"), {"pattern": PATTERNS}, f"{where}.families")
    scenes = _Backgrounds(tuple(backgrounds.Family(**family) for family in families))

    if "novel" not in table:
        return scenes
    novel = table["novel"]
    if not isinstance(novel, list) or not novel:
        raise UserError(f"{where}.novel is {novel!r}; it has to be a list of {', '.join(NOVEL)}")
    kinds = [choice(kind, NOVEL, f"{where}.novel") for kind in novel]
    return dataclasses.replace(scenes, novel=tuple(kinds))


def _read_sprites(table: Any, where: str) -> _Sprites:
    refuse_unknown(as_table(table, where), ("families", "radius"), where)
    kinds = {"shape": SHAPES, "texture": TEXTURES}
    families = read_families(table.get("families"), kinds, f"{where}.families")
    actors = _Sprites(tuple(sprites.Family(**family) for family in families))

    if "radius" not in table:
        return actors
    limit = Annotated[float, Range(0.05, 0.147)]
    return dataclasses.replace(actors, radius=check(limit, table["radius"], f"{where}.radius"))


def _check(spec: WorldSpec, bias: Bias, path: Path) -> None:
    """Checks what several parts have to agree on."""
    for name, families, share in (
        ("backgrounds", spec.backgrounds, bias.background),
        ("sprites", spec.sprites, bias.sprite),
    ):
        if len(families) < len(spec.classes) and share != "none":
            raise UserError(
                f"{path}: {name}.families has {len(families)} families for {len(spec.classes)} "
                f'classes; add families, or set bias.{name.removesuffix("s")} to "none"'
            )

    for name, count in (("train", spec.num_train), ("test", spec.num_test)):
        if count < len(spec.classes):
            raise UserError(
                f"{path}: {name} is {count}, but each of the {len(spec.classes)} classes needs a "
                f"clip; try {len(spec.classes)}"
            )

    longest = spec.cuts.frames.high
    if spec.cuts.share and (longest > spec.num_frames // 4 or longest % 1):
        raise UserError(
            f"{path}: cuts.frames goes up to {longest:g}; give whole numbers of at most a quarter "
            f"of the {spec.num_frames} frames, so that the middle of a clip is its own"
        )
