"""Tables: rows, text, HTML, files, and figures in a notebook."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mlplab.errors import MlplabError, UsageError
from mlplab.figures.canvas import new_axes, new_figure
from mlplab.table import SHOWN, Table, save_tables


def picture():
    figure = new_figure(2, 1)
    new_axes(figure).plot([0, 1])
    return figure


TABLE = Table({"name": np.array(["a", "<b>"], dtype=object), "x": np.array([0.25, np.nan])}, "Two rows", picture)


def test_rows_are_plain_python():
    assert TABLE.rows() == [{"name": "a", "x": 0.25}, {"name": "<b>", "x": None}]
    assert json.loads(json.dumps(TABLE.rows())) == TABLE.rows()
    assert len(TABLE) == 2
    assert TABLE["x"][0] == 0.25


def test_a_table_of_rows_and_parts_of_it():
    rows = [{"name": "a", "n": 1, "x": 0.5, "mixed": 1}, {"name": None, "n": 2, "x": float("nan"), "mixed": 0.5}]
    table = Table.of_rows(rows, "Two")
    assert [column.dtype.kind for column in table.columns.values()] == ["O", "i", "f", "O"]
    assert json.dumps(table.rows()[0]) == '{"name": "a", "n": 1, "x": 0.5, "mixed": 1}'
    assert table.select([1], without=["x", "mixed"]).rows() == [{"name": None, "n": 2}]
    assert list(Table.of_rows([], names=["a", "b"]).columns) == ["a", "b"]


def test_as_text_and_html():
    assert repr(TABLE).splitlines() == ["Two rows", "name     x", "   a  0.25", " <b>     –"]
    assert "<td>&lt;b&gt;</td>" in TABLE._repr_html_()
    long = Table({"n": np.arange(SHOWN + 7)})
    assert repr(long).splitlines()[-1] == "… 7 more rows"
    assert "… 7 more rows" in long._repr_html_()


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\0")), st.floats(allow_nan=False)
        )
    )
)
def test_csv_gives_the_rows_back(tmp_path_factory, rows):
    table = Table({"text": np.array([t for t, _ in rows], dtype=object), "x": np.array([x for _, x in rows], float)})
    path = table.save(tmp_path_factory.mktemp("csv") / "table.csv")
    read = list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))
    assert [(row["text"], float(row["x"])) for row in read] == rows


def test_figures_as_files(tmp_path):
    with Image.open(TABLE.save(tmp_path / "a.png")) as image:
        assert image.size == (300, 150)
    assert TABLE.save(tmp_path / "a.svg").read_text().startswith("<?xml")
    with pytest.raises(UsageError, match=r"a\.what: .*Name a \.png file"):
        TABLE.save(tmp_path / "a.what")
    with pytest.raises(UsageError, match=r"b\.png cannot be written: Not a directory: .*a\.svg\. Name another file\."):
        TABLE.save(tmp_path / "a.svg" / "b.png")
    with pytest.raises(MlplabError, match="has no figure"):
        Table({"n": np.arange(3)}).save(tmp_path / "b.png")


def test_columns_must_have_one_length():
    with pytest.raises(AssertionError, match="one length"):
        Table({"a": np.arange(2), "b": np.arange(3)})


def test_importing_tables_does_not_import_matplotlib():
    code = (
        "import sys, mlplab.inspection.failures, mlplab.inspection.classification; print('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_file_name_needs_a_suffix(tmp_path):
    with pytest.raises(UsageError, match=r"name a \.csv file"):
        Table({"a": np.arange(3)}).save(tmp_path / "table")
    assert Table({"a": np.arange(3)}).save(tmp_path / "table.CSV").read_bytes() == b"a\r\n0\r\n1\r\n2\r\n"


def test_as_markdown_and_latex():
    table = Table.of_rows([{"a_b": "x|y & 50 %", "n": 1, "x": 0.123456}, {"a_b": "−1 ± 2_{3}", "n": 20, "x": None}])
    assert table.to_markdown() == (
        "| a\\_b | n | x |\n| --- | ---: | ---: |\n| x\\|y & 50 % | 1 | 0.1235 |\n| −1 ± 2\\_{3} | 20 | – |\n"
    )
    assert table.to_latex() == (
        "\\begin{tabular}{lrr}\n\\toprule\na\\_b & n & x \\\\\n\\midrule\nx|y \\& 50 \\% & 1 & 0.1235 \\\\\n"
        "$-$1 $\\pm$ 2\\_\\{3\\} & 20 & -- \\\\\n\\bottomrule\n\\end{tabular}\n"
    )


def test_texts_are_saved_by_suffix_with_all_digits_where_a_program_reads_them(tmp_path):
    for suffix, text in (("csv", TABLE.to_csv()), ("md", TABLE.to_markdown()), ("tex", TABLE.to_latex())):
        assert TABLE.save(tmp_path / f"t.{suffix}").read_bytes().decode() == text
    assert json.loads(TABLE.save(tmp_path / "t.json").read_text()) == TABLE.rows()
    counts = Table({"n": np.array([np.int64(3), None], dtype=object)})
    assert json.loads(counts.to_json()) == [{"n": 3}, {"n": None}]


def test_several_tables_in_a_file(tmp_path):
    tables = {"first": TABLE, "second": Table({"n": np.arange(2)}, "Counts of 100 %")}
    assert save_tables(tables, tmp_path / "t.md").read_text().count("\n| --") == 2
    assert "% Counts of 100 %\n\n\\begin{tabular}" in save_tables(tables, tmp_path / "t.tex").read_text()
    expected = {name: table.rows() for name, table in tables.items()}
    assert json.loads(save_tables(tables, tmp_path / "t.json").read_text()) == expected
    assert save_tables(tables, tmp_path / "t.csv").read_bytes().decode() == TABLE.to_csv()
    with pytest.raises(UsageError, match=r"\.csv, \.md, \.tex or \.json; got .*t\.png"):
        save_tables(tables, tmp_path / "t.png")
