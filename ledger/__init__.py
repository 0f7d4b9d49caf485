"""The book-keeper: tables and migrations, events projected into Postgres, usage, invariants, rebuild.

Imports ``bus`` only. Never publishes: what it writes can be made again from the log of record.
"""
