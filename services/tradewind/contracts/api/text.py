"""Text of a fixed form on the wire: names, pairs, currencies, paths.

Each kind of text is one object that knows its check, its JSON Schema and its words, so that all three agree.
`x-words` and `x-example` in the schema are ours; the custom resource definition drops them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from tradewind.contracts.api.problems import Problem, refusal


class TextKind:
    """A pydantic annotation for a value that is a string on the wire: subclasses check and describe it."""

    def read(self, value: Any) -> Any:
        """The Python value; raises a refusal."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the wire form."""
        raise NotImplementedError

    def write(self, value: Any) -> str:
        """The wire form of a Python value."""
        return str(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(self.write, when_used="json"),
        )

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self.schema()


@dataclass(frozen=True, slots=True)
class Text(TextKind):
    """A string of a fixed form. `mend` proposes what was probably meant by a string that is not of that form."""

    words: str
    example: str
    pattern: str
    longest: int
    mend: Callable[[str], str] | None = None

    def read(self, value: Any) -> str:
        """The string itself."""
        if isinstance(value, str) and self._fits(value):
            return value
        raise refusal(Problem(value, self.words, self._fix(value)))

    def schema(self) -> dict[str, Any]:
        """A string with a pattern and a greatest length."""
        return {
            "type": "string",
            "maxLength": self.longest,
            "pattern": f"^{self.pattern}$",
            "x-words": self.words,
            "x-example": self.example,
        }

    def _fits(self, value: str) -> bool:
        return len(value) <= self.longest and re.fullmatch(self.pattern, value) is not None

    def _fix(self, value: Any) -> str:
        text = value if isinstance(value, str) else _number_text(value)
        if text and text != value and self._fits(text):
            return f'put it in quotes: "{text}"'
        if text and self.mend is not None and self._fits(mended := self.mend(text)):
            return f"write {mended}"
        return f"write it in this form, such as {self.example}"


def _number_text(value: Any) -> str:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def _dashed(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()).strip("-")


def _slashed(text: str) -> str:
    return re.sub(r"[-_\s]+", "/", text.strip().partition(":")[0].upper(), count=1)


def _name(longest: int, example: str) -> Text:
    words = f"lower-case letters, digits and inner hyphens, at most {longest} characters"
    return Text(words, example, "[a-z0-9]([-a-z0-9]*[a-z0-9])?", longest, _dashed)


BotName = Annotated[str, _name(40, "momentum")]
Namespace = Annotated[str, _name(63, "default")]
ExchangeName = Annotated[str, _name(40, "bitvavo")]
StrategyName = Annotated[str, _name(40, "trend")]


def _origin(scheme: str, example: str) -> Text:
    words = f"{scheme}:// or {scheme}s://, a host and perhaps a port, and nothing after them"
    return Text(words, example, f"{scheme}s?://[-A-Za-z0-9_.\\[\\]:]+", 253, lambda text: text.strip().rstrip("/"))


RestOrigin = Annotated[str, _origin("http", "http://127.0.0.1:8011")]
WebSocketOrigin = Annotated[str, _origin("ws", "ws://127.0.0.1:8011")]

_WORD = "[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
QualifiedName = Annotated[
    str,
    Text(
        "a key of letters, digits and inner - _ . , optionally after a domain and a slash",
        "example.com/team",
        f"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?{_WORD}",
        317,
    ),
]
LabelValue = Annotated[
    str, Text("letters, digits and inner - _ . , at most 63 characters", "research", f"({_WORD})?", 63)
]

AnnotationValue = Annotated[str, Text("text of at most 4096 characters", "a note", "[\\s\\S]*", 4096)]

Currency = Annotated[str, Text("2 to 10 capital letters or digits", "EUR", "[A-Z0-9]{2,10}", 10, str.upper)]
Pair = Annotated[
    str,
    Text("a pair as BASE/QUOTE in capitals", "BTC/EUR", "[A-Z0-9]{1,20}/[A-Z0-9]{1,20}", 41, _slashed),
]
PairPattern = Annotated[
    str,
    Text(
        "a pair as BASE/QUOTE in capitals, or a pattern of one in which * stands for any characters and ? for one",
        "BTC/EUR",
        "[A-Z0-9*?]{1,20}/[A-Z0-9*?]{1,20}",
        41,
        _slashed,
    ),
]
StrategyKind = Annotated[
    str,
    Text("letters and digits, beginning with a letter", "EmaCross", "[A-Za-z][A-Za-z0-9]*", 63),
]
DataPath = Annotated[
    str,
    Text(
        "the path of a file or folder, or sample:NAME, on one line of at most 1024 characters",
        "sample:bitvavo-2022",
        "[^\\r\\n\\t]+",
        1024,
    ),
]
_DOMAIN_NAME = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
SecretName = Annotated[
    str,
    Text(
        "the name of an object: lower-case letters, digits, inner hyphens and dots, at most 253 characters",
        "binance-keys",
        _DOMAIN_NAME,
        253,
        _dashed,
    ),
]
VariableName = Annotated[
    str,
    Text(
        "letters, digits and underscores, not beginning with a digit, at most 128 characters",
        "TRADEWIND_LOG_LEVEL",
        "[A-Za-z_][A-Za-z0-9_]*",
        128,
    ),
]
EnvironmentValue = Annotated[str, Text("text on one line of at most 4096 characters", "debug", "[^\\r\\n]*", 4096)]
Url = Annotated[
    str,
    Text(
        "an address that begins with http:// or https://, without user or password, at most 512 characters",
        "http://jaeger:4318",
        "https?://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[-A-Za-z0-9._~/]*)?",
        512,
    ),
]
