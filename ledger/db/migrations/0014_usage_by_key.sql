-- Most usage comes without an API key, and nobody asks for that.
CREATE INDEX usage_logs_api_key ON usage_logs (api_key_id, created_at) WHERE api_key_id IS NOT NULL;
DROP INDEX usage_logs_api_key_id;
