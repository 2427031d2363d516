//! A night.
