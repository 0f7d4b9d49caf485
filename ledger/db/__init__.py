"""The database kit that other roles share: pool, migrations, tables, queries, removals, leader turns."""
