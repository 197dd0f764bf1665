"""How this process runs, as opposed to what the bot does: where state lies, where it listens, how it logs.

Everything is a variable of the environment beginning with `TRADEWIND_`, with two underscores before a field of a
part: `TRADEWIND_PORTS__GATEWAY=8100`, `TRADEWIND_GATEWAY__API_KEY_FILE=/run/secrets/key`. What the bot trades stands
in its manifest and never here. Variables that nobody knows are left alone: Kubernetes puts its own beside ours.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from tradewind.catalog import by_name
from tradewind.contracts.api.problems import Problem, refusal
from tradewind.domain.errors import ConfigError, ConfigErrors, MachineError

if TYPE_CHECKING:
    from tradewind.kernel.http.server import Listener

PREFIX = "TRADEWIND_"
_SECRET = {"api_key", "secret", "database_url", "bus_url"}
SHORTEST_API_KEY = 32

Port = Annotated[int, Field(ge=0, le=65_535)]


class VariablesError(ConfigErrors, MachineError):
    """Variables of the environment that cannot be used, one error each; the manifest has nothing to do with it."""


class Environment(StrEnum):
    """Where this process runs; one setting for what differs between a desk and a floor."""

    DEVELOPMENT = "Development"
    STAGING = "Staging"
    PRODUCTION = "Production"


class GatewaySettings(BaseModel):
    """The gateway's own. Without a key, the first start makes one."""

    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 600

    def admin_key(self) -> str | None:
        """The configured key of the role admin; raises `MachineError` when it cannot be read or could be guessed."""
        name, key = variable("gateway", "api_key"), self.api_key.get_secret_value() if self.api_key else None
        if key is None and self.api_key_file is not None:
            name = variable("gateway", "api_key_file")
            key = read_secret(name, self.api_key_file)
        if key is not None and len(key) < SHORTEST_API_KEY:
            allowed = f"at least {SHORTEST_API_KEY} random characters"
            raise MachineError(name, f"{len(key)} characters", allowed, "leave it out, and the first start makes a key")
        return key


class ExchangeCredentials(BaseModel):
    """The API key of an account at an exchange, each part given itself or by a file that holds it."""

    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    secret: SecretStr | None = None
    secret_file: Path | None = None

    def read(self, exchange: str) -> tuple[str, str]:
        """API key and secret; raises `MachineError` for a part that is missing, given twice or cannot be read."""
        return self._part(exchange, "api_key"), self._part(exchange, "secret")

    def _part(self, exchange: str, part: str) -> str:
        name = variable("credentials", exchange, part)
        given: SecretStr | None = getattr(self, part)
        file: Path | None = getattr(self, f"{part}_file")
        if given is not None and file is not None:
            raise MachineError(name, f"it and {name}_FILE", "one of the two", "leave one of them out")
        if file is not None:
            value = read_secret(f"{name}_FILE", file)
        else:
            value = "" if given is None else given.get_secret_value().strip()
        if not value:
            allowed = f"what {exchange} gave you with the API key; mode Live needs it"
            raise MachineError(
                name, "nothing", allowed, f"set {name}_FILE to a file that holds it and only you can read"
            )
        return value


def read_secret(name: str, path: Path) -> str:
    """The text of a file that a variable names; raises `MachineError` when it cannot be read."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        allowed, fix = "a readable file with the key", "make it readable for this user, or check the path"
        raise MachineError(name, str(path), allowed, fix) from error


def state_home() -> Path:
    """Where a user's programs keep what must survive: the XDG base directory."""
    home = os.environ.get("XDG_STATE_HOME", "")
    return (Path(home) if home else Path.home() / ".local" / "state") / "tradewind"


class Settings(BaseSettings):
    """The settings of one process; `Settings()` reads the environment and raises `VariablesError` for what is wrong.

    `key_directory` has the keys that the services of a bot share, where they are given and not made beside its state.
    `strategy_directory` has a folder for each ConfigMap with files of strategies, where a platform mounts them.
    `peer_address` is where the services of other processes are, with `{service}` and `{port}` in it.
    `advertised_host` is the address at which other processes reach this one, where `host` is every address of a pod.
    `outgoing_address` names the address by which exchanges see this process: processes of one name share what it is
    allowed, and without a name all who have one Redis do.
    `database_url` and `bus_url`, or the files that `..._file` names, are addresses (`kernel.addresses` reads them).
    `ports` holds only what differs from the catalog. `log_level` None leaves the choice to the command. `credentials`
    are by the name of the exchange: `TRADEWIND_CREDENTIALS__BINANCE__API_KEY_FILE`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, extra="ignore", frozen=True
    )

    state_directory: Path = Field(default_factory=state_home)
    key_directory: Path | None = None
    strategy_directory: Path | None = None
    database_url: SecretStr | None = None
    database_url_file: Path | None = None
    bus_url: SecretStr | None = None
    bus_url_file: Path | None = None
    peer_address: str | None = None
    advertised_host: str | None = None
    outgoing_address: str = "shared"
    host: str = "127.0.0.1"
    ports: dict[str, Port] = Field(default_factory=dict)
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    log_style: Literal["auto", "text", "json"] = "auto"
    environment: Environment = Environment.DEVELOPMENT
    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
    credentials: dict[str, ExchangeCredentials] = Field(default_factory=dict)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise VariablesError([_explained(one) for one in error.errors(include_url=False)]) from None
        except SettingsError as error:
            received, fix = str(error), f"set its parts one by one, such as {variable('ports', 'gateway')}=8100"
            raise VariablesError([ConfigError(f"{PREFIX}*", received, "JSON in a variable for a part", fix)]) from None

    @field_validator("ports", mode="before")
    @classmethod
    def _services(cls, value: Any) -> Any:
        """Names as the catalog has them: a variable cannot hold the hyphen of `market-data`."""
        if not isinstance(value, dict):
            return value
        named = {str(name).replace("_", "-"): port for name, port in value.items()}
        known = f"a service: {', '.join(by_name())}"
        unknown = [Problem(name, known, "name one of them", (name,)) for name in named if name not in by_name()]
        if unknown:
            raise refusal(*unknown)
        return named

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @property
    def documented(self) -> bool:
        """Whether `/docs` and `/openapi.json` are answered; a production door does not explain itself."""
        return self.environment is not Environment.PRODUCTION

    def listener(self) -> Listener:
        """Where every service listens: the catalog's ports, unless settings say otherwise."""
        from tradewind.kernel.http.server import Listener  # noqa: PLC0415  (a process that serves nothing loads none)

        ports = {name: self.ports.get(name, spec.port) for name, spec in by_name().items()}
        return Listener(self.host, ports, documented=self.documented, advertised_host=self.advertised_host)


def variable(*names: str) -> str:
    """The variable that sets a field: `variable("ports", "market-data")` is `TRADEWIND_PORTS__MARKET_DATA`."""
    return PREFIX + "__".join(names).upper().replace("-", "_")


def _explained(error: Any) -> ConfigError:
    name = variable(*(str(step) for step in error["loc"]))
    for problem in error.get("ctx", {}).get("problems", ()):
        return ConfigError(
            variable(name.removeprefix(PREFIX), *problem.at), problem.received, problem.allowed, problem.fix
        )
    received = "a secret" if _SECRET & set(error["loc"]) else error["input"]
    words = error["msg"].removeprefix("Input should be ").partition(", unable")[0]
    return ConfigError(name, received, words, "change the variable, or leave it out for the default")
