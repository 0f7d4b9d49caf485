"""The three bridges between Postgres and Kafka: outbox and relay, and the projector."""
