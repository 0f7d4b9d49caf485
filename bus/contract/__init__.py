"""The contract between roles and with partners: messages, topics, envelopes, formats, limits.

Imports no transport.
"""
