"""Retention: what an account keeps and for how long, the work that erases the rest, and its record."""
