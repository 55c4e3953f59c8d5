"""Writes the files of `albar attribute`: a picture for each clip, a table, and a page with both.

OUT/clip_NN.png        the picture of a clip, like ALBAR's Figure 3
OUT/attribution.csv    `attribution_table.AttributionRow`, one row for each clip and model
OUT/attribution.html   all pictures and the table on one page without external resources
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from albar_jax.files import replacing
from albar_jax.report import attribution_table, pages, plots, tables
from albar_jax.report.attribution_pictures import (
    ExplainedClip,
    Style,
    draw_strips,
    picture,
    scale_of_all,
    write_png,
)
from albar_jax.report.attribution_table import AttributionRow
from albar_jax.report.environment import environment
from albar_jax.storage.inside import inside
from albar_jax.terminal.escapes import show

TABLE = "attribution.csv"
PAGE = "attribution.html"

_CAPTIONS = {
    "absolute": "Blue: magnitude of the attribution.",
    "positive": "Green: attributions that raise the score.",
    "signed": "Green raises the score, red lowers it.",
}


def begin(folder: Path) -> None:
    """Removes the table and the page of an earlier command; its pictures are replaced later."""
    for name in (TABLE, PAGE):
        inside(folder, name).unlink(missing_ok=True)


def publish(
    folder: Path, clips: Iterable[ExplainedClip], rows: Sequence[AttributionRow], style: Style
) -> None:
    """Writes the files into a folder and prints the table.

    Args:
      folder: folder for the results.
      clips: the explained clips; clip N is in clip_NN.png. They are read several times, and only
        one is in memory.
      rows: rows of the table.
      style: style of the pictures.
    """
    scale = scale_of_all(clips, style)
    _draw_pictures(folder, clips, style, scale)
    attribution_table.write_csv(inside(folder, TABLE), rows)

    page = inside(folder, PAGE)
    with replacing(page) as partial, partial.open("w", encoding="utf-8") as file:
        file.writelines(render(clips, rows, style, scale))
    show(*tables.aligned(attribution_table.table_lines(rows)).splitlines())
    show(f"the page: {page}")


def _draw_pictures(
    folder: Path, clips: Iterable[ExplainedClip], style: Style, scale: float | None
) -> None:
    # A function of its own, so that the last clip is released.
    for number, clip in enumerate(clips):
        draw_picture(folder, number, clip, style, scale)


def draw_picture(
    folder: Path, number: int, clip: ExplainedClip, style: Style, scale: float | None = None
) -> None:
    """Writes the picture of a clip; the arguments are as in `draw_strips`."""
    path = inside(folder, f"clip_{number:02}.png")
    write_png(path, picture(draw_strips(clip, style, scale)))


def render(
    clips: Iterable[ExplainedClip],
    rows: Sequence[AttributionRow],
    style: Style,
    scale: float | None = None,
) -> Iterator[str]:
    """Yields the page as HTML, piece by piece; all text from outside is escaped."""

    def figures() -> Iterator[tuple[ExplainedClip, list[tuple[str, list[str]]]]]:
        for clip in clips:
            drawn = []
            for strip in draw_strips(clip, style, scale):
                drawn.append((strip.caption, list(map(plots.frame_png, strip.frames))))
            yield clip, drawn

    css = pages.read_templates(["report.css"])
    template = environment().get_template("attribution.html.jinja")
    return template.generate(
        policy=pages.policy(css, script=""),
        style=css,
        figures=figures(),
        lines=attribution_table.table_lines(rows),
        caption=_CAPTIONS[style.show],
    )
