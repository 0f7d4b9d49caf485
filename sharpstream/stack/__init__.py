"""The whole system on one machine, with real parts and no container engine.

Starts Kafka, Postgres, S3 and every role as processes of their own under one supervisor. It knows how the
parts are started and when they are ready, never what they do: no message, table or route is named here.
"""
