"""What goes in and out, field for field, one file a subject; the OpenAPI document is made from these."""
