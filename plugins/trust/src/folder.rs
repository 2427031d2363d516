//! Folders as people write them, and as they are compared.

use std::path::{Path, PathBuf};

use transom_agent::refusal::shown;
use transom_plugin_api::{CallError, Host, StartError};

/// The folder that somebody named, without symlinks; as it was written where it is not there any more.
///
/// # Errors
/// `InvalidInput` for a path that is not absolute, since nobody knows where that begins.
pub(crate) async fn resolved(host: &Host, written: &str) -> Result<String, CallError> {
    let path = PathBuf::from(written);
    if !path.is_absolute() {
        let shown = shown(written, 200);
        return Err(CallError::invalid_input(format!(
            "`folder` is `{shown}`, expected an absolute path, such as `\"$PWD\"` in a shell"
        )));
    }
    let resolved = host.blocking(move || path.canonicalize()).await?;
    let resolved = resolved.ok().and_then(|path| path.into_os_string().into_string().ok());
    Ok(resolved.unwrap_or_else(|| written.to_owned()))
}

/// The folders of the settings, without symlinks. One that is not there is passed over.
///
/// # Errors
/// When one is not absolute.
pub(crate) fn of_settings(folders: Vec<PathBuf>, home: Option<&Path>) -> Result<Vec<PathBuf>, StartError> {
    let mut always = Vec::new();
    for folder in folders {
        let written = match (folder.strip_prefix("~"), home) {
            (Ok(inside), Some(home)) => home.join(inside),
            _ => folder.clone(),
        };
        if !written.is_absolute() {
            return Err(StartError::new(format!("setting `folders` names `{}`", folder.display()))
                .help("name absolute folders, or such as begin with `~/`"));
        }
        match written.canonicalize() {
            Ok(resolved) => always.push(resolved),
            Err(error) => tracing::warn!("`{}` is not trusted: {error}", written.display()),
        }
    }
    Ok(always)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_settings_are_absolute_or_at_home_and_exist() {
        let check = |folder: &str| of_settings(vec![folder.into()], Some(Path::new("/")));
        assert_eq!(check("/usr/../usr").ok(), Some(vec![PathBuf::from("/usr")]));
        assert_eq!(check("~/usr").ok(), Some(vec![PathBuf::from("/usr")]));
        assert_eq!(check("/nowhere/at/all").ok(), Some(Vec::new()));
        assert!(check("usr").is_err());
        assert!(of_settings(vec!["~/usr".into()], None).is_err());
    }
}
