"""Commands in, photos to splats in batches on one engine, events out. Needs Kafka and S3, never Postgres."""
