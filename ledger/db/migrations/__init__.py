"""Schema changes: SQL files, run by name by `ledger.db.migrate`, never edited once released.

Each must work with the previous release's code. A file runs inside one transaction, so no CONCURRENTLY.
"""
