"""The Kafka toolkit: clients with explicit options, transactions, retries, the processor of commands."""
