"""What a person types. Each module adds its verbs; `main` lists the modules."""
