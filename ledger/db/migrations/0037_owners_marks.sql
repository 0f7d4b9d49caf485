-- What the owner notes of a scene besides its name, and the scene that it repeats. The previous release writes rows
-- without them. Tags are lower-case text in NFC, each once.
ALTER TABLE scene_generations
    ADD COLUMN tags      text[]  NOT NULL DEFAULT '{}',
    ADD COLUMN favourite boolean NOT NULL DEFAULT false,
    ADD COLUMN retry_of  uuid;  -- no foreign key: the first one may be deleted, and a rebuild makes rows in any order
