import pathlib
import sys

_HERE = pathlib.Path(__file__).parent
# For `import stand_ins` and `import layouts`.
sys.path[:0] = [
    str(_HERE),
    str(_HERE.parent / "data"),
]
