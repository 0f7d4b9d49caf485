"""The command line. Each module adds its verbs; `main` lists the modules."""
