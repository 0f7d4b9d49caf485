-- How true a scene is to its photo, as the ending of its preview says it (bus.contract.messages.Scores). On the export
-- and not on the scene, because the export consumer projects that ending; readers put both together.
ALTER TABLE export_jobs ADD COLUMN scores jsonb
    CONSTRAINT export_jobs_scores CHECK (jsonb_typeof(scores) = 'object');
