"""Database code that the roles share: pool, migrations, tables, queries, removals, leader turns."""
