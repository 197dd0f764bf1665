"""A child is written as the object that it is known to be, and nobody else's object ever is."""

from __future__ import annotations

import pytest

from tradewind.contracts.labels import APPLIED_HASH, INSTANCE, OPERATOR
from tradewind.domain.errors import TemporaryError
from tradewind_operator.apiclient import ApiError
from tradewind_operator.bots import read_bot
from tradewind_operator.child_writes import ChildConflictError, ChildWrites, taken_over
from tradewind_operator.children import read_child
from tradewind_operator.kinds import BY_KIND, CLAIM

CONFIG = BY_KIND["ConfigMap"]
BOT = read_bot({"metadata": {"namespace": "a", "name": "momentum", "uid": "bot", "resourceVersion": "1"}, "spec": {}})


def stored(uid="1", owner="bot", owner_name="momentum", **metadata):
    owners = [{"kind": "TradingBot", "name": owner_name, "uid": owner, "controller": True}] if owner else []
    return {
        "metadata": {"namespace": "a", "name": "momentum-manifest", "uid": uid, "resourceVersion": "7",
                     "labels": {INSTANCE: "momentum"}, "ownerReferences": owners, **metadata},
    }  # fmt: skip


MANIFEST = {"metadata": {"namespace": "a", "name": "momentum-manifest", "labels": {}}, "data": {"b": "c"}}


class Server:
    """Holds one object; conditions of an apply are held to it as kube-apiserver does. `refuses` is for lists."""

    def __init__(self, found=None):
        self.found, self.done, self.refuses = found, [], 0

    async def apply(self, resource, manifest, manager):
        metadata = manifest["metadata"]
        if self.found is None and "uid" in metadata:
            raise ApiError(409, "Conflict", "uid mismatch: no existing object was found")
        if self.found is not None and metadata.get("resourceVersion", "7") != "7":
            raise ApiError(409, "Conflict", "the object has been modified")
        if self.found is not None and metadata.get("uid") != self.found["metadata"]["uid"]:
            raise ApiError(422, "Invalid", "metadata.uid: Invalid value: field is immutable")
        if self.refuses:
            self.refuses -= 1
            raise ApiError(422, "Invalid", "spec.ports[1].name: Duplicate value")
        self.done.append(("apply", metadata.get("uid")))
        return self.found or stored(uid="new")

    async def merge(self, resource, namespace, name, patch):
        self.done.append(("merge", sorted(patch)))
        return self.found

    async def find(self, resource, namespace, name):
        return self.found


async def write(server, known=None, resource=CONFIG):
    known = read_child(resource, known) if known is not None else None
    return await ChildWrites(server).make_so(BOT, resource, MANIFEST, known)


async def test_what_is_not_there_is_made():
    server = Server()
    assert (await write(server))["metadata"]["uid"] == "new"


async def test_what_is_known_is_changed_as_that_object():
    server = Server(stored())
    await write(server, stored())
    assert server.done == [("apply", "1")]


@pytest.mark.parametrize(
    "found",
    [stored(owner="", labels={}), stored(owner="", labels={INSTANCE: "other"}), stored(owner="x", owner_name="other")],
)
async def test_what_is_somebody_elses_is_named_and_not_touched(found):
    server = Server(found)
    with pytest.raises(ChildConflictError, match="ConfigMap momentum-manifest"):
        await write(server)
    assert server.done == []


@pytest.mark.parametrize(
    "found",
    [stored(), stored(owner=""), stored(owner="", labels={}, annotations={APPLIED_HASH: "some"})],
)
async def test_what_the_watch_has_not_told_of_is_taken_over(found):
    """The answer to its making was lost, or somebody has taken a label away."""
    server = Server(found)
    await write(server)
    assert server.done == [("apply", "1")]
    assert taken_over(BOT, CONFIG, found).uid == "1"


async def test_another_object_in_its_place_is_looked_at_before_it_is_written():
    server = Server(stored(uid="2", owner="x", owner_name="other"))
    with pytest.raises(ChildConflictError):
        await write(server, stored())
    assert server.done == []
    server = Server(stored(uid="2"))
    await write(server, stored())
    assert server.done == [("apply", "2")]


async def test_one_that_is_gone_is_made_again():
    server = Server()
    assert (await write(server, stored()))["metadata"]["uid"] == "new"


@pytest.mark.parametrize(
    "known", [stored(deletionTimestamp="2026-01-01T00:00:00Z"), stored(owner="former"), stored(owner="former", uid="3")]
)
async def test_what_is_ending_is_waited_for(known):
    """Also what a former bot of the same name has left, before anybody has marked it for deletion."""
    with pytest.raises(TemporaryError):
        await write(Server(known), known)


async def test_lists_are_replaced_where_what_is_applied_is_refused_beside_theirs():
    server = Server(stored())
    server.refuses = 1
    await write(server, stored())
    assert server.done == [("merge", ["data", "metadata"]), ("apply", "1")]
    server.refuses = 2
    with pytest.raises(ApiError, match="Duplicate"):
        await write(server, stored())


async def test_what_was_replaced_is_not_owned_twice():
    """A field that is owned by a merge as well is never taken away by a later apply that has it no more."""
    ours, merged, theirs = (
        {"manager": manager, "operation": operation, "apiVersion": "v1"}
        for manager, operation in ((OPERATOR, "Apply"), (OPERATOR, "Update"), ("person", "Update"))
    )
    server, patches = Server(stored(managedFields=[ours, merged, theirs])), []
    server.refuses = 1

    async def merge(resource, namespace, name, patch):
        patches.append(patch)
        return server.found

    server.merge = merge
    await write(server, stored())
    assert patches[-1] == {"metadata": {"uid": "1", "resourceVersion": "7", "managedFields": [ours, theirs]}}


async def test_of_a_claim_only_its_metadata_is_put_right():
    server = Server(stored())
    await write(server, stored(), CLAIM)
    assert server.done == [("merge", ["metadata"])]
