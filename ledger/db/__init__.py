"""The database kit that other roles share: pool, migrations, tables, object removals, leader turns."""
