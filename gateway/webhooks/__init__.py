"""Telling customers' own servers: from the event log to signed POSTs, by ``python -m gateway webhooks``.

At least once, each event with one id; no order is promised, because a retry comes after what followed.
"""
