"""Writes the files of `albar attribute`: a picture for each clip, a table, and a page with both.

OUT/clip_NN.png        the picture of a clip, like ALBAR's Figure 3
OUT/attribution.csv    `attribution_table.AttributionRow`, one row for each clip and model
OUT/attribution.html   all pictures and the table on one page without external resources
"""

from collections.abc import Sequence
from pathlib import Path

from albar_jax import files
from albar_jax.report import attribution_table, plots, tables
from albar_jax.report.attribution_pictures import (
    ExplainedClip,
    Strip,
    Style,
    draw_strips,
    picture,
    write_png,
)
from albar_jax.report.attribution_table import AttributionRow
from albar_jax.report.environment import environment
from albar_jax.storage.inside import inside
from albar_jax.terminal.escapes import show

# A page without scripts.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)
_CAPTIONS = {
    "absolute": "Blue: magnitude of the attribution.",
    "positive": "Green: attributions that raise the score.",
    "signed": "Green raises the score, red lowers it.",
}


def publish(
    folder: Path, clips: Sequence[ExplainedClip], rows: Sequence[AttributionRow], style: Style
) -> None:
    """Writes the files into a folder and prints the table.

    Args:
      folder: folder for the results.
      clips: the explained clips; clip N is in clip_NN.png.
      rows: rows of the table.
      style: style of the pictures.
    """
    pages = draw_strips(clips, style)
    for number, strips in enumerate(pages):
        write_png(inside(folder, f"clip_{number:02}.png"), picture(strips))
    attribution_table.write_csv(inside(folder, "attribution.csv"), rows)

    page = inside(folder, "attribution.html")
    files.write_text(page, render(clips, pages, rows, style))
    show(*tables.aligned(attribution_table.table_lines(rows)).splitlines())
    show(f"the page: {page}")


def render(
    clips: Sequence[ExplainedClip],
    pages: Sequence[Sequence[Strip]],
    rows: Sequence[AttributionRow],
    style: Style,
) -> str:
    """Returns the page as HTML; all text from outside is escaped."""
    figures = []
    for clip, strips in zip(clips, pages, strict=True):
        drawn = [(strip.caption, list(map(plots.frame_png, strip.frames))) for strip in strips]
        figures.append((clip, drawn))

    return (
        environment()
        .get_template("attribution.html.jinja")
        .render(
            policy=_POLICY,
            figures=figures,
            lines=attribution_table.table_lines(rows),
            caption=_CAPTIONS[style.show],
        )
    )
