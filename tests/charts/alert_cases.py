"""Cases of alerts, short, as promtool wants them long.

`alerts/GROUP.yaml` holds for each alert of a group: `fires` with the `series` (name -> promtool's values, one a minute)
for which it fires, the minute `at` which it has and, of what it says, `labels` and `summary`; and `quiet` with series
just below for which it does not fire at that minute. `before` is a minute at which the first series is not enough yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from tests.charts.queries import RULES, alerts, rules_of

CASES = Path(__file__).parent / "alerts"
Case = dict[str, Any]


def cases() -> dict[str, list[Case]]:
    """The cases of each group of rules."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted(CASES.glob("*.yaml"))}


def played(group: str) -> dict[str, Any]:
    """The document for `promtool test rules`."""
    by_name = {rule["alert"]: rule for rule in alerts()}
    tests = []
    for case in cases()[group]:
        rule, fires, quiet = by_name[case["alert"]], case["fires"], case["quiet"]
        told = {
            "exp_labels": rule["labels"] | fires["labels"],
            "exp_annotations": rule["annotations"] | {"summary": fires["summary"]},
        }
        checks = [_check(rule, fires["at"], [told])]
        if "before" in fires:
            checks.append(_check(rule, fires["before"], []))
        tests.append(_test(f"{case['alert']} fires", fires["series"], checks))
        tests.append(_test(f"{case['alert']} is quiet", quiet["series"], [_check(rule, fires["at"], [])]))
    # An alert asks nothing of other alerts: those of other groups would be evaluated each minute for nobody.
    rules = [path for path in RULES if path.stem == group or not any("alert" in rule for rule in rules_of(path))]
    return {"rule_files": list(map(str, rules)), "evaluation_interval": "1m", "tests": tests}


def _test(name: str, series: dict[str, str], checks: list[dict[str, Any]]) -> dict[str, Any]:
    given = [{"series": one, "values": str(values)} for one, values in series.items()]
    return {"name": name, "interval": "1m", "input_series": given, "alert_rule_test": checks}


def _check(rule: dict[str, Any], minute: int, expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {"eval_time": f"{minute}m", "alertname": rule["alert"], "exp_alerts": expected}
