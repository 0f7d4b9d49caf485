"""The dashboard of operators: is it working."""

from __future__ import annotations

from typing import Final

from panels import Board, Panel, rates

OPERATORS: Final = Board(
    uid="sharpstream-operators",
    title="Sharpstream: is it working",
    says="For operators: what is wrong now, and where. Red is what an alert says.",
    rows={
        "Now": (
            Panel(
                title="Alerts",
                says="Alerts that fire; each has a runbook in docs/operations/alerts.",
                queries={'sum(ALERTS{alertstate="firing"}) or vector(0)': "alerts"},
                bad=1,
                big=True,
                width=4,
            ),
            Panel(
                title="Roles that answer",
                says="Processes whose metrics could be read, by role.",
                queries={'sum by (role) (up{job="sharpstream"})': "{{role}}"},
                big=True,
                width=12,
            ),
            Panel(
                title="Not ready",
                says="Processes that run and are not ready.",
                queries={"sum(1 - sharpstream_ready) or vector(0)": "processes"},
                bad=1,
                big=True,
                width=4,
            ),
            Panel(
                title="Active relays",
                says="Exactly one relay publishes.",
                queries={"sum(sharpstream_relay_active) or vector(0)": "relays"},
                big=True,
                width=4,
            ),
        ),
        "Events": (
            Panel(
                title="Outbox: age of the oldest row",
                says="How long an accepted photo has waited to be published.",
                queries={"max(sharpstream_relay_oldest_seconds)": "oldest"},
                unit="s",
                bad=60,
            ),
            Panel(
                title="Outbox: rows",
                says="Rows that wait, and rows that are held until a bulk job of their account ends.",
                queries={
                    "max(sharpstream_relay_waiting)": "waiting",
                    "max(sharpstream_relay_held)": "held",
                },
            ),
            Panel(
                title="Published and projected",
                says="Outbox rows published, and records projected by each projector, a second.",
                queries=rates("sharpstream_relay_published_total", legend="published")
                | rates("sharpstream_projector_records_total", "projector"),
                unit="ops",
            ),
            Panel(
                title="Lag of readers, in time",
                says="Age of the first record that a reader has not finished.",
                queries={"max by (reader, topic) (sharpstream_lag_seconds)": "{{reader}} {{topic}}"},
                unit="s",
                width=12,
            ),
            Panel(
                title="Lag as a share of the retention",
                says="At 100 % Kafka removes records that were not read.",
                queries={
                    "max by (reader, topic) (sharpstream_lag_seconds) / on (topic) group_left ()"
                    " max by (topic) (sharpstream_topic_retention_seconds)": "{{reader}} {{topic}}",
                },
                unit="percentunit",
                bad=0.5,
                width=12,
            ),
        ),
        "Proof": (
            Panel(
                title="Exceptions to invariants",
                says="Must be 0, each.",
                queries={"max by (rule) (sharpstream_ledger_exceptions)": "{{rule}}"},
                bad=1,
            ),
            Panel(
                title="Since the last check",
                says="A check of each invariant is due every hour.",
                queries={
                    "time() - max by (rule) (sharpstream_ledger_checked_timestamp_seconds)": "{{rule}}",
                },
                unit="s",
                bad=7200,
            ),
            Panel(
                title="Left for a person",
                says="Dead letters to redrive or discard, and parked records.",
                queries={
                    "max by (topic) (sharpstream_dead_letters_open)": "{{topic}}",
                    "max by (projector) (sharpstream_parked_events)": "parked by {{projector}}",
                },
                bad=1,
            ),
            Panel(
                title="Background work that failed",
                says="Rounds in the last half hour; now and then one is normal.",
                queries={
                    "sum by (role, work)"
                    " (increase(sharpstream_periodic_failed_total[30m]))": "{{role}} {{work}}",
                },
            ),
            Panel(
                title="Checks that failed",
                says="Ranges of an invariant that took too long or could not be read.",
                queries={
                    "sum by (reason) (increase(sharpstream_ledger_checks_failed_total[1h]))": "{{reason}}"
                },
            ),
            Panel(
                title="Workers lost",
                says="Confined workers that read photos or convert splats, by what ended them.",
                queries={
                    "sum by (role, why) (increase(sharpstream_worker_lost_total[30m]))": "{{role}} {{why}}",
                    "sum by (why)"
                    " (increase(sharpstream_export_workers_lost_total[30m]))": "converter {{why}}",
                },
            ),
        ),
        "Webhooks": (
            Panel(
                title="Attempts",
                says="By outcome, a second.",
                queries=rates("sharpstream_webhook_attempts_total", "outcome"),
                unit="ops",
                width=6,
            ),
            Panel(
                title="Due, and how long",
                says="Deliveries that could be sent now, and since when the oldest could.",
                queries={"max(sharpstream_webhook_lag_seconds)": "oldest due"},
                unit="s",
                bad=120,
                width=6,
            ),
            Panel(
                title="Oldest pending delivery",
                says="Also of a receiver that fails: it is tried for three days.",
                queries={"max(sharpstream_webhook_oldest_pending_seconds)": "age"},
                unit="s",
                width=6,
            ),
            Panel(
                title="Endpoints",
                says="Active, failing and disabled.",
                queries={"max by (state) (sharpstream_webhook_endpoints)": "{{state}}"},
                width=6,
            ),
        ),
    },
)
