"""What pods leave becomes a status that the API server takes, whatever they leave."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import jsonschema_rs
import pytest

from tradewind.contracts.api.backtest import Search
from tradewind.contracts.api.backtest_crd import crd
from tradewind.contracts.api.backtest_status import FIGURES, MOST_VALUES
from tradewind.research.backtest_job import LONGEST_MESSAGE, message_text
from tradewind_operator.backtest_status import Told, finished, is_over, refused, running, status_of, told_by
from tradewind_operator.children import JobFacts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RESOURCE = {"metadata": {"generation": 1}, "spec": {"strategies": [{"name": "trend"}, {"name": "breakout"}]}}
DONE = JobFacts(succeeded=True, failed=False, message="", began="2026-01-01T00:00:00Z", ended="2026-01-01T00:01:30Z")
LOST = JobFacts(succeeded=False, failed=True, message="it has failed", reason="BackoffLimitExceeded")
STATUS = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]


def pod(code=0, message="", index=0, container="backtest", kind="containerStatuses"):
    ended = {"exitCode": code, "message": message, "reason": "Error" if code else "Completed"}
    return {
        "metadata": {"annotations": {"batch.kubernetes.io/job-completion-index": str(index)}},
        "status": {kind: [{"name": container, "state": {"terminated": ended}}]},
    }


def result(**more):
    return {"name": "AsItStands", "trades": 3, "profit": "1.5", **more}


def checked(standing):
    found = status_of(standing, RESOURCE, NOW)
    jsonschema_rs.validator_for(STATUS).validate(found)
    return found


def condition(found, kind):
    return next(one for one in found["conditions"] if one["type"] == kind)


def test_results_times_and_trials_are_taken_over():
    """And a look at what was written has nothing new to say, however much later."""
    first, second = json.dumps({"trials": 4}), json.dumps({"trials": 5, "results": [result()]})
    found = checked(finished(DONE, told_by([pod(message=first), pod(message=second, index=1)])))
    assert (found["trials"], found["seconds"], found["strategies"]) == (9, 90, "trend,breakout")
    assert found["results"] == [result()]
    statuses = {one["type"]: one["status"] for one in found["conditions"]}
    assert statuses == {"Complete": "True", "Failed": "False", "Reconciled": "True"}
    again = {**RESOURCE, "status": found}
    assert status_of(finished(DONE, Told((result(),), 9)), again) == found
    assert is_over(again)
    assert not is_over({**RESOURCE, "status": checked(running(None))})


def test_a_pod_that_was_made_twice_counts_once():
    """Both have counted the trials of the same share."""
    told = told_by([pod(message='{"trials": 4}'), pod(137, "x"), pod(message='{"trials": 4}')])
    assert told.trials == 4


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no JSON",
        "[]",
        '{"results": "none"}',
        '{"results": [1, {"name": "Luck"}]}',
        '{"results": [{"name": "Best", "trades": "many", "sharpe": 1, "new": "x", "values": [1]}]}',
        json.dumps({"results": [{"name": "Best", "profit": "9" * 100, "values": {"a": "b" * 300}}], "trials": "2"}),
        json.dumps({"results": [{"name": "Best", "loss": "9" * 100}]}),
    ],
)
def test_nothing_that_a_pod_leaves_makes_a_status_that_is_refused(message):
    found = checked(finished(DONE, told_by([pod(message=message)])))
    assert condition(found, "Complete")["status"] == "True"


MIGRATE = {"container": "migrate", "kind": "initContainerStatuses"}


@pytest.mark.parametrize(
    ("pods", "reason", "message"),
    [
        ([pod(3, "spec.data.path: received x")], "Refused", "spec.data.path: received x"),
        ([pod(137, "a\nlast line"), pod(3, "a sentence")], "Refused", "a sentence"),
        ([pod(137, "a\nlast line")], "BackoffLimitExceeded", "container backtest ended with exit code 137: last line"),
        ([pod(6, "no server", **MIGRATE)], "BackoffLimitExceeded", "container migrate ended with exit code 6"),
        ([pod(3, "", **MIGRATE)], "BackoffLimitExceeded", "code 3: Error"),
        ([], "BackoffLimitExceeded", "it has failed"),
    ],
)
def test_a_failure_is_told_by_who_failed(pods, reason, message):
    failed = condition(checked(finished(LOST, told_by(pods))), "Failed")
    assert (failed["status"], failed["reason"]) == ("True", reason)
    assert message in failed["message"]


def test_what_is_refused_before_a_job_is_made_is_a_condition():
    """It waits for what is missing; what can never be is over."""
    found = checked(refused("StorageMissing", "no database"))
    assert {one["status"] for one in found["conditions"]} == {"False"}
    assert not is_over({**RESOURCE, "status": found})
    assert is_over({**RESOURCE, "status": checked(refused("InvalidSpec", "x" * 9000, failed=True))})


def test_pods_that_cannot_begin_are_told_while_they_cannot():
    found = checked(running(None, ("pod a waits: no node takes it", "pod b waits: no node takes it")))
    complete = condition(found, "Complete")
    assert (complete["status"], complete["reason"]) == ("False", "PodsWaiting")
    assert complete["message"] == "pod a waits: no node takes it; pod b waits: no node takes it"
    assert condition(checked(running(None)), "Complete")["reason"] == "Running"


def test_the_longest_message_fits_into_what_a_kubelet_takes():
    """As many varied fields as there may be, each as long as it may be."""
    longest = Search.model_json_schema()["properties"]["vary"]
    assert longest["maxItems"] == MOST_VALUES
    values = {f"spec.strategies[0].parameters.{'x' * 98}{number:02}": "y" * 29 for number in range(MOST_VALUES)}
    assert max(len(f"{name}={value}") for name, value in values.items()) == longest["items"]["maxLength"]
    figures = dict.fromkeys(FIGURES, "-1234567890.12345678")
    whole = [{"name": name, "candles": 10**9, "trades": 10**6, **figures} for name in ("Best", "AsItStands")]
    whole[0] |= {"loss": "-1234567.123456", "values": values}
    assert len(message_text({"trials": 100_000, "results": whole})) <= LONGEST_MESSAGE
