"""``python -m gateway [serve | relay | webhooks | create-admin]``."""

from gateway.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
