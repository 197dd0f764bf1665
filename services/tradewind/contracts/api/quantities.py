"""Prices, money and ratios: decimals that travel as strings.

They are strings on every wire, because a YAML or JSON number passes through binary floating point on its way and 0.1
would not arrive as 0.1. A bare number is therefore refused everywhere, by the API server and by our parser alike,
with the quoted form as the fix. A pattern cannot say limits, so each kind brings a CEL rule as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from tradewind.contracts.api.problems import Problem, refusal
from tradewind.contracts.api.text import TextKind
from tradewind.domain.money import ONE, ZERO, plain

DIGITS = "[0-9]+(\\.[0-9]+)?"
LONGEST_DECIMAL = 32
_DIGITS = re.compile(DIGITS)
_NUMBER = re.compile(r"[-+]?[0-9]*[.,]?[0-9]+(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class DecimalText(TextKind):
    """A decimal as a string: no sign, no exponent, at most 32 characters, within the limits given.

    `word` is a text that is allowed beside the decimals (`max`) and is kept as it is.
    """

    example: str
    above: Decimal | None = None
    least: Decimal | None = None
    below: Decimal | None = None
    most: Decimal | None = None
    word: str = ""

    @property
    def limits(self) -> str:
        """The limits in words, such as `above 0 and at most 1`."""
        bounds = (("above", self.above), ("at least", self.least), ("below", self.below), ("at most", self.most))
        return " and ".join(f"{words} {plain(bound)}" for words, bound in bounds if bound is not None)

    @property
    def words(self) -> str:
        """What is allowed, in words."""
        return (f"{self.word}, or " if self.word else "") + f"a decimal as a string, {self.limits}"

    def read(self, value: Any) -> Decimal | str:
        """The decimal, or the word."""
        if self.word and value == self.word:
            return self.word
        if isinstance(value, Decimal):
            number = value
        elif isinstance(value, str) and _DIGITS.fullmatch(value) and len(value) <= LONGEST_DECIMAL:
            number = Decimal(value)
        else:
            raise refusal(Problem(value, self.words, self._mend(value)))
        if not self._within(number):
            raise refusal(
                Problem(value, self.words, f'write a decimal that is {self.limits}, such as "{self.example}"')
            )
        return number

    def write(self, value: Any) -> str:
        """Without exponent or trailing zeros."""
        return plain(value) if isinstance(value, Decimal) else str(value)

    def schema(self) -> dict[str, Any]:
        """A string with a pattern, and the limits as a CEL rule whose message says what is allowed."""
        exempt = f"self == '{self.word}' || " if self.word else ""
        return {
            "type": "string",
            "maxLength": LONGEST_DECIMAL,
            "pattern": f"^({self.word}|{DIGITS})$" if self.word else f"^{DIGITS}$",
            "x-kubernetes-validations": [
                {"rule": f"{exempt}{self._rule()}", "message": f"must be {self.words}, such as '{self.example}'"}
            ],
            "x-words": self.words,
            "x-example": self.example,
        }

    def _within(self, number: Decimal) -> bool:
        return (
            number.is_finite()
            and (self.above is None or number > self.above)
            and (self.least is None or number >= self.least)
            and (self.below is None or number < self.below)
            and (self.most is None or number <= self.most)
        )

    def _rule(self) -> str:
        bounds = ((">", self.above), (">=", self.least), ("<", self.below), ("<=", self.most))
        tests = [f"double(self) {sign} {float(bound)!r}" for sign, bound in bounds if bound is not None]
        return f"(self.matches('^{DIGITS.replace(chr(92), chr(92) * 2)}$') && {' && '.join(tests)})"

    def _mend(self, value: Any) -> str:
        """The fix for what is not a decimal string: the value that was probably meant, if it would be allowed."""
        meant = _meant(value)
        if meant is not None and self._within(meant):
            return f'write "{plain(meant)}"'
        return f'write it as digits in quotes, such as "{self.example}"'


def _meant(value: Any) -> Decimal | None:
    """The number a person probably meant by a YAML number, a percentage, a decimal comma or an exponent."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = value.strip() if isinstance(value, str) else repr(value)
    percent = text.endswith("%")
    text = text.removesuffix("%").strip()
    if not _NUMBER.fullmatch(text) or len(text) > LONGEST_DECIMAL:
        return None
    number = Decimal(text.replace(",", "."))
    return number / 100 if percent else number


Positive = Annotated[Decimal, DecimalText("100", above=ZERO)]
AtLeastZero = Annotated[Decimal, DecimalText("10", least=ZERO)]
Fee = Annotated[Decimal, DecimalText("0.0025", least=ZERO, below=ONE)]
BasisPoints = Annotated[Decimal, DecimalText("5", least=ZERO, below=Decimal(10_000))]
Share = Annotated[Decimal, DecimalText("0.25", above=ZERO, most=ONE)]
Ratio = Annotated[Decimal, DecimalText("0.25", least=ZERO, most=ONE)]
Distance = Annotated[Decimal, DecimalText("0.05", above=ZERO, below=ONE)]
Gain = Annotated[Decimal, DecimalText("0.10", above=ZERO)]
Activation = Annotated[Decimal, DecimalText("0.03", least=ZERO)]
Stake = Annotated[Decimal | Literal["Unlimited"], DecimalText("100", above=ZERO, word="Unlimited")]
Seconds = Annotated[Decimal, DecimalText("2.5", above=ZERO, most=Decimal(3600))]
Speed = Annotated[Decimal | Literal["max"], DecimalText("3600", above=ZERO, word="max")]
