import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation import results
from albar_jax.evaluation.audit import read_audit
from albar_jax.evaluation.predictions import write_predictions
from albar_jax.evaluation.suites import SUITES


@pytest.fixture
def save(tmp_path, make_run):
    """Writes a quickstart run into a folder, as evaluate.py does."""

    def write(folder, *, iid=(1, 1, 0, 1)):
        run = make_run(
            "x", 0, iid=iid, scuba=[1, 1, 1, 0], scufo=[1, 0, 0, 0], conflfg=[1, 1, 0, 0]
        )
        for task, predictions in run.predictions.items():
            write_predictions(tmp_path / folder / f"{task}.csv", predictions)

        return tmp_path / folder

    return write


@pytest.fixture
def text(tmp_path):
    def write(path, lines="a,0,1\n"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"id,label,pred\n{lines}")
        return tmp_path

    return write


def test_a_folder_is_a_run_of_the_benchmark_that_its_files_are_named_after(save):
    audit = read_audit([save("mine")])
    assert audit.suite is SUITES["quickstart"]

    (run,) = audit.runs
    assert (run.name, run.seed, run.checkpoint_step) == ("mine", 0, None)
    assert results.row_figures(audit.suite, run.predictions) == {
        "iid": 75,
        "scuba": 75,
        "scufo": 25,
        "conflfg": 50,
        "contrasted": 50,
    }
    assert audit.classes == ("0", "1", "2", "3")
    assert audit.unknown == ()


def test_files_of_no_task_are_reported_and_not_read(save, text):
    folder = save("mine")
    text("mine/quickstart_scubba.csv")
    text("mine/hmdb51.csv")
    text("mine/quickstart_reversed.csv")
    audit = read_audit([folder])

    assert [path.name for path in audit.unknown] == ["hmdb51.csv", "quickstart_scubba.csv"]
    assert "quickstart_reversed" in audit.runs[0].predictions


def test_a_folder_of_folders_has_several_runs_and_their_names_give_the_seeds(save, tmp_path):
    for name in ("ce_seed0", "ce_seed12", "albar"):
        save(f"all/{name}")
    (tmp_path / "all" / "empty").mkdir()
    runs = read_audit([tmp_path / "all"]).runs

    assert sorted((run.name, run.seed) for run in runs) == [("albar", 0), ("ce", 0), ("ce", 12)]


def test_folders_with_one_name_are_distinguished_by_their_paths(save):
    runs = read_audit([save("a/predictions"), save("b/predictions")]).runs
    assert [run.name for run in runs] == ["a/predictions", "b/predictions"]
    with pytest.raises(UserError, match="given twice"):
        read_audit([save("a/predictions"), save("a/../a/predictions")])


@pytest.mark.parametrize(
    ("files", "suite"),
    [
        (["hmdb51", "hmdb51_scuba_places365"], "hmdb51"),
        (["ucf101"], "ucf101"),
        (["ucf101", "ucf101_boxes_scufo_stripe"], "ucf101_boxes"),
        (["ucf101", "ucf101_scufo_stripe"], "ucf101"),
        (["aras"], "kinetics400"),
        (["kinetics400_shuffled"], "kinetics400"),
    ],
)
def test_the_file_names_determine_the_benchmark(text, tmp_path, files, suite):
    for file in files:
        text(f"{file}.csv")
    assert read_audit([tmp_path]).suite is SUITES[suite]


def test_the_benchmark_can_be_given(text):
    folder = text("ucf101.csv")
    assert read_audit([folder], "ucf101_boxes").suite is SUITES["ucf101_boxes"]
    with pytest.raises(UserError, match="no benchmark 'ufc'; it is one of custom, hmdb51"):
        read_audit([folder], "ufc")


