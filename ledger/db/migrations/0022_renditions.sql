-- The photo for people's eyes (upright, sRGB, WebP, without metadata), as inference stored it beside the splat.
ALTER TABLE scene_generations ADD COLUMN photo_url text;
-- The same for scenes that inference ended without one: failed, cancelled, or ended by an earlier release. Made by the
-- gateway when it is asked for. No url: it was tried, and the photo cannot be read.
CREATE TABLE scene_renditions (
    scene_generation_id uuid PRIMARY KEY REFERENCES scene_generations ON DELETE RESTRICT,
    photo_url           text,
    created_at          timestamptz NOT NULL
);
