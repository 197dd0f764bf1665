"""The end of a bot: who is asked what, in which order, what is told of it, and that it ends in any case."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

import pytest

from tradewind.contracts.labels import FINALIZER, INSTANCE
from tradewind.domain.errors import PermanentError, TemporaryError
from tradewind_operator.apiclient import ApiError
from tradewind_operator.bots import read_bot
from tradewind_operator.children import Children
from tradewind_operator.kinds import JOB, POD
from tradewind_operator.manifests import Site
from tradewind_operator.release import Release

BOT = {
    "apiVersion": "tradewind.dev/v1alpha1",
    "kind": "TradingBot",
    "metadata": {
        "name": "momentum",
        "namespace": "default",
        "uid": "u1",
        "resourceVersion": "7",
        "finalizers": [FINALIZER],
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    },
    "spec": {
        "exchanges": [{"name": "paper"}],
        "pairs": {"include": ["AAA/EUR"]},
        "timeframe": "1m",
        "strategies": [{"name": "reversion", "kind": "RsiMeanReversion"}],
        "capital": {"currency": "EUR", "startingBalance": "1000"},
        "data": {"source": "Synthetic"},
    },
}


class Gone:
    """An API server where the resource has another uid, or is not there, since the watch was last heard of."""

    def __init__(self, uid):
        self._uid = uid

    async def apply(self, *_, **__):
        raise ApiError(
            409, "Conflict", "uid mismatch: the provided object specified uid u1, and no existing object was found"
        )

    async def get(self, *_):
        return self._uid and {"metadata": {"uid": self._uid}}


class Silent:
    async def record(self, *_, **__):
        """Nobody listens."""

    def forget(self, _uid):
        """Nothing was remembered."""


def release(uid):
    return Release(Gone(uid), children=Children(), running=Silent(), events=Silent(), site=None, timeout=30)


@pytest.mark.parametrize("uid", [None, "u2"], ids=["gone", "a successor of its name"])
async def test_a_bot_that_went_meanwhile_is_done_and_no_error(uid):
    assert await release(uid).finish(read_bot(BOT)) is None


async def test_a_conflict_about_a_bot_that_is_there_is_told():
    with pytest.raises(ApiError):
        await release("u1").finish(read_bot(BOT))


# ------------------------------------------------------------------------------------------------ what is open is ended

SITE = Site(image="tradewind", operator_namespace="system", storage_wired=False, version="0")


def dying(*, policy="CancelOrders", ago=0.0, venue="Simulated", **spec):
    """A bot whose orders would outlive it, deleted `ago` seconds ago."""
    found = copy.deepcopy(BOT)
    found["metadata"]["deletionTimestamp"] = f"{datetime.now(UTC) - timedelta(seconds=ago):%Y-%m-%dT%H:%M:%SZ}"
    found["spec"] |= {"deletionPolicy": policy, "exchanges": [{"name": "paper", "venue": venue}], **spec}
    return read_bot(found)


class Bot:
    """A running bot, as the operator asks it: each question is answered as `answers` has it, or nobody answers."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def _answer(self, question):
        self.asked.append(question)
        found = self.answers.get(question, TemporaryError(f"{question}: silent"))
        if isinstance(found, Exception):
            raise found
        return found

    async def emergency_stop(self, _bot, _reason, *, flatten):
        return self._answer("flatten" if flatten else "stop")

    async def cancel_orders(self, _bot):
        return self._answer("cancel")

    async def open_positions(self, _bot):
        return self._answer("positions")

    def forget(self, _uid):
        self.asked.append("forgotten")


class Cluster:
    """An API server that takes Jobs, unless it is to refuse them, and the finalizer's end; and its Events."""

    def __init__(self, refusal=None):
        self.refusal, self.jobs, self.finalizers, self.events = refusal, [], [], []

    async def create(self, resource, manifest):
        assert resource is JOB
        if self.refusal is not None:
            raise self.refusal
        self.jobs.append({**manifest, "metadata": {**manifest["metadata"], "uid": "j1", "resourceVersion": "9"}})
        return self.jobs[-1]

    async def apply(self, _resource, manifest, _manager):
        self.finalizers.append(manifest["metadata"]["finalizers"])
        return manifest

    async def record(self, _resource, reason, note, **_):
        self.events.append((reason, note))


