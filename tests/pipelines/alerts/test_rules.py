"""Claims about the rules of alerts: what a rule may say, and what is said of one that cannot be used."""

import re
import tomllib
from typing import Any

import pytest

from pipelines.alerts import KEYS, Rule, rules_of
from pipelines.alerts.rules import VALUES
from pipelines.errors import Misconfigured
from pipelines.settings import ROOT, alert_settings

DOCUMENT = (ROOT / "docs" / "monitoring.md").read_text()


def test_rules_come_from_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS__RULES", '[{"when": "grew", "percent": 2.5, "segments": ["Paying"]}, {"when": "empty"}]')

    assert rules_of(alert_settings().rules) == (Rule("grew", ("Paying",), percent=2.5), Rule("empty"))


def test_the_example_in_the_document_can_be_used_and_has_each_kind_of_rule() -> None:
    (example,) = re.findall(r"^```toml\n(\[alerts\].*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)

    rules = rules_of(tomllib.loads(example)["alerts"]["rules"])

    assert {rule.when for rule in rules} | {"grew"} == KEYS.keys()
    assert {key for keys in KEYS.values() for key in keys} == {key for key in VALUES if f"{key} = " in example}


def test_without_a_configuration_there_is_no_rule_and_no_alert_changes_the_exit_code() -> None:
    assert (alert_settings().rules, alert_settings().fail) == ([], False)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({}, "does not say when it fires"),
        ({"when": "grwe", "members": 1}, "Did you mean grew?"),
        ({"when": ["grew"]}, "Use one of"),
        ({"when": "grew"}, "neither percent nor members"),
        ({"when": "grew", "percnt": 1}, "Did you mean percent?"),
        ({"when": "empty", "members": 1}, "takes segments"),
        ({"when": "fields_changed", "segments": ["A"]}, "takes nothing else"),
        ({"when": "stale"}, "has no hours"),
        ({"when": "stale", "hours": 0}, "a number greater than 0"),
        ({"when": "grew", "percent": True}, "a number"),
        ({"when": "grew", "percent": float("nan")}, "a number"),
        ({"when": "grew", "members": 1.5}, "a whole number"),
        ({"when": "grew", "members": -1}, "a whole number"),
        ({"when": "grew", "members": 1, "since": "days"}, "Did you mean day?"),
        ({"when": "empty", "segments": "Active"}, "a list of names"),
        ({"when": "empty", "segments": []}, "a list of names"),
        ({"when": "empty", "segments": [" "]}, "a list of names"),
        ("empty", r"\[\[alerts.rules\]\]"),
    ],
)
def test_a_rule_that_cannot_be_used_is_one_sentence_with_its_number(rule: Any, reason: str) -> None:
    with pytest.raises(Misconfigured, match=reason) as raised:
        rules_of([{"when": "empty"}, rule])

    assert str(raised.value).startswith("Alert rule 2 ")
    assert str(raised.value).endswith("docs/monitoring.md describes the rules.")


@pytest.mark.parametrize("found", [{"when": "empty"}, "empty", None, 7])
def test_rules_that_are_no_list_are_refused(found: Any) -> None:
    with pytest.raises(Misconfigured, match="has to be a list"):
        rules_of(found)


@pytest.mark.parametrize("text", ["empty", "[", '[{"when": "empty"}'])
def test_a_variable_without_json_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ALERTS__RULES", text)

    with pytest.raises(Misconfigured):
        rules_of(alert_settings().rules)
