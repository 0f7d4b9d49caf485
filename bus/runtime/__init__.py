"""The process: settings, logs, health, metrics, tracing, tasks and errors.

Knows neither Kafka nor messages.
"""
