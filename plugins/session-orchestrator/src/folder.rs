//! The folder a turn works in: which of those that were chosen.

use std::path::PathBuf;

use transom_agent::folder::{admitted, first_root};
use transom_plugin_api::{CallError, Text};

/// The folder for a turn: the one asked for, else the conversation's, else the workspace's, else the first root.
///
/// # Errors
/// `InvalidInput` that names `cwd` when the folder cannot be worked in, `Unavailable` when there is no root at all.
pub(crate) fn choose(
    asked: Option<&str>,
    stored: Option<&str>,
    of_workspace: Option<&str>,
    roots: &[PathBuf],
) -> Result<Text, CallError> {
    let first = first_root(roots)?;
    let admitted = |folder| admitted("cwd", folder, roots);
    match (asked, stored, of_workspace) {
        (Some(folder), ..) => admitted(folder),
        (None, Some(folder), _) => admitted(folder).map_err(|error| used_by("conversation", error)),
        (None, None, Some(folder)) => admitted(folder).map_err(|error| used_by("workspace", error)),
        (None, None, None) => match first.to_str() {
            Some(first) => Ok(first.into()),
            None => {
                Err(CallError::unavailable(format!("root `{}` of this host is not UTF-8", first.display())))
            }
        },
    }
}

/// Says why there is a folder that the request did not name.
fn used_by(whose: &str, mut error: CallError) -> CallError {
    error.message.push_str(&format!("; the {whose} uses it, name another one"));
    error
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use transom_plugin_api::CallErrorKind;

    use super::*;

    struct Place {
        _outer: tempfile::TempDir,
        outside: PathBuf,
        root: PathBuf,
    }

    fn place() -> Place {
        let outer = tempfile::tempdir().unwrap();
        let base = outer.path().canonicalize().unwrap();
        let (root, outside) = (base.join("root"), base.join("root-too"));
        fs::create_dir_all(root.join("inner")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        Place { _outer: outer, outside, root }
    }

    impl Place {
        fn ask(&self, folder: &Path) -> Result<Text, CallErrorKind> {
            let asked = folder.to_str().unwrap();
            choose(Some(asked), None, None, std::slice::from_ref(&self.root)).map_err(|error| {
                assert!(error.message.starts_with("`cwd` "), "{}", error.message);
                error.kind
            })
        }
    }

    #[test]
    fn a_folder_inside_a_root_is_taken_without_its_symlinks() {
        let place = place();
        symlink(place.root.join("inner"), place.root.join("link")).unwrap();
        let inner = Text::from(place.root.join("inner").to_str().unwrap());
        assert_eq!(place.ask(&place.root.join("inner/../inner")), Ok(inner.clone()));
        assert_eq!(place.ask(&place.root.join("link")), Ok(inner));
    }

    #[test]
    fn a_symlink_or_dots_that_lead_out_are_refused() {
        let place = place();
        symlink(&place.outside, place.root.join("escape")).unwrap();
        assert_eq!(place.ask(&place.root.join("escape")), Err(CallErrorKind::InvalidInput));
        assert_eq!(place.ask(&place.root.join("inner/../..")), Err(CallErrorKind::InvalidInput));
    }

    #[test]
    fn a_sibling_whose_name_begins_like_the_root_is_outside() {
        let place = place();
        assert_eq!(place.ask(&place.outside), Err(CallErrorKind::InvalidInput));
    }

    #[test]
    fn files_missing_folders_and_relative_paths_are_refused() {
        let place = place();
        fs::write(place.root.join("file"), "").unwrap();
        for folder in
            [place.root.join("file"), place.root.join("missing"), "inner".into(), "".into(), "a\0b".into()]
        {
            assert_eq!(place.ask(&folder), Err(CallErrorKind::InvalidInput), "{}", folder.display());
        }
    }

    #[test]
    fn the_request_comes_before_the_conversation_that_before_the_workspace_and_that_before_the_first_root() {
        let place = place();
        let roots = [place.root.clone(), place.outside.clone()];
        let (inner, outside) = (place.root.join("inner"), place.outside.clone());
        let (inner, outside) = (inner.to_str().unwrap(), outside.to_str().unwrap());
        assert_eq!(choose(Some(inner), Some(outside), None, &roots).unwrap(), inner);
        assert_eq!(choose(None, Some(outside), Some(inner), &roots).unwrap(), outside);
        assert_eq!(choose(None, None, Some(inner), &roots).unwrap(), inner);
        assert_eq!(choose(None, None, None, &roots).unwrap(), place.root.to_str().unwrap());
        assert_eq!(choose(None, None, None, &[]).unwrap_err().kind, CallErrorKind::Unavailable);
        let gone = choose(None, Some("/gone"), None, &roots).unwrap_err();
        assert!(gone.message.ends_with("the conversation uses it, name another one"), "{}", gone.message);
        let gone = choose(None, None, Some("/gone"), &roots).unwrap_err();
        assert!(gone.message.ends_with("the workspace uses it, name another one"), "{}", gone.message);
    }
}
