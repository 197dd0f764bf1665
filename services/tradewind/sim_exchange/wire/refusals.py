"""What the wire refuses by itself, in the codes and words of Binance: clients match on both.

The exchange raises `RefusalError` for what concerns orders; here are the refusals that concern requests.
"""

from __future__ import annotations

from collections.abc import Mapping

from tradewind.sim_exchange.models import RefusalError

UNAUTHORIZED = 401
TOO_MANY = 429
BANNED = 418

_CHOICES = {
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1120: "Invalid interval.",
}


class HttpRefusalError(RefusalError):
    """A refusal that is more than a body: `headers` go with it, and `data` stands beside code and message."""

    def __init__(
        self,
        code: int,
        message: str,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        data: object = None,
    ) -> None:
        super().__init__(code, message, status)
        self.headers = dict(headers or {})
        self.data = data


def body_of(refusal: RefusalError) -> dict[str, object]:
    """The JSON of a refusal."""
    body: dict[str, object] = {"code": refusal.code, "msg": refusal.message}
    data = getattr(refusal, "data", None)
    if data is not None:
        body["data"] = data
    return body


def missing(name: str) -> RefusalError:
    """A parameter that must be there."""
    return RefusalError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, pattern: str) -> RefusalError:
    """A parameter of characters that it cannot have."""
    return RefusalError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'.")


def unreadable() -> RefusalError:
    """Bytes that are no text."""
    return RefusalError(-1100, "Illegal characters found in a parameter.")


def empty(name: str) -> RefusalError:
    """An optional parameter that was sent without a value."""
    return RefusalError(-1105, f"Parameter '{name}' was empty.")


def not_required(name: str) -> RefusalError:
    """A parameter that this request cannot have."""
    return RefusalError(-1106, f"Parameter '{name}' sent when not required.")


def invalid_data(name: str) -> RefusalError:
    """A parameter of the right form and an impossible value."""
    return RefusalError(-1130, f"Data sent for parameter '{name}' is not valid.")


def invalid_choice(name: str, code: int) -> RefusalError:
    """A parameter that is none of the words it can be; the most usual ones have codes of their own."""
    message = _CHOICES.get(code)
    return RefusalError(code, message) if message else invalid_data(name)


def combination() -> RefusalError:
    """Optional parameters that exclude each other."""
    return RefusalError(-1128, "Combination of optional parameters invalid.")


def duplicate() -> RefusalError:
    """One parameter, several values."""
    return RefusalError(-1101, "Duplicate values for a parameter detected.")


def too_many(expected: int, received: int) -> RefusalError:
    """A public request with parameters that nobody reads."""
    return RefusalError(-1101, f"Too many parameters; expected '{expected}' and received '{received}'.")


def unread(read: int, sent: int) -> RefusalError:
    """A signed request with parameters that nobody reads."""
    message = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
    return RefusalError(-1104, message)


def unknown_symbol() -> RefusalError:
    """A symbol that is not traded."""
    return RefusalError(-1121, "Invalid symbol.")


def outcome_unknown() -> RefusalError:
    """Nobody can say what became of the request."""
    message = "An unexpected response was received from the message bus. Execution status unknown."
    return RefusalError(-1006, message, 503)
