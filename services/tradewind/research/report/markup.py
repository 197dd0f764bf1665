"""HTML from values. Text is escaped because it is text: only what `element` returned is markup.

So a strategy's name can hold anything, and forgetting to escape is not possible: a plain string that reaches the page
is shown, never obeyed.
"""

from __future__ import annotations

from html import escape


class Markup(str):
    """A string that is HTML already."""

    __slots__ = ()


def element(name: str, *children: str, **attributes: object) -> Markup:
    """`<name attributes>children</name>`; plain strings among the children and attribute values are escaped.

    Attribute names lose a trailing underscore and turn the others into hyphens (`class_`, `aria_label`); a value of
    None leaves the attribute out.
    """
    opening = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{opening}>{joined(children)}</{name}>")


def joined(children: list[Markup] | list[str] | tuple[str, ...]) -> Markup:
    """The children one after the other, text among them escaped."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))
