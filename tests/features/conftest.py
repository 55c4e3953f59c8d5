import pathlib
import sys

# For `import public_readers`, and for the stand-ins of data sets in `layouts`.
TESTS = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "features"), str(TESTS / "data")]
