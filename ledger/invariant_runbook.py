"""Remedies for broken rules of `ledger.invariants`, for operators."""

from __future__ import annotations

from typing import Final

_PROVE: Final = (
    "Run `python -m ledger rebuild --compare`, which projects the whole log again and shows the rows that"
    " differ. "
)
_TWICE: Final = (
    "Two writers ended one job. The first ending counts, for rows and for usage. Look whether two consumers"
    " run with one *_INSTANCE_ID, or whether somebody else writes to sharp.events.v1."
)

_LATE: Final = (
    "Nothing is in flight longer than commands live. Where workers were away for a week, start them: they end"
    " what they still meet. Else look for lost_jobs_not_looked_for and lost_jobs_ended in the ledger's log:"
    " it ends a job whose command is gone from Kafka. It waits while the outbox holds anything older than the"
    " job's expiry (sharpstream_relay_oldest_seconds), while an event of the account or the job is parked,"
    " and where LEDGER_*_GROUP are not the groups of the workers. A record that a worker passed over without"
    " an ending stays until Kafka removes its segment, up to a week later."
)

REMEDIES: Final = {
    "one_ending_a_generation": _TWICE,
    "one_ending_an_export": _TWICE,
    "usage_for_every_counted_event": _PROVE
    + "What is missing was not billed: add it from the event, which has all that the row needs.",
    "no_usage_without_event": _PROVE
    + "Only the ledger may write usage_logs; find out who else did. A shortened log also shows here.",
    "usage_once_an_event": _PROVE
    + "An account was billed twice: remove the row whose id is not the event's id at its time "
    "(bus/contract/ids.py).",
    "usage_names_its_event": _PROVE + "A usage row was changed by hand; the event is right.",
    "status_follows_the_ending": _PROVE
    + "A row of scene_generations was changed by hand; the event is right.",
    "deleted_as_the_log_says": _PROVE + "deleted_at was changed by hand; the event is right.",
    "every_deletion_is_told": "Look at the relay (sharpstream_relay_oldest_seconds) and at the ledger's lag:"
    " the events of these deletions have not come back for an hour.",
    "only_what_ended_is_deleted": "A deletion passed a job that still ran. Cancel it by its id, and let the"
    " owner write how it ended.",
    "what_is_to_go_goes": "Objects could not be removed for a day; blob_removals.error says why. Mend the"
    " object store or its credentials: every gateway goes on trying.",
    "no_generation_outlives_its_command": _LATE,
    "no_export_outlives_its_command": _LATE,
    "no_partner_command_outlives_its_topic": _LATE
    + " A command without a scene was lost with its row: the partner sends it again with a new ce_id.",
    "every_ended_generation_has_a_row": _PROVE
    + "Rows were removed by hand, or a restored database is behind:"
    " a rebuild brings them back.",
}
"""Rule -> its remedy, in a few sentences."""
