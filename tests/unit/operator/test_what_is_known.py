"""What is known of bots and children is in order, whatever order the watch, lists and our own answers come in."""

from __future__ import annotations

import pytest

from tradewind.contracts.labels import INSTANCE
from tradewind_operator.bots import Bots
from tradewind_operator.children import Children
from tradewind_operator.kinds import BY_KIND

CONFIG = BY_KIND["ConfigMap"]


def config(version, *, uid="1", instance="momentum", namespace="a", name="momentum-manifest", data="x"):
    labels = {INSTANCE: instance} if instance else {}
    metadata = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version), "labels": labels}
    return {"metadata": metadata, "data": {"bot.yaml": data}}


def bot(version, uid="1", name="momentum"):
    return {"metadata": {"namespace": "a", "name": name, "uid": uid, "resourceVersion": str(version)}, "spec": {}}


@pytest.fixture
def children():
    return Children()


def names(children, key="a/momentum"):
    return sorted(name for _, name in children.of(key))


def test_an_answer_that_its_own_deletion_has_overtaken_makes_no_child(children):
    """Nothing would ever tell that it is not there."""
    assert children.remove(CONFIG, config(11)) == {"a/momentum"}
    assert not children.answered(CONFIG, config(10))
    assert names(children) == []
    assert children.answered(CONFIG, config(12, uid="2"))
    assert names(children) == ["momentum-manifest"]


def test_an_answer_in_another_namespace_is_not_overtaken(children):
    children.remove(CONFIG, config(11, namespace="b"))
    assert children.answered(CONFIG, config(10))


def test_a_list_does_not_take_away_what_was_made_after_it(children):
    children.put(CONFIG, config(5, name="old"))
    children.answered(CONFIG, config(12, name="new"))
    children.put(CONFIG, config(6, namespace="b", name="elsewhere"))
    assert children.keep_only(CONFIG, "a", [], 10) == {"a/momentum"}
    assert names(children) == ["new"]
    assert names(children, "b/momentum") == ["elsewhere"]
    assert children.count() == 2


def test_an_older_event_changes_nothing(children):
    assert children.put(CONFIG, config(7)) == {"a/momentum"}
    assert children.put(CONFIG, config(6)) == set()
    assert children.remove(CONFIG, config(6)) == set()
    assert children.remove(CONFIG, config(8, uid="another")) == set()
    assert names(children) == ["momentum-manifest"]


@pytest.mark.parametrize(("instance", "concerned"), [("other", {"a/momentum", "a/other"}), ("", {"a/momentum"})])
def test_a_child_whose_label_was_changed_is_missed_by_its_bot(children, instance, concerned):
    """Both bots are looked at: the one that lost it and the one that seems to have it."""
    children.put(CONFIG, config(5))
    assert children.put(CONFIG, config(6, instance=instance)) == concerned
    assert names(children) == []
    assert children.put(CONFIG, config(7)) == concerned
    assert names(children) == ["momentum-manifest"]


def test_the_predecessor_of_a_bot_does_not_come_back():
    """Its last events may come after the first ones of its successor."""
    bots = Bots()
    assert bots.put(bot(10, uid="new"))
    assert not bots.put(bot(9, uid="old"))
    assert bots.remove(bot(11, uid="old")) is None
    assert bots.get("a/momentum").uid == "new"


def test_an_answer_about_a_bot_that_is_gone_makes_no_bot():
    bots = Bots()
    bots.put(bot(10))
    assert not bots.answered(bot(11)), "nobody wishes anything else"
    assert bots.get("a/momentum").version == 11
    released = bot(12)
    released["metadata"]["finalizers"] = ["some"]
    assert bots.answered(released), "a watch that tells of it later is not listened to"
    bots.remove(bot(13))
    assert not bots.answered(bot(13))
    assert bots.get("a/momentum") is None
    assert bots.ends == 1
