-- How far the check of each invariant has come, and what the last complete one found. The log is checked range
-- by range: a check that took longer than a statement may would never end, and a restart would begin it anew.
CREATE TABLE invariant_checks (
    rule            text PRIMARY KEY,
    reached         text,
    range_rows      integer NOT NULL,
    found           bigint NOT NULL DEFAULT 0,
    found_ids       text[] NOT NULL DEFAULT '{}',
    checked_at      timestamptz,
    exceptions      bigint NOT NULL DEFAULT 0,
    exception_ids   text[] NOT NULL DEFAULT '{}'
);
