"""The Secrets of a bot: keys that are made once whoever comes second, and addresses that follow the installation."""

from __future__ import annotations

import base64

import pytest

from tradewind.domain.errors import TemporaryError
from tradewind_operator.applying import Applying
from tradewind_operator.bot_secrets import BotSecrets
from tradewind_operator.bots import read_bot
from tradewind_operator.child_writes import ChildConflictError
from tradewind_operator.children import Children
from tradewind_operator.desired import model_of, owner_of
from tradewind_operator.kinds import SECRET
from tradewind_operator.manifests import SERVICE_KEY_FILES
from tradewind_operator.metrics import OperatorMetrics

FILES = sorted(SERVICE_KEY_FILES)


class World:
    """A bot, and operators that see to its Secrets: `ensure` by the present one, `another` takes its place."""

    def __init__(self, api, client, directory):
        self.api, self.client, self.directory = api, client, directory
        self.another()

    def another(self):
        self.children = Children()
        applying = Applying(self.client, self.children, OperatorMetrics(), rollout_timeout=100)
        self.secrets = BotSecrets(self.client, applying, self.directory)

    def watch(self):
        for one in self.api.objects.values():
            if one["kind"] == "Secret":
                self.children.put(SECRET, one)

    async def ensure(self):
        await self.secrets.ensure(self.bot, self.model, owner_of(self.bot))

    def complete(self):
        return self.secrets.complete(self.bot, site_storage=True)

    def data(self, ending):
        found = self.api.get("Secret", f"momentum-{ending}")["data"]
        return {name: base64.b64decode(value) for name, value in found.items()}


@pytest.fixture
async def world(api, client, resource, tmp_path):
    found = World(api, client, tmp_path)
    found.bot = read_bot(await api.put(resource(profile="Standard")))
    found.model = model_of(found.bot)
    return found


async def test_keys_are_made_once_whoever_comes_second(world):
    """Others would shut everybody out who has been given the first ones."""
    assert not world.complete()
    await world.ensure()
    first = world.data("keys")
    assert sorted(first) == FILES
    assert len(FILES) == 3
    assert world.complete()
    await world.ensure()
    world.another()
    assert not world.complete()
    await world.ensure()
    assert world.complete()
    assert world.data("keys") == first
    assert [what for what in world.api.written() if what[0] != "POST"] == []


async def test_only_what_is_missing_is_added(world):
    await world.ensure()
    first = world.data("keys")
    await world.api.edit("Secret", "momentum-keys", {"data": {"api-key": None}, "metadata": {"labels": None}})
    world.watch()
    assert not world.complete()
    await world.ensure()
    again, others = world.data("keys"), set(FILES) - {"api-key"}
    assert {name: again[name] for name in others} == {name: first[name] for name in others}
    assert again["api-key"] not in (b"", first["api-key"])
    assert world.api.get("Secret", "momentum-keys")["metadata"]["labels"], "its bot finds it again"
    assert world.complete()


async def test_a_secret_of_somebody_else_is_not_read_into_a_bot(world):
    await world.api.put({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "momentum-keys", "namespace": "trading"},
        "data": {"password": "c2VjcmV0"},
    })  # fmt: skip
    with pytest.raises(ChildConflictError):
        await world.ensure()
    assert world.data("keys") == {"password": b"secret"}


async def test_keys_that_change_while_they_are_completed_are_looked_at_again(world, monkeypatch):
    await world.ensure()
    await world.api.edit("Secret", "momentum-keys", {"data": {"api-key": None}})
    world.watch()
    real = world.client.get

    async def overtaken(*arguments):
        found = await real(*arguments)
        await world.api.edit("Secret", "momentum-keys", {"metadata": {"annotations": {"some": "other"}}})
        return found

    monkeypatch.setattr(world.client, "get", overtaken)
    with pytest.raises(TemporaryError, match="was changed while it was looked at"):
        await world.ensure()
    assert "api-key" not in world.data("keys")


async def test_addresses_are_copied_and_follow_the_installation(world):
    assert not world.secrets.wired()
    await world.ensure()
    assert world.complete()
    assert world.api.get("Secret", "momentum-storage") is None
    (world.directory / "bus-url").write_text("redis://a\n")
    assert world.secrets.wired()
    assert not world.complete()
    await world.ensure()
    assert world.complete()
    assert world.data("storage") == {"bus-url": b"redis://a"}
    (world.directory / "bus-url").write_text("redis://another\n")
    assert not world.complete()
    await world.ensure()
    assert world.data("storage") == {"bus-url": b"redis://another"}


async def test_what_is_copied_is_not_to_be_guessed_from_what_is_told(world):
    """A hash of a password is a way to try passwords: it stands in no annotation."""
    (world.directory / "bus-url").write_text("redis://:secret@a")
    await world.ensure()
    written = world.api.get("Secret", "momentum-storage")["metadata"]["annotations"]
    assert written["tradewind.dev/applied-hash"] == "storage"