class End:
    """A release, and everybody it talks to."""

    def __init__(self, *, refusal=None, timeout=30.0, **answers):
        self.bot, self.cluster, self.children = Bot(**answers), Cluster(refusal), Children()
        self.release = Release(
            self.cluster,
            children=self.children,
            running=self.bot,
            events=self.cluster,
            site=lambda: SITE,
            timeout=timeout,
        )

    @property
    def over(self):
        """Whether the finalizer was taken off, and what was told of it."""
        return (self.cluster.finalizers == [[]]), self.cluster.events


CLEAN = {"troubles": []}
NOTHING_OPEN = [("Released", "no order of the bot is open")]


@pytest.mark.parametrize("bot", [dying(policy="Leave"), dying(venue="Paper")], ids=["leave", "paper"])
async def test_where_nothing_is_to_be_ended_nobody_is_asked(bot):
    end = End()
    assert await end.release.finish(bot) is None
    assert (end.bot.asked, end.over) == (["forgotten"], (True, NOTHING_OPEN))


async def test_without_a_finalizer_there_is_nothing_to_do():
    bot = copy.deepcopy(BOT)
    bot["metadata"]["finalizers"] = []
    end = End()
    assert await end.release.finish(read_bot(bot)) is None
    assert (end.bot.asked, end.over) == ([], (False, []))


async def test_the_engine_is_asked_first_and_is_enough():
    end = End(stop=CLEAN)
    assert await end.release.finish(dying()) is None
    assert (end.bot.asked, end.over) == (["stop", "forgotten"], (True, NOTHING_OPEN))


async def test_where_the_engine_is_silent_execution_cancels():
    end = End(cancel=CLEAN)
    assert await end.release.finish(dying()) is None
    assert (end.bot.asked, end.over) == (["stop", "cancel", "forgotten"], (True, NOTHING_OPEN))


async def test_positions_are_sold_before_a_bot_goes_that_is_to_be_flat():
    """It is looked at again, but not told twice."""
    end = End(flatten=CLEAN, positions=2)
    pause = await end.release.finish(dying(policy="Flatten"))
    assert 0 < pause < 1
    assert end.over == (False, [])
    end.bot.answers["positions"] = 0
    assert await end.release.finish(dying(policy="Flatten")) is None
    assert end.bot.asked == ["flatten", "positions", "positions", "forgotten"]
    assert end.over == (True, NOTHING_OPEN)


@pytest.mark.parametrize(
    ("policy", "answers", "stops", "told"),
    [
        ("CancelOrders", {"stop": {"troubles": ["order a1 is Unknown"]}}, 2, "order a1 is Unknown"),
        ("Flatten", {"cancel": CLEAN}, 2, "the engine is silent, so positions could not be sold"),
        ("Flatten", {"flatten": CLEAN, "positions": 3}, 1, "3 positions are still being sold"),
        ("CancelOrders", {}, 2, "orders may still be open: nobody answered within 30 s"),
    ],
)
async def test_what_is_still_open_at_the_bound_is_told_and_the_bot_goes(policy, answers, stops, told):
    """Until then it is asked again and again, but for an emergency stop that has done all it can."""
    end = End(**answers)
    for _ in range(2):
        assert 0 < await end.release.finish(dying(policy=policy)) <= 0.5
    assert len([question for question in end.bot.asked if question in ("stop", "flatten")]) == stops
    end.release._began -= timedelta(seconds=31)
    assert await end.release.finish(dying(policy=policy, ago=31)) is None
    assert end.over == (True, [("ReleaseIncomplete", told)])


async def test_an_operator_that_was_down_meanwhile_still_tries():
    """The bound begins when it does: a bot that was deleted an hour ago may have orders all the same."""
    end = End()
    assert await end.release.finish(dying(ago=3600)) is not None
    assert len(end.cluster.jobs) == 1


