//! The folders in which agents may work: existing, without symlinks, inside a root of the host.

use std::path::{Path, PathBuf};

use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Text};

use crate::refusal::shown;

/// Characters of a folder that a refusal shows.
const SHOWN: usize = 200;

/// The first of the host's [roots](transom_plugin_api::Host::roots): where a turn works for which nobody chose a folder.
///
/// # Errors
/// `Unavailable` when there is none.
pub fn first_root(roots: &[PathBuf]) -> Result<&PathBuf, CallError> {
    roots.first().ok_or_else(|| {
        CallError::unavailable("this host has no folder for agents to work in; add one to its `roots`")
    })
}

/// A folder that came in as `field`, as a turn would work in it: symlinks are resolved before it is compared with the
/// host's [roots](transom_plugin_api::Host::roots), so that a link inside a root cannot lead out of it. Asks the disk.
///
/// # Errors
/// `InvalidInput` that names the field when no turn can work there, `Unavailable` when there is no root at all.
pub fn admitted(field: &str, folder: &str, roots: &[PathBuf]) -> Result<Text, CallError> {
    first_root(roots)?;
    let is = |problem: &str| {
        Err(CallError::invalid_input(format!("`{field}` is `{}`, {problem}", shown(folder, SHOWN))))
    };
    if !Path::new(folder).is_absolute() {
        return is("expected an absolute path");
    }
    let resolved = match Path::new(folder).canonicalize() {
        Ok(resolved) => resolved,
        Err(error) => return is(&format!("which cannot be opened: {error}")),
    };
    if !is_inside(&resolved, roots) {
        let roots: Vec<String> = roots.iter().map(|root| format!("`{}`", root.display())).collect();
        return is(&format!("expected a folder inside {}", roots.join(" or ")));
    }
    if !resolved.is_dir() {
        return is("which is not a folder");
    }
    match resolved.into_os_string().into_string() {
        Ok(resolved) => Ok(resolved.into()),
        Err(_) => is("which is not UTF-8 once its symlinks are resolved"),
    }
}

/// Whether a resolved path is one of the roots or below one. Whole components count: `/ab` is not inside `/a`.
fn is_inside(resolved: &Path, roots: &[PathBuf]) -> bool {
    roots.iter().any(|root| resolved.starts_with(root)) || sabotaged("skip-containment")
}
