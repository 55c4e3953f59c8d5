"""Claim: a label means one class however its number is written; an ambiguous number is refused."""

import pytest

from albar_jax.data.manifest import read_manifest
from albar_jax.errors import UserError


@pytest.fixture
def write(tmp_path):
    """Writes a manifest with these labels, one video each, and a list of classes in its folder."""

    def run(labels, classes=None, folder="data"):
        path = tmp_path / folder / "manifest.csv"
        path.parent.mkdir(exist_ok=True)
        for number in range(len(labels)):
            (path.parent / f"{number}.mp4").touch()
        path.write_text(
            "path,label\n"
            + "".join(f"{number}.mp4,{label}\n" for number, label in enumerate(labels))
        )
        (path.parent / "classes.txt").unlink(missing_ok=True)
        if classes is not None:
            (path.parent / "classes.txt").write_text(classes)
        return path

    return run


def test_numbers_written_as_floats_are_numbers(write):
    train = read_manifest(write([f"{label}.0" for label in range(12)]))
    assert train.classes == tuple(map(str, range(12)))
    assert train.labels.tolist() == list(range(12))
    test = read_manifest(write(["2", "2.", "1e1", "11.0"], folder="test"), classes=train.classes)
    assert test.labels.tolist() == [2, 2, 10, 11]


def test_a_model_that_was_trained_on_float_names_knows_its_numbers(write):
    # Sorted as text.
    classes = sorted(f"{label}.0" for label in range(12))
    manifest = read_manifest(write(["2", "10.0", "11"]), classes=classes)
    assert [classes[label] for label in manifest.labels] == ["2.0", "10.0", "11.0"]


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (["1", "10", "2"], "1\n10\n2\n", [0, 1, 2]),
        (["1.0", "2.0"], "1\n10\n2\n", [0, 2]),
        (["0", "1"], "run\njump\n", [0, 1]),
        (["1", "2.0", "run"], "1 run\n2 jump\n", [0, 1, 0]),
        (["1", "0"], "jump 1\nrun 0\n", [1, 0]),
        (["01", "1", "1.0"], "1\n01\n1.0\n", [1, 0, 2]),
    ],
)
def test_the_class_list_of_the_folder_defines_the_numbers(write, labels, classes, expected):
    assert read_manifest(write(labels, classes)).labels.tolist() == expected


def test_a_number_of_the_own_list_is_carried_over_to_the_classes_of_a_model(write):
    path = write(["0", "1", "2"], "wave\njump\nrun\n")
    assert read_manifest(path, classes=["run", "jump", "wave"]).labels.tolist() == [2, 1, 0]
    assert read_manifest(path, classes=["0", "1", "2"]).labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("labels", "classes", "sentence"),
    [
        (
            ["0", "1", "20240131"],
            None,
            "line 4 of .* has the class number 20240131, but there are only 3 different",
        ),
        (["0", "20240131.0"], None, "line 3 of .* has the class number 20240131"),
        (["0", "9999999999"], None, "line 3 of .* has the class number 9999999999"),
        (["0", "1e30"], None, "line 3 of .* has the class number 10000000000000000198\\.\\.\\.,"),
        (["0", "-1"], None, "line 3 of .* has the class number -1; classes count from 0"),
        (["0", "nan"], None, "line 3 of .* has the label 'nan', which means a missing value"),
        (
            ["run", "NaN"],
            None,
            "line 3 of .* has the label 'NaN', which means a missing value",
        ),
        (["run", "3.5", "2.0"], None, "mixes class numbers .'2.0'. and class names .'3.5'."),
        (["0", "1"], "1 run\n2 jump\n", "unknown class.*'0' first"),
        (["0"], "1\n10\n2\n", "unknown class.*'0' first"),
        (["2"], "run\njump\n", "unknown class.*'2' first"),
    ],
)
def test_a_number_that_means_no_class_is_one_sentence(write, labels, classes, sentence):
    path = write(labels, classes)
    with pytest.raises(UserError, match=sentence) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
