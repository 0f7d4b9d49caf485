"""Schema changes: SQL files, run by `ledger.db.migrate` in the order of their names.

A released file is never edited. Each must work with the previous release's code. A file runs inside one
transaction, so no CONCURRENTLY.
"""
