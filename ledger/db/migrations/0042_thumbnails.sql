-- The photo in small for lists of scenes (at most 480 pixels; else as photo_url), as inference stored it beside the
-- rendition. Scenes of earlier releases have none.
ALTER TABLE scene_generations ADD COLUMN thumbnail_url text;
-- The same beside the gateway's own renditions.
ALTER TABLE scene_renditions ADD COLUMN thumbnail_url text;
