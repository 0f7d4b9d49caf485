"""Converts splats: carries out export commands and projects export events into ``export_jobs``.

Imports ``ledger`` and ``bus`` only.
"""
