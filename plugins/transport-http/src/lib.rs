//! Serves registered routes over HTTP.
