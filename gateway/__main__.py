"""``python -m gateway [serve | relay | webhooks | partners | create-admin]``."""

from gateway.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
