"""Claim: windows lie where the presets say, and reach past no film."""

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.features.windows import BLACK, PRESETS, Windows


@pytest.mark.parametrize(("layout", "hop"), [("mgfn", 16), ("tridet", 4), ("plain", 16)])
def test_dense_windows_are_centred_on_their_cells(layout, hop):
    windows = PRESETS["dense"][layout]
    numbers = windows.numbers(1000)

    assert numbers.shape == (1000 // hop, 32)
    for row in range(1000 // hop):
        expected = [min(max(row * hop + hop // 2 - 32 + 2 * place, 0), 999) for place in range(32)]
        assert numbers[row].tolist() == expected


@pytest.mark.parametrize(
    ("preset", "num_frames", "rows", "last"),
    [
        ("author", 32, 2, list(range(16, 32))),
        ("author", 33, 3, [32] + [BLACK] * 15),
        ("author", 1, 1, [0] + [BLACK] * 15),
        ("span", 64, 1, list(range(0, 64, 2))),
        ("span", 68, 2, [64, 66] + [BLACK] * 30),
    ],
)
def test_other_presets_start_at_the_first_frame_and_end_in_black(preset, num_frames, rows, last):
    for layout in ("plain", "mgfn", "tridet"):
        numbers = PRESETS[preset][layout].numbers(num_frames)
        assert len(numbers) == rows
        assert numbers[-1].tolist() == last
        assert numbers[0][0] == 0


@pytest.mark.parametrize("num_frames", [1, 3, 15, 16, 17, 31, 32, 63, 500])
@pytest.mark.parametrize("centred", [True, False])
def test_every_film_has_windows_of_its_own_frames(num_frames, centred):
    windows = Windows(frames=8, stride=3, hop=16, centred=centred)
    numbers = windows.numbers(num_frames)

    expected = max(1, num_frames // 16) if centred else (num_frames + 15) // 16
    assert len(numbers) == windows.rows(num_frames) == expected
    assert numbers.max() < num_frames
    assert numbers.min() >= (0 if centred else BLACK)
    for row in range(len(numbers)):
        np.testing.assert_array_equal(windows.row_numbers(row, num_frames), numbers[row])


@pytest.mark.parametrize("name", ["frames", "stride", "hop"])
def test_windows_of_nothing_are_refused(name):
    settings = {"frames": 8, "stride": 1, "hop": 4} | {name: 0}
    with pytest.raises(UserError, match=f"--{name} is 0; it has to be at least 1"):
        Windows(**settings)
