"""Alerts and dashboards ask for what the code declares, by labels that it has; runbooks are there."""

from __future__ import annotations

import re

import pytest

from tests.deploy.queries import RECORDED, ROOT, alerts, asked, family, queries, rules
from tests.deploy.test_metrics import metrics  # noqa: F401  (a fixture)

SCRAPED = {"role", "instance", "job", "le", "alertstate"}
"""Labels that Prometheus adds, or every histogram has."""
RUNBOOKS = ROOT / "docs/operations/alerts"
HEADINGS = ["What it means", "How to see it", "What to do", "How to know that it is over", "Tried"]


@pytest.fixture(scope="module")
def declared(metrics):  # noqa: F811
    return metrics.declared()


def test_every_metric_in_every_query_is_declared_by_the_code(declared):
    unknown = {
        (query.where, name)
        for query in queries()
        for name in query.metrics
        if name not in declared
        and not (family(name) in declared and declared[family(name)].type == "histogram")
    }
    assert unknown == set()


def test_queries_ask_for_histograms_by_their_series(declared):
    bare = {
        (query.where, name)
        for query in queries()
        for name in query.metrics
        if name in declared and declared[name].type == "histogram"
    }
    assert bare == set()


def test_queries_select_and_group_by_labels_that_a_metric_of_theirs_has(declared):
    unknown = set()
    for query in queries():
        known = SCRAPED.union(*(declared[family(name)].labels for name in query.metrics))
        unknown |= {(query.where, label) for label in query.labels - known}
    assert unknown == set()


def test_what_is_recorded_is_used_and_what_is_used_is_recorded():
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {name for query in queries() for name in RECORDED.findall(query.text)}
    assert recorded == used


def test_every_metric_has_a_dashboard_or_an_alert_or_is_a_detail(declared):
    """New metrics are shown to people; these are for a closer search."""
    shown = {family(name) if name not in declared else name for query in queries() for name in query.metrics}
    details = {name.removeprefix("sharpstream_") for name in declared.keys() - shown}
    assert details == {
        "accelerator_memory_bytes", "batch_waiting", "cancellations_known", "ledger_dead_total",
        "ledger_events_total", "ledger_lost_total", "ledger_parked_total", "ledger_repeated_total",
        "ledger_unmatched_endings_total", "mails_total", "network_bytes", "network_fetches_total",
        "orphans_total",
        "partner_events_total", "partner_partitions", "partner_rejections_total", "partner_suspensions_total",
        "partner_unreadable_records_total", "preemptions_total", "processor_handled_total",
        "progress_dropped_total", "projector_handling_seconds", "projector_records_in_hand",
        "retention_erased_total", "sandbox_lacking", "stream_readers_dropped_total", "webhook_due",
        "webhook_fanned_total",
        "webhook_given_up_total", "webhook_in_flight", "webhook_seconds", "webhook_stale_total",
        "webhook_undecodable_total", "worker_seconds",
    }  # fmt: skip


def test_each_alert_asks_for_something():
    for rule in alerts():
        assert asked(rule) or "up{" in rule["expr"], rule["alert"]


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    assert {rule["annotations"]["runbook"] for rule in alerts()} == {
        str(path.relative_to(ROOT)) for path in RUNBOOKS.glob("*.md")
    }


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_answers_the_questions_of_whom_it_wakes(path):
    text = path.read_text()
    assert text.startswith(f"# {path.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    named = set(re.findall(r"`(sharpstream_\w+)", text))
    (rule, *_) = [rule for rule in alerts() if rule["alert"] == path.stem]
    assert rule["alert"] == "RoleDown" or named & {family(name) for name in asked(rule)}, "names no metric"