# ------------------------------------------------------------------------------------------- a Job where no pod answers


def after(job, condition):
    """A Job as the watch tells it later."""
    return {**job, "metadata": {**job["metadata"], "resourceVersion": "10"}, "status": {"conditions": [condition]}}


async def test_a_job_of_the_bot_cancels_where_no_pod_answers():
    """One, however often it is looked at; when it has succeeded the bot goes."""
    end = End(stop=PermanentError("engine refuses"))
    for _ in range(3):
        assert await end.release.finish(dying()) is not None
    (job,) = end.cluster.jobs
    assert job["metadata"]["ownerReferences"][0]["uid"] == "u1"
    end.children.put(JOB, after(job, {"type": "Complete", "status": "True"}))
    assert await end.release.finish(dying()) is None
    assert end.over == (True, NOTHING_OPEN)


def pod(*, ready):
    """A pod of the bot as its watch tells it."""
    return {
        "metadata": {
            "name": "momentum-0",
            "namespace": "default",
            "uid": "p1",
            "resourceVersion": "8",
            "labels": {INSTANCE: "momentum"},
        },
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


async def test_a_bot_whose_pods_are_ready_is_asked_again_before_a_job_is_made():
    """One question that was lost is no reason to have a second process at the venue."""
    end = End()
    end.children.put(POD, pod(ready=True))
    for _ in range(2):
        assert await end.release.finish(dying()) is not None
    assert (end.bot.asked.count("stop"), end.cluster.jobs) == (2, [])
    end.bot.answers["stop"] = CLEAN
    assert await end.release.finish(dying()) is None
    assert end.over == (True, NOTHING_OPEN)


async def test_a_job_is_made_when_ready_pods_were_silent_for_a_third_of_the_bound(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("tradewind_operator.release.time.monotonic", lambda: now[0])
    end = End(timeout=30.0)
    end.children.put(POD, pod(ready=True))
    await end.release.finish(dying())
    now[0] += 9.9
    await end.release.finish(dying())
    assert end.cluster.jobs == []
    now[0] += 0.1
    await end.release.finish(dying())
    assert len(end.cluster.jobs) == 1


async def test_no_time_is_lost_where_no_pod_is_ready():
    end = End()
    end.children.put(POD, pod(ready=False))
    await end.release.finish(dying())
    assert len(end.cluster.jobs) == 1


async def test_a_job_that_failed_is_told():
    end = End()
    await end.release.finish(dying())
    failed = {"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}
    end.children.put(JOB, after(end.cluster.jobs[0], failed))
    assert await end.release.finish(dying()) is None
    done, ((reason, note),) = end.over
    assert (done, reason) == (True, "ReleaseIncomplete")
    assert "Job momentum-release failed: BackoffLimitExceeded" in note


async def test_a_job_that_may_not_be_made_holds_nobody_up():
    """A quota, or an admission webhook."""
    end = End(refusal=ApiError(403, "Forbidden", "exceeded quota"))
    assert await end.release.finish(dying()) is None
    assert end.over == (
        True,
        [("ReleaseIncomplete", "no pod answers, and the Job that would is refused: exceeded quota")],
    )


async def test_a_job_that_could_not_be_made_now_is_tried_again():
    end = End(refusal=ApiError(429, "TooManyRequests", "later"))
    with pytest.raises(ApiError):
        await end.release.finish(dying())
    assert end.over == (False, [])


async def test_a_bot_that_cannot_be_read_any_more_is_asked_all_the_same():
    """It may have traded while its spec could still be read; no Job can be made of it."""
    unreadable = {"strategies": [{"name": "x", "kind": "NoSuchStrategy"}]}
    end = End(stop=CLEAN)
    assert await end.release.finish(dying(**unreadable)) is None
    assert end.over == (True, NOTHING_OPEN)
    silent = End()
    assert await silent.release.finish(dying(**unreadable)) is not None
    assert (silent.cluster.jobs, silent.over) == ([], (False, []))
