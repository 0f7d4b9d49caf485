"""Operations: dead letters, usage, invariants, deletion of stored objects, periodic work."""
