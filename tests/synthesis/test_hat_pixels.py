"""Claim: HAT's clips have the pixels that docs/benchmark.md defines, computed here by hand."""

import cv2
import hat_world
import numpy as np
import pytest
import stand_ins

from albar_jax.synthesis.hat import emptying, fitting

WIDEN = 2


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Makes all sets. Returns their folder."""
    root = tmp_path_factory.mktemp("hat")
    hat_world.make(root)
    assert hat_world.run(root, root / "my_hat", "--widen", WIDEN) == 0
    return root


def widened(masks):
    """Sets all pixels at most WIDEN pixels from a set one."""
    height, width = masks.shape[1:]
    wide = np.zeros_like(masks)
    for frame, row, column in np.argwhere(masks):
        for y in range(max(0, row - WIDEN), min(height, row + WIDEN + 1)):
            for x in range(max(0, column - WIDEN), min(width, column + WIDEN + 1)):
                if (y - row) ** 2 + (x - column) ** 2 <= WIDEN**2:
                    wide[frame, y, x] = True
    return wide


def emptied(number):
    """Returns the emptied frames, the still scene, and the pixels that are never uncovered."""
    frames, wide = hat_world.film(number), widened(hat_world.masks(number))
    scene = np.zeros(frames.shape[1:], np.uint8)
    for row, column in np.ndindex(scene.shape[:2]):
        seen = np.sort(frames[~wide[:, row, column], row, column], axis=0)
        if len(seen):
            scene[row, column] = seen[(len(seen) - 1) // 2]
    never = wide.all(axis=0)
    scene = cv2.inpaint(scene, never.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return np.where(wide[..., None], scene, frames), scene, never


def mean_color():
    means = []
    for number in range(len(hat_world.SHAPES)):
        if number != hat_world.LEFT_OUT:
            means.append(hat_world.film(number).mean(axis=(0, 1, 2)))
    return np.rint(np.mean(means, axis=0)).astype(np.uint8)


def check_clip(world, row, expected):
    written = stand_ins.members(world / row["path"])
    assert list(written.values()) == [stand_ins.jpeg(frame) for frame in expected]
    assert row["frames"] == str(len(expected))


def number_of(name):
    return int(name.removeprefix("clip_"))


def test_human_only_clips_show_the_person_on_the_mean_color(world):
    rows = stand_ins.read_csv(world / "my_hat_human.csv")
    assert [row["id"] for row in rows] == ["clip_0", "clip_1", "clip_2", "clip_3", "clip_5"]
    color = mean_color()
    for row in rows:
        number = number_of(row["id"])
        masks = hat_world.masks(number)
        expected = np.where(masks[..., None], hat_world.film(number), color)
        check_clip(world, row, expected)
        assert row["color"] == " ".join(map(str, color))
        assert row["label"] == hat_world.label_of(number)
        assert float(row["area"]) == pytest.approx(masks.mean(), abs=1e-4)


def test_background_only_clips_show_the_median_where_the_person_was(world):
    for row in stand_ins.read_csv(world / "my_hat_background.csv"):
        number = number_of(row["id"])
        expected, scene, never = emptied(number)
        check_clip(world, row, expected)
        wide = widened(hat_world.masks(number))
        assert float(row["removed"]) == pytest.approx(wide.mean(), abs=1e-4)
        assert float(row["inpainted"]) == pytest.approx(never.mean(), abs=1e-4)
        # The last video is inpainted.
        assert (row["inpainted"] != "0.0000") == (number == 5)
        stored = cv2.imread(str(world / f"my_hat_scenes/clip_{number}.png"))[..., ::-1]
        np.testing.assert_array_equal(stored, scene)


def swapped(person, other):
    """Returns the clip of a person in a scene, and the shift of the person."""
    frames, masks = hat_world.film(person), hat_world.masks(person)
    count, height, width = masks.shape
    background, _, _ = emptied(other)
    others = hat_world.masks(other)
    scale = min(height, width) / min(others.shape[1:])
    tall, wide = round(others.shape[1] * scale), round(others.shape[2] * scale)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR

    centres = []
    for of_one, size in ((masks, (height, width)), (others, (tall, wide))):
        # The first frame may show nobody.
        rows, columns = np.nonzero(of_one[0] if of_one[0].any() else of_one[1])
        centres.append(
            (
                (rows.mean() + 0.5) / of_one.shape[1] * size[0],
                (columns.mean() + 0.5) / of_one.shape[2] * size[1],
            )
        )
    rows, columns = np.nonzero(masks.any(axis=0))
    down = round(centres[1][0] - centres[0][0])
    right = round(centres[1][1] - centres[0][1])
    down = min(max(down, -rows.min()), tall - 1 - rows.max())
    right = min(max(right, -columns.min()), wide - 1 - columns.max())

    clip = []
    for number in range(count):
        chosen = min(round(number * len(others) / count), len(others) - 1)
        picture = background[chosen]
        if picture.shape[:2] != (tall, wide):
            picture = cv2.resize(picture, (wide, tall), interpolation=how)
        picture = picture.copy()
        for row, column in np.argwhere(masks[number]):
            picture[row + down, column + right] = frames[number, row, column]
        clip.append(picture)
    return clip, (int(down), int(right))


@pytest.mark.parametrize("task", ["swap", "swap_close", "swap_far"])
def test_swaps_show_the_person_in_the_emptied_scene_of_another_class(world, task):
    rows = stand_ins.read_csv(world / f"my_hat_{task}.csv")
    assert [row["id"] for row in rows] == ["clip_0", "clip_1", "clip_2", "clip_3", "clip_5"]
    for row in rows:
        person, other = number_of(row["id"]), number_of(row["scene"])
        assert row["label"] == hat_world.label_of(person)
        assert row["scene_label"] == hat_world.label_of(other) != row["label"]
        expected, shift = swapped(person, other)
        check_clip(world, row, expected)
        assert (int(row["down"]), int(row["right"])) == shift
        assert float(row["kept"]) == 1


def test_a_close_scene_is_the_nearest_one_and_a_far_scene_the_farthest(world):
    layouts = {}
    for number in range(len(hat_world.SHAPES)):
        if number != hat_world.LEFT_OUT:
            _, scene, _ = emptied(number)
            layouts[number] = cv2.resize(scene, (8, 8), interpolation=cv2.INTER_AREA) / 255
    for task, best in (("swap_close", min), ("swap_far", max)):
        for row in stand_ins.read_csv(world / f"my_hat_{task}.csv"):
            person = number_of(row["id"])
            distances = {}
            for other, layout in layouts.items():
                if other % 2 != person % 2:
                    distances[other] = np.sqrt(((layout - layouts[person]) ** 2).mean())
            # A tenth of three scenes is one.
            chosen = best(distances, key=distances.get)
            assert number_of(row["scene"]) == chosen
            assert float(row["distance"]) == pytest.approx(distances[chosen], abs=1e-4)


def test_the_median_is_the_smaller_middle_value_of_the_uncovered_frames():
    values = np.zeros((4, 3, 3), np.uint8)
    values[:, 0, 0] = 9, 1, 7, 5
    values[:, 1, 1] = 255, 3, 255, 2
    covered = np.array([[0, 0, 1], [0, 1, 1], [0, 0, 1], [0, 1, 1]], bool)
    found = emptying.median(values, covered)
    assert found[0].tolist() == [5, 0, 0]
    assert found[1].tolist() == [0, 255, 0]
    assert found[2].tolist() == [255, 255, 255]


def test_a_video_that_does_not_fit_into_memory_gives_the_same_scene(monkeypatch):
    class Film:
        def read(self, numbers):
            return hat_world.film(1)[numbers]

    wide = widened(hat_world.masks(1))
    at_once = emptying.find_scene(Film(), np.arange(7), wide)
    monkeypatch.setattr(emptying, "_BYTES", 3 * 7 * 11)
    in_groups = emptying.find_scene(Film(), np.arange(7), wide)
    np.testing.assert_array_equal(at_once.picture, in_groups.picture)
    np.testing.assert_array_equal(at_once.never, in_groups.never)


def person_at(rows, columns, size=(20, 30)):
    masks = np.zeros((1, *size), bool)
    masks[0, slice(*rows), slice(*columns)] = True
    return masks


def test_a_person_is_moved_only_as_far_as_it_stays_in_the_frame():
    masks = person_at((4, 10), (20, 26))
    assert fitting.find_shift(masks, (0.5, 0.5), (20, 30)) == (3, -8)
    # The person of the scene stands at the lower right edge.
    assert fitting.find_shift(masks, (1.0, 1.0), (20, 30)) == (10, 4)
    assert fitting.find_shift(masks, (0.0, 0.0), (20, 30)) == (-4, -20)


def test_a_person_that_is_wider_than_the_scene_is_placed_in_its_middle():
    masks = person_at((0, 20), (2, 28))
    shift = fitting.find_shift(masks, (0.5, 0.9), (20, 10))
    assert shift == (0, -10)
    moved = fitting.move(masks, shift, (20, 10))
    assert moved.shape == (1, 20, 10)
    assert moved.all()


def test_moved_pixels_keep_their_colors():
    frames = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    moved = fitting.move(frames, (1, -2), (6, 4))
    assert moved.shape == (2, 6, 4, 3)
    np.testing.assert_array_equal(moved[:, 1:5, :3], frames[:, :, 2:])
    assert not moved[:, 0].any()
    assert not moved[:, 5].any()
    assert not moved[:, :, 3].any()
    assert not fitting.move(frames, (9, 0), (6, 4)).any()


def test_a_scene_is_played_once_from_its_start_to_its_end():
    assert fitting.match_frames(4, 4).tolist() == [0, 1, 2, 3]
    assert fitting.match_frames(3, 6).tolist() == [0, 2, 4]
    assert fitting.match_frames(6, 2).tolist() == [0, 0, 1, 1, 1, 1]
    assert fitting.match_frames(4, 1).tolist() == [0, 0, 0, 0]
