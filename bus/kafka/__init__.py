"""The Kafka kit: clients with every option stated, transactions, retries, the processor of commands."""
