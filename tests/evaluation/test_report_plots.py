import base64

import cv2
import numpy as np
import pytest

from albar_jax.evaluation import results
from albar_jax.evaluation.suites import SUITES
from albar_jax.report import plots


def decode(url):
    head, data = url.split(",")
    assert head in ("data:image/png;base64", "data:image/webp;base64")
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.fixture
def panels_of(make_run):
    def panels(*histories):
        right = {"iid": [1], "scuba": [1], "scufo": [0], "conflfg": [1]}
        runs = [
            make_run(f"m{i}", 0, **right, history=history) for i, history in enumerate(histories)
        ]
        summarised = results.summarise(SUITES["quickstart"], runs)

        return {panel.metric: panel for panel in plots.panels(summarised.summaries)}

    return panels


def test_curves_span_the_panel_and_share_the_axis_of_steps(panels_of):
    short = [{"step": 0, "loss/total": 4.0}, {"step": 50, "loss/total": 0.0}]
    long = [{"step": 0, "loss/total": 2.0}, {"step": 100, "loss/total": 1.0}]
    panel = panels_of(short, long)["loss/total"]

    assert [curve.points for curve in panel.curves] == [
        "0.0000,0.0000 0.5000,1.0000",
        "0.0000,0.5000 1.0000,0.7500",
    ]
    assert panel.y_ticks == ((1.0, "0"), (0.75, "1"), (0.5, "2"), (0.25, "3"), (0.0, "4"))


def test_a_metric_that_one_model_lacks_has_only_the_others_curve(panels_of):
    panel = panels_of([{"step": 1, "loss/a": 1.0}], [{"step": 1, "loss/b": 1.0}])["loss/b"]
    assert [curve.model for curve in panel.curves] == [1]


def test_top1_panels_come_first_and_unknown_metrics_are_not_drawn(panels_of):
    record = {"step": 1, "loss/a": 1.0, "validation/top1": 0.5, "clips_per_second": 9.0}
    assert list(panels_of([record])) == ["validation/top1", "loss/a"]


def test_what_the_penalty_acts_on_is_drawn_last(panels_of):
    names = ("validation/static_jacobian", "validation/head_sum", "loss/a", "validation/contrasted")
    record = {"step": 1, **dict.fromkeys(names, 0.5)}
    drawn = ["loss/a", "validation/head_sum", "validation/static_jacobian"]
    assert list(panels_of([record])) == drawn


def test_values_that_are_not_finite_are_left_out(panels_of):
    history = [
        {"step": 0, "loss/a": 1.0, "loss/b": float("nan")},
        {"step": 10, "loss/a": float("inf")},
    ]
    panels = panels_of(history)

    assert list(panels) == ["loss/a"]
    assert "nan" not in panels["loss/a"].curves[0].points


def test_long_histories_are_thinned_by_averaging(panels_of):
    history = [{"step": step, "loss/a": 2.0 * (step % 2)} for step in range(1500)]
    history += [{"step": step, "loss/a": 3.0} for step in range(1500, 3000)]
    panel = panels_of(history)["loss/a"]
    points = panel.curves[0].points.split()

    assert len(points) == 150
    # The mean of 0 and 2 is 1, now the lowest value; 3 is the highest.
    assert [text for _, text in panel.y_ticks] == ["1", "1.5", "2", "2.5", "3"]
    assert [point.split(",")[1] for point in points] == ["1.0000"] * 75 + ["0.0000"] * 75


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-2.3, 0.1), (3.0, 3.0), (0, 98765), (1e-6, 2e-6)]
)
def test_ticks_are_few_and_span_the_values(low, high):
    ticks = plots.ticks(low, high)
    assert ticks[0] <= low <= high <= ticks[-1]
    assert 3 <= len(ticks) <= 6


def test_matrix_opacity_is_the_square_root_of_the_share():
    pixels = decode(plots.matrix_png(np.array([[1.0, 0.25], [0.0, 0.04]]), (10, 20, 30)))
    assert pixels[..., 3].tolist() == [[255, 128], [0, 51]]
    # cv2 reads BGR.
    assert pixels[0, 0, :3].tolist() == [30, 20, 10]


def test_a_matrix_of_many_classes_has_a_pixel_for_each_block():
    shares = np.zeros((801, 801))
    shares[0, 2] = 0.25
    shares[800, 799] = 1.0
    opacity = decode(plots.matrix_png(shares, (10, 20, 30)))[..., 3]

    # Blocks of 3 x 3 cells.
    assert opacity.shape == (267, 267)
    assert {(*place, opacity[tuple(place)]) for place in np.argwhere(opacity)} == {
        (0, 0, 128),
        (266, 266, 255),
    }


def test_strip_has_first_and_last_frame_in_true_colours():
    clip = np.zeros((20, 56, 56, 3), np.uint8)
    clip[0, ..., 0] = 200
    clip[-1, ..., 2] = 100
    frames = [decode(url) for url in plots.strip(clip)]

    assert len(frames) == 8
    assert frames[0].shape == (112, 112, 3)
    # WebP is lossy.
    assert frames[0][0, 0].astype(int) == pytest.approx([0, 0, 200], abs=3)
    assert frames[-1][0, 0].astype(int) == pytest.approx([100, 0, 0], abs=3)


def test_large_frames_keep_their_aspect_ratio_and_short_clips_show_all_frames():
    clip = np.zeros((3, 120, 240, 3), np.uint8)
    assert [decode(url).shape for url in plots.strip(clip)] == [(56, 112, 3)] * 3


def test_the_motionless_picture_is_the_background_of_a_moving_foreground():
    clip = np.full((5, 4, 6, 3), 70, np.uint8)
    for number, frame in enumerate(clip):
        frame[:, number] = 200

    assert (plots.motionless(clip) == 70).all()


def test_a_photograph_is_small_and_looks_the_same():
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, (14, 14, 3), np.uint8)
    photo = cv2.resize(rough, (112, 112), interpolation=cv2.INTER_CUBIC)
    picture = plots.frame_picture(photo)

    assert picture.startswith("data:image/webp")
    assert len(picture) < len(plots.frame_png(photo)) / 3
    difference = decode(picture)[..., ::-1].astype(int) - photo
    assert np.abs(difference).mean() < 5
