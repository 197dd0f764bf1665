"""The variables of the environment: what each sets, and what is said of one that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tradewind.domain.errors import ConfigErrors, MachineError
from tradewind.kernel.settings import Environment, Settings, variable


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in list(os.environ):
        if name.startswith("TRADEWIND_"):
            monkeypatch.delenv(name)


def test_without_a_variable_everything_has_a_default(monkeypatch):
    """A bot on a laptop needs no settings; it listens to this machine only."""
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    settings = Settings()

    assert settings.state_directory == Path("/var/state/tradewind")
    assert settings.host == "127.0.0.1"
    assert settings.environment is Environment.DEVELOPMENT
    listener = settings.listener()
    assert listener.ports["gateway"] == 8000
    assert listener.ports["market-data"] == 8002
    assert listener.documented


def test_variables_reach_their_fields(monkeypatch):
    """Two underscores lead into a part; a service's hyphen is an underscore."""
    for name, value in {
        "TRADEWIND_STATE_DIRECTORY": "/data",
        "TRADEWIND_HOST": "0.0.0.0",
        "TRADEWIND_PORTS__MARKET_DATA": "9002",
        "TRADEWIND_LOG_LEVEL": "WARNING",
        "TRADEWIND_ENVIRONMENT": "Production",
        "TRADEWIND_GATEWAY__REQUESTS_PER_MINUTE": "60",
        # Kubernetes adds such ones by itself.
        "TRADEWIND_GATEWAY_PORT": "tcp://10.0.0.1:8000",
        "TRADEWIND_GATEWAY_SERVICE_HOST": "10.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings()

    assert settings.state_directory == Path("/data")
    assert settings.listener().host == "0.0.0.0"
    assert settings.listener().ports["market-data"] == 9002
    assert settings.listener().ports["engine"] == 8001
    assert not settings.listener().documented
    assert settings.log_level == "warning"
    assert settings.gateway.requests_per_minute == 60


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("TRADEWIND_PORTS__GATEWAY", "99999", "TRADEWIND_PORTS__GATEWAY"),
        ("TRADEWIND_PORTS__GATEWEY", "80", "TRADEWIND_PORTS__GATEWEY"),
        ("TRADEWIND_PORTS", "[1]", "TRADEWIND_PORTS"),
        ("TRADEWIND_PORTS", "many", "TRADEWIND_*"),
        ("TRADEWIND_LOG_STYLE", "pretty", "TRADEWIND_LOG_STYLE"),
        ("TRADEWIND_ENVIRONMENT", "prod", "TRADEWIND_ENVIRONMENT"),
        ("TRADEWIND_GATEWAY__REQUESTS_PER_MINUTE", "0", "TRADEWIND_GATEWAY__REQUESTS_PER_MINUTE"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(monkeypatch, name, value, field):
    """The line begins with the variable, and the exit code is that of the machine, not of the manifest."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigErrors) as raised:
        Settings()

    assert isinstance(raised.value, MachineError)
    assert [one.field for one in raised.value.errors] == [field]
    assert "; allowed: " in str(raised.value)
    assert "; fix: " in str(raised.value)


def test_the_admin_key_comes_from_a_variable_or_a_file(monkeypatch, tmp_path):
    """A file, as a mounted secret is one; the variable itself comes first."""
    secret = "k" * 40
    (tmp_path / "key").write_text(secret + "\n")
    assert Settings().gateway.admin_key() is None

    monkeypatch.setenv("TRADEWIND_GATEWAY__API_KEY_FILE", str(tmp_path / "key"))
    assert Settings().gateway.admin_key() == secret

    monkeypatch.setenv("TRADEWIND_GATEWAY__API_KEY", "v" * 40)
    assert Settings().gateway.admin_key() == "v" * 40
    assert "v" * 40 not in repr(Settings())


@pytest.mark.parametrize(
    ("name", "value", "received"),
    [
        ("TRADEWIND_GATEWAY__API_KEY", "hunter2", "7 characters"),
        ("TRADEWIND_GATEWAY__API_KEY_FILE", "/no/such/file", "/no/such/file"),
    ],
)
def test_a_key_that_could_be_guessed_or_cannot_be_read_is_refused(monkeypatch, name, value, received):
    """The line names the variable and never the key."""
    monkeypatch.setenv(name, value)
    with pytest.raises(MachineError) as raised:
        Settings().gateway.admin_key()

    assert (raised.value.field, raised.value.received) == (name, received)


def test_the_name_of_a_variable_follows_from_its_field():
    """What an error message tells a person to set is what is read."""
    assert variable("ports", "market-data") == "TRADEWIND_PORTS__MARKET_DATA"


def test_the_key_of_an_account_comes_from_variables_or_files(monkeypatch, tmp_path):
    """By the name of the exchange, each part for itself, and never shown."""
    (tmp_path / "secret").write_text("hidden\n")
    monkeypatch.setenv("TRADEWIND_CREDENTIALS__BINANCE__API_KEY", "shown-to-nobody")
    monkeypatch.setenv("TRADEWIND_CREDENTIALS__BINANCE__SECRET_FILE", str(tmp_path / "secret"))
    settings = Settings()
    assert settings.credentials["binance"].read("binance") == ("shown-to-nobody", "hidden")
    assert "shown-to-nobody" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"API_KEY": "a"}, "BINANCE__SECRET: received nothing; allowed: what binance gave you"),
        ({"API_KEY": "a", "SECRET": " "}, "BINANCE__SECRET: received nothing"),
        ({"API_KEY": "a", "SECRET": "b", "SECRET_FILE": "/x"}, "BINANCE__SECRET: received it and .*; allowed: one of"),
        ({"API_KEY_FILE": "/no/such/file"}, "BINANCE__API_KEY_FILE: received /no/such/file; allowed: a readable file"),
    ],
)
def test_a_key_that_is_not_whole_is_refused_by_the_name_of_its_variable(monkeypatch, given, words):
    """Before anything is asked of the exchange, and without the key in the line."""
    for name, value in given.items():
        monkeypatch.setenv(f"TRADEWIND_CREDENTIALS__BINANCE__{name}", value)
    with pytest.raises(MachineError, match=words):
        Settings().credentials["binance"].read("binance")
