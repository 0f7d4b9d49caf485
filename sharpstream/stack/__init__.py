"""Runs the whole system on one machine, with the real servers and no container engine.

Starts Kafka, Postgres, S3 and every role as separate processes under one supervisor. It knows how to start
the parts and when they are ready, but not what they do, and names no message, table or route.
"""
