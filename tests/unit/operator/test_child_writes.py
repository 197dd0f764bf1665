"""A child is written as the object that it is known to be, and nobody else's object ever is."""

from __future__ import annotations

import pytest

from tradewind.contracts.labels import APPLIED_HASH, INSTANCE, OPERATOR
from tradewind.domain.errors import TemporaryError
from tradewind_operator.apiclient import ApiError
from tradewind_operator.bots import read_bot
from tradewind_operator.child_writes import ChildConflictError, ChildWrites, owned_once, taken_over
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


def managed(manager, operation, **fields):
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields}


APPLIED = managed(OPERATOR, "Apply", **{"f:data": {"f:b": {}}, "f:metadata": {"f:labels": {"f:one": {}}}})
MERGED = managed(OPERATOR, "Update", **{"f:metadata": {"f:labels": {".": {}, "f:two": {}}}})
PERSONS = managed("person", "Update", **{"f:data": {"f:theirs": {}}})
UNITED = {
    **APPLIED,
    "fieldsV1": {"f:data": {"f:b": {}}, "f:metadata": {"f:labels": {".": {}, "f:one": {}, "f:two": {}}}},
}
STATUS = {**managed(OPERATOR, "Update", **{"f:status": {}}), "subresource": "status"}
NAMELESS = {"operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {}}}
OLD = {**MERGED, "apiVersion": "v1beta1"}


def test_fields_of_a_merge_are_what_we_applied_from_then_on():
    assert owned_once([APPLIED, PERSONS, MERGED]) == [UNITED, PERSONS]
    assert owned_once([NAMELESS, MERGED, APPLIED, OLD]) == [NAMELESS, UNITED, OLD]


@pytest.mark.parametrize("managed", [[], [PERSONS, STATUS, APPLIED], [NAMELESS, MERGED], [APPLIED, OLD]])
def test_what_is_ours_once_stays_so(managed):
    assert owned_once(managed) is None


def test_a_field_that_is_owned_as_such_stays_so_beside_what_is_in_it():
    merged = managed(OPERATOR, "Update", **{"f:data": {}})
    (both,) = owned_once([APPLIED, merged])
    assert both["fieldsV1"]["f:data"] == {".": {}, "f:b": {}}


class OwnedTwice(Server):
    """What is merged is owned by us a second time, until who owns what is merged; `conflicts` times that is late."""

    def __init__(self, *owners, conflicts=0):
        super().__init__(stored(managedFields=list(owners)))
        self.conflicts = conflicts

    async def merge(self, resource, namespace, name, patch):
        self.done.append(("merge", sorted(patch)))
        if "managedFields" not in patch["metadata"]:
            self.found = stored(managedFields=[*self.found["metadata"]["managedFields"], MERGED])
            return self.found
        if self.conflicts:
            self.conflicts -= 1
            raise ApiError(409, "Conflict", "the object has been modified")
        assert (patch["metadata"]["uid"], patch["metadata"]["resourceVersion"]) == ("1", "7")
        self.found = stored(managedFields=patch["metadata"]["managedFields"])
        return self.found


WHOLE, OWNERS, APPLY = ("merge", ["data", "metadata"]), ("merge", ["metadata"]), ("apply", "1")


async def test_what_was_replaced_is_not_owned_twice():
    """A field that is owned by a merge as well is never taken away by a later apply that has it no more."""
    server = OwnedTwice(APPLIED, PERSONS)
    server.refuses = 1
    await write(server, stored())
    assert server.done == [WHOLE, APPLY, OWNERS, APPLY]
    assert server.found["metadata"]["managedFields"] == [UNITED, PERSONS]


async def test_what_is_left_of_a_merge_is_put_right_by_the_next_apply():
    """Whoever merged was killed before it said who owns what, or somebody wrote in between."""
    server = OwnedTwice(APPLIED, MERGED, conflicts=1)
    await write(server, stored())
    assert server.done == [APPLY, OWNERS, APPLY, OWNERS, APPLY]
    assert server.found["metadata"]["managedFields"] == [UNITED]
    server = OwnedTwice(APPLIED, conflicts=1)
    server.refuses = 1
    await write(server, stored())
    assert server.found["metadata"]["managedFields"] == [UNITED]


async def test_what_is_written_by_others_all_the_time_is_tried_again_later():
    server = OwnedTwice(APPLIED, MERGED, conflicts=2)
    with pytest.raises(TemporaryError, match="is being changed by others"):
        await write(server, stored())
    await write(server, stored())
    assert server.found["metadata"]["managedFields"] == [UNITED]


async def test_of_a_claim_only_its_metadata_is_put_right():
    server = Server(stored())
    await write(server, stored(), CLAIM)
    assert server.done == [("merge", ["metadata"])]
