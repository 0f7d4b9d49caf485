-- What a share shows, which pages may hold it in a frame, and how often it was opened.
ALTER TABLE shares
    ADD COLUMN show_photo     boolean NOT NULL DEFAULT true,
    ADD COLUMN allow_download boolean NOT NULL DEFAULT false,
    ADD COLUMN embed_origins  text[]  NOT NULL DEFAULT '{*}',  -- origins; '*' is any, none is nowhere
    ADD COLUMN opened         bigint  NOT NULL DEFAULT 0;
