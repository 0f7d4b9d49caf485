"""The contract and the transport: messages, topics, envelopes, blobs and the three bridges.

Imports nothing of ours; every role imports this package.
"""
