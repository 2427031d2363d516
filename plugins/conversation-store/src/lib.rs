//! Keeps conversations in SQLite: an append-only log with a gap-free seq.
