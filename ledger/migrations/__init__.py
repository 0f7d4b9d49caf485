"""Schema changes: SQL files, run in the order of their names by `ledger.migrate`, never edited once released.

Each must work with the previous release's code. A file runs inside one transaction, so no CONCURRENTLY.
"""
