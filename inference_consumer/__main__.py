"""``python -m inference_consumer``."""

from inference_consumer.app import main

if __name__ == "__main__":
    raise SystemExit(main())
