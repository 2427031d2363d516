//! Finds skills and lets a model load them.
