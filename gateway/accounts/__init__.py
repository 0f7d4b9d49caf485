"""Accounts: registration, sign-in, API keys, quotas, rate limits, erasure and data export."""
