"""Worker processes without rights, for code that parses strangers' bytes.

A role sends bytes to a pool of its own workers and gets a plain value back; a worker that hangs, crashes or
is taken over reaches no file, no network, no other process and no secret.
"""
