"""Partners: companies that use Kafka directly, each with its own topics, user and rights."""
