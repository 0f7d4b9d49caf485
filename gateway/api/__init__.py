"""Thin HTTP handlers, one file a subject: translate, call one function, answer."""
