"""Server-Sent Events: the tail of the event log, its fan-out to subscribers, and resuming by cursor."""
