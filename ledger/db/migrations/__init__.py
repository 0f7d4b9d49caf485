"""Schema changes: SQL files, run by `ledger.db.migrate` in the order of their names.

A released file is never edited, and each works with the previous release's code: it adds, and what is needed
no more goes a release later (docs/contributing.md, "Change the schema"). A file is one transaction; one whose
first line is ``-- outside a transaction`` builds or drops indexes CONCURRENTLY and does nothing else.
"""
