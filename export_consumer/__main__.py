"""``python -m export_consumer``."""

from export_consumer.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
