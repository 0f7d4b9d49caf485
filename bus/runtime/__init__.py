"""The process: settings, logs, health, metrics, tracing, tasks and errors.

Must not depend on Kafka or on messages.
"""
