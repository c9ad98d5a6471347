"""PLY files as they are written elsewhere: headers, lists, text, and what is refused."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from splatsmith.contract.ply import open_vertices
from splatsmith.contract.problems import UnreadableCloud

from .foreign_files import Columns, PlyForm

FACES = "property list uchar int vertex_indices"


@pytest.fixture
def columns() -> Columns:
    random = np.random.default_rng(1)
    return {name: random.uniform(-9, 9, 40).astype(np.float32) for name in ("x", "y", "z", "w")}


def read(path: Path) -> Columns:
    table = open_vertices(path)
    blocks = [block.copy() for _, block in table.blocks()]
    return {name: np.concatenate([block[name] for block in blocks]) for name in table.names}


def assert_reads(path: Path, columns: Columns) -> None:
    found = read(path)
    assert list(found) == list(columns)
    for name, column in columns.items():
        np.testing.assert_allclose(found[name], column, rtol=1e-6)


def lists_of(lengths: np.ndarray, count: str, item: int) -> bytes:
    return b"".join(np.array(n, count).tobytes() + bytes(item * int(n)) for n in lengths)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_lines_end_as_the_first_one_does(
    tmp_path: Path, columns: Columns, form: str, newline: str
) -> None:
    columns["x"][0] = np.frombuffer(b"\n\r\n\r", "<f4")[0]  # what follows the header is data
    assert_reads(PlyForm(form, newline).write(tmp_path / "a.ply", columns), columns)


@pytest.mark.parametrize(
    "comments",
    [
        [f"comment {'x' * 900}" for _ in range(200)],
        ["comment " + "long " * 100_000],
        ["comment caf\xe9 \x85 \x0b \x0c \x1c \xa0 end_header"],
        ["comment", "  comment indented", "comment\ttab", "obj_info", "obj_info by a program!"],
        ["comment element vertex 7"],
        [""],
    ],
    ids=["many", "long", "odd", "forms", "misleading", "blank"],
)
def test_comments_may_be_anything(tmp_path: Path, columns: Columns, comments: list[str]) -> None:
    for form in ("ascii", "binary_little_endian"):
        assert_reads(PlyForm(form, head=comments).write(tmp_path / "a.ply", columns), columns)


def test_types_may_be_written_in_capitals_and_padded(tmp_path: Path, columns: Columns) -> None:
    path = PlyForm().write(tmp_path / "a.ply", columns)
    data = path.read_bytes().replace(b"property float y", b" property\tFLOAT32  y  ")
    path.write_bytes(data.replace(b"vertex 40", b"vertex 40        "))
    assert_reads(path, columns)


def test_names_with_spaces_are_joined(tmp_path: Path, columns: Columns) -> None:
    columns["cloud index"] = columns.pop("w")
    path = PlyForm().write(tmp_path / "a.ply", columns)
    assert "cloud_index" in open_vertices(path).names


@pytest.mark.parametrize("form", ["binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize(("count", "kind"), [("uchar", "u1"), ("int", "i4"), ("ushort", "u2")])
@pytest.mark.parametrize("lengths", [[0], [3], [0, 1, 2], [5, 0, 200], [3] * 99 + [4]])
def test_lists_before_the_vertices_are_skipped(
    tmp_path: Path, columns: Columns, form: str, count: str, kind: str, lengths: list[int]
) -> None:
    order = ">" if "big" in form else "<"
    rows = np.resize(lengths, 3001)
    elements = [f"element face {len(rows)}", f"property list {count} double a"]
    written = PlyForm(form, elements=elements, before=lists_of(rows, order + kind, 8))
    assert_reads(written.write(tmp_path / "a.ply", columns), columns)


def test_a_list_longer_than_a_block_is_skipped(tmp_path: Path, columns: Columns) -> None:
    rows = np.array([2, 1_000_000, 0, 3])
    elements = ["element strip 4", "property float a", "property list uint int i", "property int b"]
    before = b"".join(bytes(4) + lists_of(rows[i : i + 1], "<u4", 4) + bytes(4) for i in range(4))
    path = PlyForm(elements=elements, before=before).write(tmp_path / "a.ply", columns)
    assert_reads(path, columns)


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_elements_may_stand_before_and_behind(tmp_path: Path, columns: Columns, form: str) -> None:
    binary = PlyForm(
        form,
        elements=["element chunk 2", "property float a", "property uchar b", "element none 0"],
        before=b"1.5 3\n\n 2 4\n" if form == "ascii" else bytes(10),
        tail=["element face 2", FACES],
        after=b"3 0 1 2\n3 2 1 0\n" if form == "ascii" else bytes([3, *bytes(12)] * 2),
    )
    assert_reads(binary.write(tmp_path / "a.ply", columns), columns)


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("longest", [4, 100, 20_000])
def test_lists_amid_the_values_of_a_vertex_are_skipped(
    tmp_path: Path, columns: Columns, form: str, longest: int
) -> None:
    path = PlyForm(form).write(tmp_path / "a.ply", columns)
    header, body = path.read_bytes().split(b"end_header\n")
    listed = header.replace(b"property float z", b"property list uint short seen\nproperty float z")
    lengths = np.random.default_rng(2).integers(0, longest, 40)
    if form == "ascii":
        rows = [line.split() for line in body.splitlines()]
        text = [
            b" ".join([*row[:2], b"%d" % n, *[b"7"] * n, *row[2:]])
            for row, n in zip(rows, lengths, strict=True)
        ]
        body = b"\n".join(text)
    else:
        kind = ">u4" if "big" in form else "<u4"
        rows = [body[i : i + 16] for i in range(0, len(body), 16)]
        body = b"".join(
            row[:8] + lists_of(lengths[i : i + 1], kind, 2) + row[8:] for i, row in enumerate(rows)
        )
    path.write_bytes(listed + b"end_header\n" + body)
    assert_reads(path, columns)


def test_text_lists_before_the_vertices_are_skipped(tmp_path: Path, columns: Columns) -> None:
    before = b"3 0 1 2\n\n0\n  4 1 2 3 4 \n"
    form = PlyForm("ascii", elements=["element face 3", FACES], before=before)
    assert_reads(form.write(tmp_path / "a.ply", columns), columns)


@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        ("nan", np.nan),
        ("-nan", np.nan),
        ("NaN", np.nan),
        ("-nan(ind)", np.nan),
        ("nan(0x7ff8)", np.nan),
        ("1.#QNAN", np.nan),
        ("-1.#IND00", np.nan),
        ("1.#SNAN", np.nan),
        ("NULL", np.nan),
        ("inf", np.inf),
        ("-Infinity", -np.inf),
        ("1.#INF00", np.inf),
        ("-1.#INF", -np.inf),
        ("+1.5e+001", 15.0),
    ],
)
def test_text_that_stands_for_no_number_is_read(
    tmp_path: Path, columns: Columns, spelling: str, value: float
) -> None:
    columns["y"][3] = 123.5
    path = PlyForm("ascii").write(tmp_path / "a.ply", columns)
    path.write_bytes(path.read_bytes().replace(b" 123.5 ", f"  {spelling}\t".encode()))
    columns["y"][3] = value
    assert_reads(path, columns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"10 2 3 4\n10 2 3\n", "row 2 has 3 values instead of 4"),
        (b"1 2 3 4\n1 2 3 4 5\n", "row 2 has 5 values instead of 4"),
        (b"1 2 3 4\n1 2 3 four\n", "'four' is not a number"),
        (b"1 2 3 4\n1 2 3 0,5\n", "'0,5' is not a number"),
        (b"1.000000 2 3 4\n", "ends before its last point"),
    ],
)
def test_damaged_text_is_told(tmp_path: Path, text: bytes, message: str) -> None:
    path = PlyForm("ascii").write(tmp_path / "a.ply", {name: np.zeros(2) for name in "xyzw"})
    path.write_bytes(path.read_bytes().split(b"end_header\n")[0] + b"end_header\n" + text)
    with pytest.raises(UnreadableCloud, match=message):
        read(path)


@pytest.mark.parametrize(
    "header",
    [
        ["element vertex 3000000000000", "property float x"],
        ["element face 3000000000000", FACES, "element vertex 1", "property float x"],
        ["element face 9000", "property double q", "element vertex 1", "property float x"],
    ],
)
@pytest.mark.parametrize("form", ["ascii", "binary_little_endian"])
def test_more_than_the_file_holds_is_refused_at_its_header(
    tmp_path: Path, header: list[str], form: str
) -> None:
    path = tmp_path / "a.ply"
    lines = ["ply", f"format {form} 1.0", *header, "end_header", ""]
    path.write_bytes("\n".join(lines).encode() + b"1 2 3\n" * 1000)
    tracemalloc.start()
    with pytest.raises(UnreadableCloud, match="cut off"):
        open_vertices(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("lengths", [[3], [0, 1, 2]], ids=["equal", "mixed"])
@pytest.mark.parametrize("cut", [1, 20, 200])
def test_lists_that_are_cut_off_are_refused(tmp_path: Path, lengths: list[int], cut: int) -> None:
    rows = np.resize(lengths, 300)
    elements = ["element face 300", FACES]
    form = PlyForm(elements=elements, before=lists_of(rows, "<u1", 4))
    path = form.write(tmp_path / "a.ply", {"x": np.zeros(4)})
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(UnreadableCloud, match="cut off"):
        read(path)


def test_a_list_of_negative_length_is_refused(tmp_path: Path, columns: Columns) -> None:
    elements = ["element face 2", "property list int int i"]
    form = PlyForm(elements=elements, before=np.array([-1, 0], "<i4").tobytes())
    with pytest.raises(UnreadableCloud, match="negative length"):
        read(form.write(tmp_path / "a.ply", columns))


@pytest.mark.parametrize(
    "line", ["property list float int i", "property quaternion q", "property float", "elemnt a 3"]
)
def test_a_header_that_is_none_is_refused(tmp_path: Path, columns: Columns, line: str) -> None:
    path = PlyForm(elements=["element a 0", line]).write(tmp_path / "a.ply", columns)
    with pytest.raises(UnreadableCloud, match="header .* damaged"):
        open_vertices(path)


def test_two_values_of_one_name_are_refused(tmp_path: Path, columns: Columns) -> None:
    path = PlyForm().write(tmp_path / "a.ply", columns)
    path.write_bytes(path.read_bytes().replace(b"float w", b"float x"))
    with pytest.raises(UnreadableCloud, match="header .* damaged"):
        open_vertices(path)


def test_many_lists_take_little_memory(tmp_path: Path) -> None:
    lengths = np.resize([0, 0, 1, 0, 2], 400_000)
    begins = np.concatenate([[0], np.cumsum(1 + 4 * lengths)])
    data = np.zeros(begins[-1], np.uint8)
    data[begins[:-1]] = lengths
    elements = ["element face 400000", FACES]
    path = PlyForm(elements=elements, before=data.tobytes()).write(
        tmp_path / "a.ply", {"x": np.arange(5.0)}
    )
    tracemalloc.start()
    assert list(read(path)["x"]) == [0, 1, 2, 3, 4]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 << 20
