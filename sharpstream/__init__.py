"""sharpstream."""
