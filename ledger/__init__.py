"""The ledger: projects events into Postgres, owns the schema, counts usage, checks invariants, rebuilds.

Imports ``bus`` only. The rows that it writes can be rebuilt from the log of record. It publishes only the
endings of jobs whose command is lost (`ledger.lost_jobs`), through the outbox.
"""
