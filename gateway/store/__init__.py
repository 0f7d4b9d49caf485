"""The gateway's SQL, one file a subject: each statement is scoped by account, each write is one statement."""
