-- A client's own metadata as the text that was sent. In jsonb a number such as 1e308 becomes 309 digits.
-- metadata.client stays for older rows; in newer ones it is empty.
ALTER TABLE scene_generations ADD COLUMN client_metadata text;
