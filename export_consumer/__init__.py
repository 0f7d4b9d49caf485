"""export_consumer."""
