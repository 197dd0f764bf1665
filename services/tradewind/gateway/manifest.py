"""Checking a manifest that came from outside: as the command line does, and safely for the bot that trades meanwhile.

A few hundred bytes of YAML can stand for billions of values, by aliases of aliases. So aliases are counted before
anything is made of them, and what the rest stands for before anything walks it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import yaml

from tradewind.contracts.api.document import parse_bot
from tradewind.contracts.api.reading import read_text
from tradewind.domain.errors import ConfigError
from tradewind.plan import check

LARGEST = 64 * 1024
MOST_VALUES = 20_000
MOST_ALIASES = 16
_ORIGIN = "the manifest"


def check_manifest(body: bytes) -> str:
    """The key of the bot that `body` (YAML or JSON) describes; raises `ConfigError` or `ConfigErrors`.

    Everything is checked but the data, which is not read: what lies on this machine is not the caller's to ask.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        received = f"a byte that is not UTF-8 at position {error.start}"
        raise ConfigError(_ORIGIN, received, "text in UTF-8", "send it in UTF-8") from None
    if _count_aliases(text) > MOST_ALIASES:
        allowed, fix = f"at most {MOST_ALIASES} aliases", "write the values themselves instead of aliases (* and &)"
        raise ConfigError(_ORIGIN, "more aliases than that", allowed, fix)
    document = read_text(text, _ORIGIN)
    if _count_values(document, {}) > MOST_VALUES:
        allowed = f"at most {MOST_VALUES} values, those that aliases stand for included"
        raise ConfigError(_ORIGIN, "more values than that", allowed, "make it smaller")
    bot = parse_bot(document, _ORIGIN)
    check(bot)
    return bot.key


def _count_aliases(text: str) -> int:
    """How often `text` refers to an anchor; looking closely is needed only where both signs occur at all."""
    if "&" not in text or "*" not in text:
        return 0
    found = 0
    # Whoever reads the text next stumbles over the same place and says where it is, but makes what stands before it.
    with suppress(yaml.YAMLError, ValueError, RecursionError):
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            found += isinstance(event, yaml.AliasEvent)
    return found


def _count_values(node: Any, known: dict[int, int]) -> int:
    """How many values `node` stands for; `known` remembers each container, so shared ones are walked once.

    One that contains itself counts as too many.
    """
    if not isinstance(node, (dict, list)):
        return 1
    if id(node) not in known:
        known[id(node)] = MOST_VALUES + 1
        inner = node.values() if isinstance(node, dict) else node
        known[id(node)] = 1 + sum(_count_values(one, known) for one in inner)
    return known[id(node)]
