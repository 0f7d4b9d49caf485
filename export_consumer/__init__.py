"""The converter: export commands become files and events, and export events become ``export_jobs``.

Imports ``ledger`` and ``bus`` only.
"""
