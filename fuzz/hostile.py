"""Values that may break readers: extreme numbers, texts with a special meaning, and names."""

INTEGERS = (
    *(0, 1, -1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536),
    *(2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32, 2**40, 2**63 - 1, 2**63, -(2**63), 2**64 - 1),
)

# `python -m fuzz` listens here; a connection is a finding.
PORT = 45_319
ADDRESSES = (
    f"http://127.0.0.1:{PORT}/x.mp4",
    f"tcp://127.0.0.1:{PORT}",
    "concat:/etc/hostname|/etc/hostname",
    "data:video/mp4;base64,AAAA",
    "subfile,,start,0,end,9,,:/etc/hostname",
    "file:///etc/hostname",
    "pipe:0",
)

TEXTS = (
    *(
        "",
        " ",
        "0",
        "-1",
        "1e999",
        "nan",
        "inf",
        "-inf",
        "None",
        "true",
        "9" * 30,
        "9" * 5000,
        "0x10",
        "1_0",
        "١",
    ),
    *(
        "../../canary.txt",
        "/etc/hostname",
        "~",
        "~root/x",
        ".",
        "..",
        "a/../../../b",
    ),
    *("C:\\x", "\\\\host\\share", "{folder}"),
    *(
        "a\nb",
        "a\tb",
        "a\rb",
        "\x00",
        "\x1b[31m",
        "\u2028",
        "\u202e",
        "\ud7ff",
        "e\u0301",
    ),
    *('"', "'", ",", "#", "a#train/0"),
    *(
        "=1+1",
        "@SUM(A1)",
        "+1",
        "%s%n",
        "{0.__class__}",
        "{{7*7}}",
        "<script>alert(1)</script>",
    ),
    *("a" * 300, "x" * 70_000),
    *ADDRESSES,
)

NAMES = (
    *(
        "-",
        "-rf",
        "a\nb.png",
        "a\tb.png",
        "\x1b[31m.png",
        "\udcff.png",
        " ",
        ".hidden",
    ),
    *("a" * 250, "e\u0301.png", "x.py"),
    *(
        "99999999999999999999.png",
        "%d.png",
        "[a].png",
        "~",
        "con",
        "'",
        '"',
        "$(x)",
        "a:b",
        "http:",
        "__init__.py",
    ),
)

JSON = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        1e308,
        float("nan"),
        float("inf"),
        10**30,
        2**31,
        2**63,
        -(2**63),
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        [0] * 1000,
        {"__class__": "os.system"},
        {"py/object": "os.system"},
    ),
    *TEXTS,
)

# Shapes and types for the header of a numpy array.
SHAPES = (
    *(
        "()",
        "(0,)",
        "(-1,)",
        "(1000000000000,)",
        "(100000, 100000, 100000)",
        "(9, 9, 9, 9)",
        "(True,)",
        "((1,),)",
    ),
    "(1e3,)",
)
TYPES = (
    *(
        "'|O'",
        "'<U1000000000'",
        "'|V0'",
        "'<f2'",
        "'>f8'",
        "'<c16'",
        "'<M8[s]'",
        "[('a', '|O')]",
        "'x'",
        "1",
    ),
    "'|S0'",
)

# Opcodes that name code or grow without limit.
PICKLE = (
    b"cposix\nsystem\n(S'true'\ntR",
    b"cbuiltins\neval\n(S'1'\ntR",
    b"\x8c\x08builtins\x8c\x04exec\x93\x8c\x04pass\x85R",
    *(b"(lp0\nh\x00a", b"}q\x00h\x00h\x00s", b"(" * 5000, b"]" * 5000),
    *(b"0", b"1", b"2", b"Q", b"R", b"b", b"o", b"\x81", b"\x92"),
    *(b"\x8b\xff\xff\xff\x7f", b"r\xff\xff\xff\x7f", b"B\xff\xff\xff\x7f", b"X\xff\xff\xff\xff"),
    b"I9" + b"9" * 5000 + b"\n",
    # A tuple whose hash takes 2^60 steps, and a tuple that is nested too deeply for the C stack.
    *(b"})" + b"2\x86" * 60 + b"K\x01s0", b"})" + b"\x85" * 500_000 + b"K\x01s0"),
)
