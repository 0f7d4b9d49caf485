"""Partners: companies that speak to us over Kafka itself, each with topics, a user and rights of its own."""
