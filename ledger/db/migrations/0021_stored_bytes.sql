-- How large an export's file is, for the bytes that an account stores; null for those of an earlier release.
ALTER TABLE export_jobs ADD COLUMN stored_bytes bigint;
