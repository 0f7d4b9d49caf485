"""``python -m ledger [COMMAND]``; ``--help`` lists them (`ledger.cli`)."""

from ledger.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
