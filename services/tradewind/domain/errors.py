"""The three kinds of failure, mapped once per edge (exit code, HTTP status, resource condition).

A refusal by risk is not among them: it is a result (`domain.risk`), not an exception.
"""

from __future__ import annotations


class TradewindError(Exception):
    """Root of every error this project raises on purpose."""


class ConfigError(TradewindError):
    """The user's to mend. Always names the field, the value received, what is allowed and the fix.

    `str(error)` is one line: `FIELD: received VALUE; allowed: ALLOWED; fix: FIX`.
    """

    def __init__(self, field: str, received: object, allowed: str, fix: str) -> None:
        self.field, self.received, self.allowed, self.fix = field, received, allowed, fix
        super().__init__(f"{field}: received {_shorten(received)}; allowed: {allowed}; fix: {fix}")


class ConfigErrors(ConfigError):  # noqa: N818 - the plural is the point
    """Several `ConfigError`s found together, shown together, one per line."""

    def __init__(self, errors: list[ConfigError]) -> None:
        self.errors = errors
        first = errors[0]
        super().__init__(first.field, first.received, first.allowed, first.fix)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


class MachineError(ConfigError):
    """The manifest is fine, the machine is in the way: a port in use, a directory that cannot be written.

    Told like every `ConfigError`, but not the manifest's fault, so the exit code is 1 and not 3.
    """


class TemporaryError(TradewindError):
    """May succeed later; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class PermanentError(TradewindError):
    """Will not succeed by trying again."""


class DeniedError(PermanentError):
    """Whoever asks is not known, or may not do that."""


class NotFoundError(PermanentError):
    """An object asked for by name does not exist."""


def _shorten(value: object, limit: int = 120) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split()) or "''"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
