"""What tests of the clients in `clients/` share."""
