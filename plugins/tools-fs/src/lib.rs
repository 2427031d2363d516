//! Tools that read and change files below the folder a turn works in.
