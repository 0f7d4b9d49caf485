"""The HTTP face: REST under ``/api/v1``, live streams, and the relay that carries the outbox to Kafka.

Accepts work and tells about it; never does it. Imports ``ledger`` and ``bus`` only.
"""
