"""Turns the photos of generation commands into splats, in batches on one engine. Must not use Postgres."""
