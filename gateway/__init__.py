"""The gateway, relay, webhook and partner roles: REST under ``/api/v1``, live streams, deliveries.

Accepts jobs and reports on them; never runs one. Imports ``ledger`` and ``bus`` only.
"""
