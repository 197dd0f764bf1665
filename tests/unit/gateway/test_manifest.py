"""Checking a manifest from outside: the same errors as on the command line, and no text that stops the bot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.domain.errors import ConfigError, ConfigErrors
from tradewind.gateway.manifest import LARGEST, check_manifest

SAMPLES = Path(__file__).parents[3] / "manifests" / "samples"
BOTS = [path for path in sorted(SAMPLES.glob("*.yaml")) if path.stem != "backtest"]


def nested(form):
    """Eight lines of nine aliases each, every one standing for the line before."""
    inner = ",".join("*a{}" for _ in range(9))
    lines = ["a0: &a0 {k: v}" if "<<" in form else "a0: &a0 [x,x,x]"]
    lines += [f"a{level}: &a{level} {form % inner.replace('{}', str(level - 1))}" for level in range(1, 9)]
    return "\n".join(lines)


@pytest.mark.parametrize("sample", BOTS, ids=lambda path: path.stem)
def test_every_sample_is_valid(sample):
    """What a person begins with passes, in YAML as it stands."""
    assert check_manifest(sample.read_bytes()).startswith("default/")


def test_json_is_read_as_well():
    """A program sends what it has."""
    with pytest.raises(ConfigErrors) as raised:
        check_manifest(b'{"apiVersion": "tradewind.dev/v1alpha1", "kind": "TradingBot", "metadata": {"name": "x"}}')

    assert [error.field for error in raised.value.errors] == ["spec"]


def test_what_only_the_whole_can_tell_is_checked_too():
    """A strategy of a kind that there is not is found here and not at the start of the bot."""
    text = (SAMPLES / "quickstart.yaml").read_text().replace("kind: EmaCross", "kind: EmaCros")

    with pytest.raises(ConfigErrors, match=r"spec\.strategies\[0\]\.kind"):
        check_manifest(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        nested("[%s]"),
        nested("{<<: [%s]}"),
        nested("[%s]") + "\n---\n{",
        "a: &a [*a]",
        "a: " + "[" * 20_000,
        "{" * 5_000,
        "\n".join(f"k{number}: v" for number in range(7_000)),
        "x: " + "1" * (LARGEST - 10),
    ],
    ids=[
        "aliases",
        "merges",
        "aliases-before-a-mistake",
        "itself",
        "deep-list",
        "deep-mapping",
        "many",
        "long-number",
    ],
)
@pytest.mark.timeout(60)
def test_a_text_that_stands_for_too_much_is_refused(text):
    """A few hundred bytes must not keep a trading process busy for minutes, or for ever."""
    assert len(text) <= LARGEST
    with pytest.raises(ConfigError):
        check_manifest(text.encode())


def test_an_alias_that_is_meant_well_is_allowed():
    """Writing a value once and using it twice is what aliases are for."""
    text = (SAMPLES / "quickstart.yaml").read_text()
    text = text.replace('maker: "0.0015"', 'maker: &fee "0.0015"').replace('taker: "0.0025"', "taker: *fee")

    assert check_manifest(text.encode()) == "default/quickstart"


def test_bytes_that_are_no_text_are_refused():
    """The position of the first wrong byte is told."""
    with pytest.raises(ConfigError, match="not UTF-8 at position 3"):
        check_manifest(b"a: \xff")