def test_classes_are_named_by_a_file_or_by_their_numbers(text, tmp_path):
    folder = text("hmdb51.csv", "a,0,1\nb,1,2\n")
    assert read_audit([folder]).classes == ("0", "1", "2")

    (tmp_path / "classes.txt").write_text("jump\nrun\n\nwalk\nwave\n")
    assert read_audit([folder]).classes == ("jump", "run", "walk", "wave")

    (tmp_path / "classes.txt").write_text("jump\n")
    with pytest.raises(UserError, match="names 1 classes, but the predictions have 3"):
        read_audit([folder])

    (tmp_path / "classes.txt").write_text("jump\nrun\njump\n")
    with pytest.raises(UserError, match="names the class 'jump' twice"):
        read_audit([folder])

    (tmp_path / "classes.txt").write_bytes("über\nrun\nwalk\n".encode("latin-1"))
    with pytest.raises(UserError, match="cannot read the class names in .*; save them as UTF-8"):
        read_audit([folder])


def test_the_columns_of_probabilities_count_as_classes(tmp_path):
    (tmp_path / "hmdb51.csv").write_text("id,label,prob_0,prob_1,prob_2\na,0,.8,.1,.1\n")
    assert read_audit([tmp_path]).classes == ("0", "1", "2")

    (tmp_path / "hmdb51_scuba_vqgan.csv").write_text("id,label,prob_0,prob_1\na__0,0,.8,.2\n")
    with pytest.raises(UserError, match="hmdb51: 3, hmdb51_scuba_vqgan: 2"):
        read_audit([tmp_path])


def test_models_that_number_the_classes_differently_are_refused(text, tmp_path):
    text("one/hmdb51.csv", "a,0,1\n")
    text("two/hmdb51.csv", "b,4,4\na,3,3\n")

    with pytest.raises(UserError, match="clip 'a' has the label 0 for one, and 3 for two"):
        read_audit([tmp_path / "one", tmp_path / "two"])


def test_unusable_folders_are_refused_in_one_sentence(text, tmp_path):
    with pytest.raises(UserError, match="there is no folder '.*nowhere'"):
        read_audit([tmp_path / "nowhere"])

    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="has no CSV file"):
        read_audit([tmp_path / "empty"])

    text("odd/answers.csv")
    with pytest.raises(UserError, match=r"found answers.csv\); name them as in hmdb51.csv"):
        read_audit([tmp_path / "odd"])

    text("good/hmdb51.csv")
    with pytest.raises(UserError, match="odd' has no file of the benchmark hmdb51"):
        read_audit([tmp_path / "good", tmp_path / "odd"])


def test_an_implausible_class_number_is_refused_if_nothing_names_the_classes(text, tmp_path):
    folder = text("hmdb51.csv", "a,0,1\nb,1,999999\n")
    with pytest.raises(
        UserError,
        match="clip 'b' of hmdb51.csv of .* has the class number 999999, .*only 3 different",
    ):
        read_audit([folder])

    (tmp_path / "classes.txt").write_text("jump\nrun\n")
    with pytest.raises(UserError, match="names 2 classes, but the predictions have 1000000"):
        read_audit([folder])


def test_class_lists_are_followed_or_refused(text, tmp_path):
    folder, other = tmp_path / "one", tmp_path / "two"
    text("one/hmdb51.csv", "a,0,1\nb,1,2\n")
    (folder / "classes.txt").write_text("2 walk\n0 jump\n1 run\n")

    assert read_audit([folder]).classes == ("jump", "run", "walk")

    text("two/hmdb51.csv", "a,0,1\nb,1,2\n")
    (other / "classes.txt").write_text("walk\njump\nrun\n")

    with pytest.raises(
        UserError, match="one/classes.txt and .*two/classes.txt number the classes differently"
    ):
        read_audit([folder, other])

    text("one/hmdb51.csv", "a,1,1\nb,1,2\n")
    (folder / "classes.txt").write_text("1 jump\n2 run\n3 walk\n")

    with pytest.raises(UserError, match="counts classes from 1, and no prediction has class 0"):
        read_audit([folder])
