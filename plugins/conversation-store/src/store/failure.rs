//! What goes wrong with the database, as callers of the store see it.

use rusqlite::{Error, ErrorCode};
use transom_plugin_api::{CallError, CallErrorKind, StartError};

/// Why a job in the store gave no answer. Made with `?` from SQLite's errors and from refusals.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure(CallError);

impl Failure {
    /// The file was removed or replaced while it was in use.
    pub(crate) fn gone() -> Self {
        let file = super::database::FILE;
        Self(CallError::unavailable(format!(
            "`{file}` was removed or replaced while the host ran, so nothing can be kept; restart the host"
        )))
    }

    /// Whether the same may go well later.
    pub(crate) fn is_passing(&self) -> bool {
        self.0.kind == CallErrorKind::Unavailable
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self(error)
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let file = super::database::FILE;
        Self(match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => CallError::unavailable(format!(
                "`{file}` cannot grow: the disk is full; make room and try again"
            )),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => CallError::unavailable(format!(
                "`{file}` is locked by another program; close what has it open and try again"
            )),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => CallError::unavailable(format!(
                "`{file}` cannot be written; check its permissions and whether the disk is mounted read-only"
            )),
            Some(ErrorCode::SystemIoFailure) => CallError::unavailable(format!(
                "`{file}` cannot be used now: {error}; check the disk, its quota and the limit on the size of files"
            )),
            Some(ErrorCode::CannotOpen | ErrorCode::OutOfMemory) => {
                CallError::unavailable(format!("`{file}` cannot be used now: {error}"))
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                CallError::failed(format!("`{file}` is damaged: {error}; restore it from a backup"))
            }
            _ => CallError::failed(format!("`{file}` failed: {error}")),
        })
    }
}

impl From<Failure> for StartError {
    fn from(failure: Failure) -> Self {
        Self::new(failure.0.message)
    }
}
