//! Runs turns: one request builder, tool steps, viewers with replay.
