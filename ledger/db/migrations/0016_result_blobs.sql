-- The whole reference of the splat as its event has it: key, sha256, bytes and media type. Null where there is no
-- result, and for rows that an earlier release's ledger ended: what the .ply contract says holds for those.
ALTER TABLE scene_generations ADD COLUMN result_blob jsonb
    CONSTRAINT scene_generations_result_blob CHECK (jsonb_typeof(result_blob) = 'object');
