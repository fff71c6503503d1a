"""Files of a person: YAML or JSON, and a reason where they are neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.documents import DocumentError, read_document


def _file(directory: Path, name: str, content: bytes) -> str:
    path = directory / name
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("name", ["flow.json", "flow.yaml"])
def test_json_is_read_under_either_name(tmp_path: Path, name: str) -> None:
    file = _file(tmp_path, name, b'\xef\xbb\xbf{"flow": {"name": "\xc3\xa9", "n": 1.5}, "nodes": []}')
    assert read_document(file) == {"flow": {"name": "é", "n": 1.5}, "nodes": []}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b'{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice in one object"),
        ("a.json", b'{"a": NaN}', "NaN is no JSON value"),
        ("a.json", b'{"a": 1', "line 1, column 8"),
        ("a.json", b"[" * 100_000, "nested too deep"),
        ("a.yaml", b"a: \xff", "no UTF-8 text (byte 3)"),
        ("a.yaml", b"a: 1\na: 2", "the key 'a' stands here twice"),
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read_document(_file(tmp_path, name, content))
    assert said in str(refused.value)


def test_a_missing_file_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="No such file"):
        read_document(str(tmp_path / "none.yaml"))
