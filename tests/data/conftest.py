import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))  # for `import barcode`


@pytest.fixture(scope="session")
def films() -> pathlib.Path:
    """The folder of the committed barcode films; see make_fixtures.py."""
    return pathlib.Path(__file__).parent / "fixtures"
