"""Claim: pages and pictures of predictions show untrusted names as text, and load nothing."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

from albar_jax.evaluation.motion_use import VideoUse, WindowUse, motion_use
from albar_jax.report import plots, prediction_page, prediction_text
from albar_jax.report.prediction_files import FileNames, write_predictions, write_time_line
from albar_jax.report.prediction_page import Caption, FrameRow, VideoSection, svg_url
from albar_jax.report.time_line import OTHERS, draw_time_line
from albar_jax.storage.csv_files import read_table

EVIL = '<img src="http://evil.example/x" onerror="alert(1)">'
CLASSES = tuple(f"class {number}" for number in range(12))


def use(answer, still, *, margin=3.0):
    moving, motionless = np.zeros((2, len(CLASSES)))
    moving[answer] = margin
    motionless[still] = margin
    return motion_use([moving], [motionless], np.full(len(CLASSES), -1.0))


def video(answers, *, path="films/long.mp4", fps=25.0, hop=16, length=32):
    windows = []
    for row, (answer, still) in enumerate(answers):
        windows.append(WindowUse(row * hop, row * hop + length - 1, use(answer, still)))
    num_frames = (len(windows) - 1) * hop + length
    return VideoUse(path, windows[0].use, num_frames, fps, tuple(windows))


def test_hostile_names_are_text_on_the_page_and_in_its_time_line():
    classes = (EVIL, *CLASSES[1:])
    shown = video([(0, 0), (0, 1)], path=f"films/{EVIL}\x1b[31m.mp4")
    picture = plots.frame_png(np.zeros((8, 8, 3), np.uint8))
    time_line = draw_time_line(shown, classes)
    section = VideoSection(
        shown,
        frames=(picture,),
        still=picture,
        attributions=(FrameRow(EVIL, (picture,)),),
        time_line=svg_url(time_line),
        window_frames=(Caption(picture, EVIL),),
    )
    page = prediction_page.render(EVIL, [EVIL], [shown], [section], classes)
    for text in (page, time_line):
        assert '<img src="http' not in text
        assert 'onerror="alert' not in text
        assert "\x1b" not in text
    assert html.escape(EVIL) in page.replace("&#34;", "&quot;")


def test_the_page_has_a_policy_and_no_external_resources():
    shown = video([(0, 1), (2, 1)])
    time_line = draw_time_line(shown, CLASSES)
    section = VideoSection(shown, time_line=svg_url(time_line))
    page = html.unescape(prediction_page.render("albar", [], [shown], [section], CLASSES))
    assert "default-src 'none'; img-src data:" in page
    assert set(re.findall(r'(?:src|href)="(\w+):', page)) == {"data"}
    assert not re.search(r"url\(|@import|https?:", page)
    assert re.findall(r"https?://[^\"]*", time_line) == ["http://www.w3.org/2000/svg"]


def test_a_time_line_has_a_block_for_each_stretch_of_one_answer():
    shown = video([(1, 1), (1, 1), (2, 1), (2, 3), (1, 3)])
    picture = draw_time_line(shown, CLASSES)
    moving, still = picture.split(">motionless</text>")[0], picture.split(">motionless</text>")[1]
    titles = re.compile(r"<title>(class \d+)</title>")
    assert titles.findall(moving) == ["class 1", "class 2", "class 1"]
    assert titles.findall(still) == ["class 1", "class 3"]


def test_blocks_of_a_band_cover_the_video_without_gaps():
    picture = draw_time_line(video([(row % 3, row % 2) for row in range(40)]), CLASSES)
    blocks = re.findall(r'<rect x="([\d.]+)" y="40" width="([\d.]+)"', picture)
    places = [(float(x), float(width)) for x, width in blocks]
    assert places[0][0] == 96
    assert places[-1][0] + places[-1][1] == pytest.approx(896, abs=0.11)
    for (x, width), (following, _) in zip(places[:-1], places[1:], strict=True):
        assert x + width == pytest.approx(following, abs=0.11)


def test_a_film_of_many_windows_has_a_bounded_picture():
    long = draw_time_line(video([(row % 3, 0) for row in range(5000)]), CLASSES)
    assert max(line.count(",") for line in long.splitlines() if "polyline" in line) <= 600
    assert long.count("<rect") <= 1300


def test_rare_classes_share_a_colour():
    answers = [(number, number) for number in range(12) for _ in range(12 - number)]
    picture = draw_time_line(video(answers), CLASSES)
    assert f">{OTHERS}</text>" in picture
    few = draw_time_line(video(answers[:30]), CLASSES)
    assert OTHERS not in few


def test_moments_are_times_or_frames():
    shown = video([(0, 0)])
    assert prediction_text.moment(shown, 25 * 61) == "01:01.0"
    assert prediction_text.moment(shown, 25 * 3723 + 10) == "1:02:03.4"
    assert prediction_text.moment(shown, 1499) == "01:00.0"
    assert prediction_text.moment(video([(0, 0)], fps=None), 40) == "frame 40"


def test_the_terminal_joins_windows_with_the_same_answers_and_shows_the_first_spans():
    lines = prediction_text.console(video([(1, 1)] * 3 + [(1, 2)]), CLASSES)
    rows = [line for line in lines if re.match(r"\d\d:", line)]
    assert [row.split()[:2] for row in rows] == [["00:00.0", "00:02.6"], ["00:01.9", "00:03.2"]]
    assert "time line of 4 windows; answers that need the motion: 1" in lines

    many = prediction_text.console(video([(row % 2, 0) for row in range(50)]), CLASSES)
    assert many[-1] == "and 30 further spans; --out DIR writes all windows"


def test_files_hold_every_window_in_both_forms(tmp_path):
    shown = video([(1, 1), (1, 2), (11, 2)])
    picture = write_time_line(tmp_path, "long", shown, CLASSES)
    assert picture == tmp_path / "timelines" / "long.svg"
    lines = (tmp_path / "timelines" / "long.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    rows = read_table(tmp_path / "timelines" / "long.csv").rows
    assert len(records) == len(rows) == 3
    for window, record, row in zip(shown.windows, records, rows, strict=True):
        assert (record["start_frame"], record["end_frame"]) == (window.first, window.last + 1)
        assert record["end_seconds"] == pytest.approx((window.last + 1) / 25)
        assert record["needs_motion"] is window.use.needs_motion
        assert row["class_1"] == record["moving"][0]["class"] == CLASSES[window.use.answer.label]
        assert float(row["prob_1"]) == record["moving"][0]["prob"]
        assert float(row["motion"]) == record["motion"] == pytest.approx(window.use.motion)
        assert row["motionless_1"] == record["motionless"][0]["class"]


def test_a_file_name_that_is_not_utf_8_is_written_with_escapes(tmp_path):
    write_predictions(tmp_path, [video([(1, 1)], path="caf\udce9.mp4")], CLASSES)
    assert json.loads((tmp_path / "predictions.jsonl").read_text())["path"] == "caf\\udce9.mp4"
    assert "caf\\udce9.mp4" in (tmp_path / "predictions.csv").read_text()


def test_names_of_files_are_plain_and_unique():
    names = FileNames()
    paths = ["a/film.mp4", "b/film.avi", "c/FILM.mkv", "../..", "x/" + "n" * 240 + ".mp4"]
    paths += ["y/<b>\x1b[31m/..mp4", "z/\udce9.mp4", "w/film-2.mp4"]
    given = [names.of(path) for path in paths]
    assert given[:2] == ["film", "film-2"]
    assert len({name.lower() for name in given}) == len(given)
    for name in given:
        assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name), name
        assert len(name) < 110
        assert Path(name).name == name
