"""YAML files as people have them: what is read as meant, and what one line says about a file that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.api.reading import read_document, read_text
from tradewind.domain.errors import ConfigError


def complaint(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_text(text, "bot.yaml")
    return caught.value


@pytest.mark.parametrize(
    ("text", "field", "received", "fix"),
    [
        ("", "bot.yaml", "nothing but blank lines", "begin with a copy of manifests/samples/quickstart.yaml"),
        ("# later\n---\n", "bot.yaml", "nothing but blank lines", "begin with a copy"),
        ("- a\n- b\n", "bot.yaml", '["a", "b"]', "begin with a copy"),
        ("a: 1\n---\nb: 2\n", "bot.yaml", "2 documents", "a file of its own"),
        ("a: 1\nb: 2\na: 3\n", "bot.yaml, line 3, column 1", "a a second time", "remove one of the two"),
        ("a: {b: 1, b: 2}\n", "bot.yaml, line 1, column 11", "b a second time", "remove one of the two"),
        ("a: [1, 2\nb: 3\n", "bot.yaml, line 2, column 2", "b: 3", "check the indentation"),
        ("a:\n\tb: 1\n", "bot.yaml, line 2, column 1", "b: 1", "spaces, not with tabs"),
        ("pairs: [*/EUR]\n", "bot.yaml, line 1, column 10", "pairs: [*/EUR]", 'such as "*/EUR"'),
        (
            "a: !!python/object:os.system x\n",
            "bot.yaml, line 1, column 4",
            "a: !!python/object:os.system x",
            "remove the tag",
        ),
        ("a: \x00\n", "bot.yaml", "a character that YAML does not allow", "control characters"),
        ("a: 'b\n", "bot.yaml, line 2, column 1", "the end of the text", "the quotes"),
        (f"a: {'9' * 5000}\n", "bot.yaml", "too long to read", "shorten"),
        ("[" * 2000, "bot.yaml", "too long to read", "shorten"),
    ],
)
def test_what_is_not_one_mapping_is_one_clear_line(text: str, field: str, received: str, fix: str) -> None:
    """Line and column where there are some, what was found there, and what to do about it."""
    error = complaint(text)
    assert error.field == field
    assert received in str(error.received)
    assert fix in error.fix
    assert "\n" not in str(error)


def test_only_true_and_false_are_truth_values() -> None:
    """`on`, `yes` and `no` stay text, as do dates and times; the country NO has been lost often enough."""
    document = read_text("{a: on, b: no, c: 2022-01-01, d: 12:30, e: true, f: 010, g: 1e3, h: ~, i: 0.10}", "x")
    assert document == {
        "a": "on",
        "b": "no",
        "c": "2022-01-01",
        "d": "12:30",
        "e": True,
        "f": 10,
        "g": 1000.0,
        "h": None,
        "i": 0.1,
    }


def test_merged_mappings_may_be_overridden() -> None:
    """An anchor merged with `<<` is no repeated key, however often it is merged and overridden."""
    text = "a: &a {x: 1, y: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, y: 3}\n"
    assert read_text(text, "x")["c"] == {"x": 1, "y": 3}


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A wrong path is the most frequent mistake of all; a near one is proposed."""
    sample = tmp_path / "quickstart.yaml"
    sample.write_text("a: 1\n")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: ä\n".encode("latin-1"))
    for path, received, fix in (
        (tmp_path / "quickstrat.yaml", "no such file", f"did you mean {sample}?"),
        (tmp_path / "elsewhere" / "bot.yaml", "no such file", "check the path"),
        (tmp_path, "a folder", "name a file in it"),
        (sample / "bot.yaml", "not a directory", "make it readable"),
        (latin, "a byte that is not UTF-8 at position 3", "save the file as UTF-8"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_bot(path)
        assert (caught.value.field, caught.value.received) == (str(path), received)
        assert fix in caught.value.fix


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    path = tmp_path / "bot.yaml"
    path.write_text("a: 1\n", encoding="utf-8-sig")
    assert read_document(path) == {"a": 1}
