-- A database that was put back from a backup. Nothing is removed as an orphan until the invariants hold, and
-- nothing of the jobs that the store knew and the backup did not.
CREATE TABLE restores (
    id          uuid PRIMARY KEY,                   -- the backup's
    backup_at   timestamptz NOT NULL,
    restored_at timestamptz NOT NULL DEFAULT now(),
    newer       uuid[] NOT NULL DEFAULT '{}',       -- jobs whose objects stay
    agreed_at   timestamptz                         -- when the invariants were found to hold
);
