"""YAML as a manifest means it: read strictly, written so that every reader gives the same values back.

PyYAML follows YAML 1.1, where `on` is true, `1:30` is ninety and a key may be given twice. Here words other than
`true` and `false` stay text, dates stay text, and a second key of the same name is refused, because one of the two
values would silently be lost.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

import yaml

from tradewind.contracts.api.problems import shown
from tradewind.domain.errors import ConfigError

_RESOLVERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("bool", r"true|True|TRUE|false|False|FALSE", tuple("tTfF")),
    ("int", r"[-+]?[0-9]+", tuple("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        tuple("-+.0123456789"),
    ),
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("merge", r"<<", ("<",)),
)

_LINE_BREAKS = "\n\r\x85\u2028\u2029\ufeff"

ONE_BOT = "exactly one TradingBot in a YAML file"
START = "begin with a copy of manifests/samples/quickstart.yaml"


class RepeatedKeyError(yaml.constructor.ConstructorError):
    """A key stands twice in one mapping."""


class ManifestLoader(yaml.SafeLoader):
    """The safe loader with the plain values of YAML 1.2, which refuses repeated keys."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        """A mapping as it is written, before anything is merged into it; raises on a key that stands in it twice."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise RepeatedKeyError(None, None, f"{key.value} a second time", key.start_mark)
                seen.add(key.value)
        return node

    def construct_decimal_int(self, node: yaml.ScalarNode) -> int:
        """An integer; a leading zero does not make it octal."""
        return int(str(self.construct_scalar(node)))


class ManifestDumper(yaml.SafeDumper):
    """The safe dumper, which quotes also what only YAML 1.2 reads as a number."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        first: list(found) for first, found in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002, D102
        return True

    def represent_text(self, data: str) -> yaml.ScalarNode:
        """Text; what breaks lines is escaped, because PyYAML would fold it in a way that it cannot read itself."""
        style = '"' if any(character in data for character in _LINE_BREAKS) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


ManifestDumper.add_representer(str, ManifestDumper.represent_text)
ManifestLoader.add_constructor("tag:yaml.org,2002:int", ManifestLoader.construct_decimal_int)
for _tag, _pattern, _first in _RESOLVERS:
    for _side in (ManifestLoader, ManifestDumper):
        _side.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def read_document(path: Path) -> dict[str, Any]:
    """The mapping that the file at `path` holds; raises `ConfigError` for a file without exactly one."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        received = f"a byte that is not UTF-8 at position {error.start}"
        raise ConfigError(str(path), received, "text in UTF-8", "save the file as UTF-8") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    return read_text(text, str(path))


def read_text(text: str, origin: str) -> dict[str, Any]:
    """The mapping that `text` holds; `origin` is the name of the file in messages."""
    documents = [document for document in _documents(text, origin) if document is not None]
    if not documents:
        raise ConfigError(origin, "nothing but blank lines and comments", ONE_BOT, START)
    if len(documents) > 1:
        fix = "put each bot in a file of its own"
        raise ConfigError(origin, f"{len(documents)} documents", ONE_BOT, fix)
    if not isinstance(documents[0], dict):
        allowed = "a mapping with the fields apiVersion, kind, metadata, spec"
        raise ConfigError(origin, shown(documents[0]), allowed, START)
    return documents[0]


def _documents(text: str, origin: str) -> list[Any]:
    try:
        return list(yaml.load_all(text, Loader=ManifestLoader))
    except yaml.YAMLError as error:
        raise yaml_error(error, text, origin) from None
    except (ValueError, RecursionError):
        received = "a number or a nesting too long to read"
        raise ConfigError(origin, received, "a TradingBot in YAML", "shorten it") from None


def yaml_error(error: yaml.YAMLError, text: str, origin: str) -> ConfigError:
    """What the YAML reader stumbled over in `text`, with line and column (both from 1)."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    if not isinstance(error, yaml.MarkedYAMLError) or mark is None:
        fix = "remove control characters, or save the file as plain text"
        return ConfigError(origin, "a character that YAML does not allow", "valid YAML", fix)
    where = f"{origin}, line {mark.line + 1}, column {mark.column + 1}"
    if isinstance(error, RepeatedKeyError):
        return ConfigError(where, error.problem, "each key once in a mapping", "remove one of the two")
    lines = text.splitlines()
    received = lines[mark.line] if mark.line < len(lines) else "the end of the text"
    return ConfigError(where, received, f"valid YAML ({error.problem})", _yaml_fix(f"{error.context} {error.problem}"))


def _yaml_fix(problem: str) -> str:
    if "alias" in problem:
        return 'put quotes around a value that begins with *, such as "*/EUR"'
    if "'\\t'" in problem:
        return "indent with spaces, not with tabs"
    if "tag" in problem:
        return "remove the tag (the word that begins with !)"
    return "check the indentation, the colons and the quotes near that line"


def _unreadable(path: Path, error: OSError) -> ConfigError:
    if isinstance(error, FileNotFoundError):
        near = _near(path)
        return ConfigError(str(path), "no such file", "a readable YAML file", near or "check the path")
    if isinstance(error, IsADirectoryError):
        return ConfigError(str(path), "a folder", "a readable YAML file", "name a file in it")
    reason = (error.strerror or "an error of the file system").lower()
    return ConfigError(str(path), reason, "a readable YAML file", "make it readable for this user")


def _near(path: Path) -> str | None:
    """A question that names the file whose name comes closest, if there is one in that folder."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix in (".yaml", ".yml")]
    except OSError:
        return None
    found = get_close_matches(path.name, names, 1, 0.6)
    return f"did you mean {path.parent / found[0]}?" if found else None
