"""A file of corrected labels changes training labels, or is refused with a message that says how to repair it."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlplab.datasets import Data, load
from mlplab.datasets.corrections import Corrections, read_corrections
from mlplab.errors import DataError

NAMES = ("T-shirt/top", "Trouser", 'a "quoted", name', "two\nlines", "Größe 裤子", "6")


def data_of(labels, class_names=NAMES) -> Data:
    labels = np.asarray(labels)
    features = np.arange(len(labels), dtype=np.float32)[:, None]
    return load(((features, labels), (features, labels)), class_names=class_names)


@pytest.fixture
def data() -> Data:
    return data_of([0, 1, 2, 3, 4, 5])


def written(folder, content):
    path = folder / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


NAME = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(NAME, min_size=2, max_size=6, unique=True).map(tuple), st.data())
def test_written_corrections_are_read_back(tmp_path_factory, names, draw):
    labels = draw.draw(st.lists(st.integers(0, len(names) - 1), min_size=1, max_size=12))
    wanted = draw.draw(st.lists(st.integers(0, len(names) - 1), min_size=len(labels), max_size=len(labels)))
    differs = np.flatnonzero(np.array(labels) != wanted)
    corrections = Corrections(differs, np.array(wanted, np.int32)[differs])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    if not len(corrections):
        return
    corrections.write(path, names)
    data = data_of(labels, names)
    back = read_corrections(path, data)
    np.testing.assert_array_equal(back.index, differs)
    np.testing.assert_array_equal(back.applied_to(data).train.labels, wanted)


@settings(deadline=None)
@given(st.lists(NAME, min_size=2, max_size=6, unique=True).map(tuple), st.sampled_from(",;\t"), st.data())
def test_tables_of_other_programs_are_read(tmp_path_factory, names, separator, draw):
    wanted = draw.draw(st.lists(st.integers(0, len(names) - 1), min_size=1, max_size=9))
    path = tmp_path_factory.getbasetemp() / "others.csv"
    with open(path, "w", newline="", encoding=draw.draw(st.sampled_from(["utf-8", "utf-8-sig"]))) as file:
        table = csv.writer(file, delimiter=separator)
        table.writerow(["Index", " given", "Label", "note"])
        table.writerows([index, "?", names[label], "a,b;c\td"] for index, label in enumerate(wanted))
    data = data_of([0] * len(wanted), names)
    np.testing.assert_array_equal(read_corrections(path, data).applied_to(data).train.labels, wanted)


def test_names_in_any_case_and_numbers_are_accepted(data, tmp_path):
    path = written(tmp_path, 'index,label\n0, trouser \n\n1,4\n2,größe 裤子\n3,6\n4,"two\nlines"\n5,6\n5,6\n')
    corrections = read_corrections(path, data)
    # "6" is the name of a class here, and row 5 has it already.
    assert corrections.index.tolist() == [0, 1, 2, 3, 4]
    assert corrections.label.tolist() == [1, 4, 4, 5, 3]


def test_only_training_labels_change(data, tmp_path):
    corrected = read_corrections(written(tmp_path, "index,label\n0,Trouser\n1,Trouser\n"), data).applied_to(data)
    assert corrected.train.labels.tolist() == [1, 1, 2, 3, 4, 5]
    assert data.train.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert corrected.test is data.test
    assert np.shares_memory(corrected.train.inputs, data.train.inputs)
    assert corrected.train.provenance.source == "arrays, 1 labels corrected"
    hashes = corrected.train.provenance.sha256
    assert hashes.keys() == {"content", "corrected labels"}
    assert hashes["content"] == data.train.content_hash()


def test_other_corrections_are_another_data_set(data, tmp_path):
    contents = ["index,label\n0,1\n", "index,label\n0,2\n", "index,label\n0,1\n1,0\n", "index,label\n1,0\n"]
    corrected = [read_corrections(written(tmp_path, content), data).applied_to(data) for content in contents]
    again = read_corrections(written(tmp_path, contents[3]), corrected[0]).applied_to(corrected[0])
    hashes = [one.train.provenance.sha256["corrected labels"] for one in (*corrected, again)]
    assert len(set(hashes)) == 5
    assert again.train.labels.tolist() == corrected[2].train.labels.tolist()


def test_without_changes_the_data_set_is_the_same(data, tmp_path):
    corrections = read_corrections(written(tmp_path, "index,label\n1,Trouser\n"), data)
    assert len(corrections) == 0
    assert corrections.applied_to(data) is data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("index,label\n0,Trousers\n", r"line 2: Unknown class 'Trousers'. Did you mean 'Trouser'"),
        ("index,label\n0,7\n", r"line 2: Classes are numbered from 0 to 5; got 7"),
        ("index,label\n0,-1\n", "line 2: Unknown class '-1'"),
        ("index,label\n0,\n", "line 2: the label is empty"),
        ("index,label\n6,Trouser\n", "line 2: the training set has the rows 0 to 5; got the index 6"),
        ("index,label\n-1,Trouser\n", "rows 0 to 5; got the index -1"),
        ("index,label\n1.5,Trouser\n", "whole number, a row of the training set; got '1.5'"),
        ("index,label\n,Trouser\n", "whole number, a row of the training set; got ''"),
        (
            'index,label\n2,"two\nlines"\n2,0\n',
            "line 4: row 2 has a second label, 'T-shirt/top'; its first one was 'two.nlines'",
        ),
        ("index,given\n0,Trouser\n", "no column label: its first line is index, given. Expected a CSV file"),
        ("label\nTrouser\n", "no column index"),
        ("index,label,label\n0,1,2\n", "2 columns label"),
        ("", "no column index: its first line is nothing"),
        ("\n\n", "no column index"),
        ("index,label\n", "no rows below its first line"),
        ("given,index,label\nTrouser,0\n", "line 2: 2 columns, and the first line has 3"),
        ("index,label,split\n0,Trouser,test\n", "test labels are never changed"),
        ('index,label\n0,"Trouser\n', "not a CSV file in UTF-8: unexpected end of data"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a CSV file in UTF-8"),
        (b"index,label\n0,\0\n", "not a CSV file in UTF-8: it has zero bytes"),
        ("index,label\n0,Größe\n".encode("cp1252"), "not a CSV file in UTF-8"),
        ("index,label\n0," + 200_000 * "x" + "\n", "not a CSV file in UTF-8: field larger"),
    ],
)
def test_other_files_are_refused(content, message, data, tmp_path):
    with pytest.raises(DataError, match=f"labels.csv.*{message}"):
        read_corrections(written(tmp_path, content), data)


def test_rows_held_out_for_validation_are_training_rows(data, tmp_path):
    path = written(tmp_path, "index,label,split\n0,Trouser,validation\n1,0,train\n")
    assert len(read_corrections(path, data)) == 2


def test_a_missing_file_and_a_folder_are_refused(data, tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv cannot be read: No such file"):
        read_corrections(tmp_path / "nowhere.csv", data)
    with pytest.raises(DataError, match="cannot be read"):
        read_corrections(tmp_path, data)
