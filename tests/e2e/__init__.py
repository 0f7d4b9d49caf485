"""End-to-end tests: a package, so that its system ends with the last of them."""
