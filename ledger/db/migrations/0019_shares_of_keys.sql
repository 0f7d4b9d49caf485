-- Which API key made a share, so that it can end with the key; null for a person's, and for those made before.
ALTER TABLE shares ADD COLUMN api_key_id uuid;
CREATE INDEX shares_api_key_id ON shares (api_key_id) WHERE api_key_id IS NOT NULL;

-- Making shares is a scope of its own. A key that could make them still can.
UPDATE api_keys SET scopes = array_append(scopes, 'shares:write')
WHERE 'scenes:write' = ANY(scopes) AND NOT 'shares:write' = ANY(scopes);
