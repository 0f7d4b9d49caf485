"""The book-keeper: tables and migrations, events projected into Postgres, usage, invariants, rebuild.

Imports ``bus`` only. What it writes can be made again from the log of record. It publishes one thing, through
the outbox: the ending of a job whose command is lost (`ledger.lost_jobs`).
"""
