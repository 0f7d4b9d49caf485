"""The contract between roles and with partners: messages, topics, envelopes, formats, limits.

Must not import a transport.
"""
