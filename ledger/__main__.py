"""``python -m ledger [run|migrate|rebuild|invariants|unpark]``."""

from ledger.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
