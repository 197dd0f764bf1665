"""What errors say to a person, and how long they ask to be left alone."""

from __future__ import annotations

from tradewind.domain.errors import ConfigError, ConfigErrors, TemporaryError


def test_several_mistakes_are_told_together_and_the_first_one_stands_for_all():
    """A line each; a program that asks for one field gets the first."""
    first = ConfigError("spec.timeframe", "7x", "1m to 1w", "write 1h")
    both = ConfigErrors([first, ConfigError("spec.pairs", "BTC", "a pair", "write BTC/EUR")])
    assert str(both).splitlines() == [
        "spec.timeframe: received 7x; allowed: 1m to 1w; fix: write 1h",
        "spec.pairs: received BTC; allowed: a pair; fix: write BTC/EUR",
    ]
    assert (both.field, both.received, both.allowed, both.fix) == ("spec.timeframe", "7x", "1m to 1w", "write 1h")


def test_a_passing_error_says_when_to_come_again():
    """A second later, unless it knows better."""
    assert TemporaryError("away").retry_after == 1.0
    assert TemporaryError("away", retry_after=5.0).retry_after == 5.0
