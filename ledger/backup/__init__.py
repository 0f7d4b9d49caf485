"""Copies the database and the object store into a folder, and puts them back into empty ones."""
