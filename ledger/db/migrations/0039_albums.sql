-- Several scenes behind one link. A scene that is deleted leaves it and the others stay; positions are never given
-- again, so that an address of one scene does not show another. The token is kept as a keyed hash alone.
CREATE TABLE albums (
    id             uuid PRIMARY KEY,
    user_id        uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    name           text NOT NULL,
    token_hash     text NOT NULL UNIQUE,
    pepper         text NOT NULL,
    api_key_id     uuid,
    show_photo     boolean NOT NULL,
    allow_download boolean NOT NULL,
    opened         bigint NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    CONSTRAINT albums_end CHECK (expires_at > created_at)
);
CREATE INDEX albums_user_id ON albums (user_id, created_at, id);
CREATE INDEX albums_created_at ON albums (created_at);
CREATE INDEX albums_expires_at ON albums (expires_at);
CREATE INDEX albums_api_key_id ON albums (api_key_id) WHERE api_key_id IS NOT NULL;

CREATE TABLE album_scenes (
    album_id            uuid NOT NULL REFERENCES albums (id) ON DELETE CASCADE,
    position            integer NOT NULL,
    scene_generation_id uuid NOT NULL REFERENCES scene_generations (id) ON DELETE RESTRICT,
    PRIMARY KEY (album_id, position)
);
CREATE INDEX album_scenes_scene_generation_id ON album_scenes (scene_generation_id);
