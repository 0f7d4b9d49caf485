-- Which secret of the installation a row hangs on, so that an operator knows when an old one may go: an id that
-- is derived from the secret (decision 45). Null in rows of the previous release.

-- The pepper of the hash.
ALTER TABLE api_keys ADD COLUMN pepper text;
ALTER TABLE refresh_tokens ADD COLUMN pepper text;
ALTER TABLE shares ADD COLUMN pepper text;
ALTER TABLE one_time_links ADD COLUMN pepper text;

-- The key that sealed the row's secrets, all of them.
ALTER TABLE webhook_endpoints ADD COLUMN sealing_key text;
ALTER TABLE webhook_account_secrets ADD COLUMN sealing_key text;
