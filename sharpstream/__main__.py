"""``python -m sharpstream`` and the ``sharpstream`` command."""

from sharpstream.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
