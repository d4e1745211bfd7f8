//! The schema, step by step, for SQLite and PostgreSQL alike.
