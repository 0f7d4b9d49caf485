"""The one reader of photos, used by every role that meets one.

It opens no file, starts no thread and keeps no state, so that it can run in a worker process with limits.
"""
