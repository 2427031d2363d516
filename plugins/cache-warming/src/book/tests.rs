//! The rule, step by step.
