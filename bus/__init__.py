"""The contract and the transport: messages, topics, envelopes, blobs and the three bridges.

Must not import another package of the project; every role imports this one.
"""
