"""Scenes: accepting photos, reading, cancelling and deleting scenes, their exports and shares."""
