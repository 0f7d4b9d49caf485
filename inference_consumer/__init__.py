"""inference_consumer."""
