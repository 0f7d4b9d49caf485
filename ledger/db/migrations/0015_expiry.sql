-- Until when a job's command is carried out, and when the ledger ended a job whose command no worker can meet
-- any more. Nullable, because the previous release writes rows without them: such a command lives six days, and
-- one that the system wants itself 29 (a day less than its topic keeps it).
ALTER TABLE scene_generations ADD COLUMN expires_at timestamptz;
ALTER TABLE scene_generations ADD COLUMN lost_at timestamptz;
ALTER TABLE export_jobs ADD COLUMN expires_at timestamptz;
ALTER TABLE export_jobs ADD COLUMN lost_at timestamptz;
-- Few rows of many, as scene_generations_in_flight: what is in flight for too long is looked for among them.
CREATE INDEX export_jobs_in_flight ON export_jobs (created_at) WHERE status IN ('pending', 'processing');
