//! [`Origin`]: where a new plugin finds the API that this program was built with.

use std::path::{Path, PathBuf};

use super::Unmade;

/// Where the crates of the API are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the folder that this program was built in.
    Folder(PathBuf),
    /// In the repository that it was built from.
    Repository {
        /// Its address.
        url: String,
        /// The key and the value that say which state of it: `rev` or `tag`.
        state: (&'static str, String),
    },
}

impl Origin {
    /// The folder that this program was built in, while it is there; else its repository.
    pub(super) fn of_this_program() -> Result<Self, Unmade> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
        Self::found(workspace, env!("CARGO_PKG_REPOSITORY"), option_env!("TRANSOM_REVISION"))
    }

    /// `revision` is the commit, where whoever built this program said it; else the release's tag stands for it.
    fn found(workspace: &Path, repository: &str, revision: Option<&str>) -> Result<Self, Unmade> {
        if workspace.join("plugin-api/Cargo.toml").is_file() {
            return Ok(Self::Folder(workspace.to_owned()));
        }
        if repository.is_empty() {
            return Err(Unmade::new(
                format!(
                    "the plugin API is not in `{}` any more, where this program was built",
                    workspace.display()
                ),
                "build `transom` again where its sources are, and use that one",
            ));
        }
        let state = match revision {
            Some(revision) => ("rev", revision.to_owned()),
            None => ("tag", concat!("v", env!("CARGO_PKG_VERSION")).to_owned()),
        };
        Ok(Self::Repository { url: repository.to_owned(), state })
    }

    /// What stands behind `name =` in a `Cargo.toml`, for the crate in this folder of the workspace.
    pub(super) fn dependency(&self, folder: &str) -> String {
        let text = |text: &str| toml::Value::from(text).to_string();
        match self {
            Self::Folder(workspace) => {
                format!("{{ path = {} }}", text(&workspace.join(folder).display().to_string()))
            }
            Self::Repository { url, state: (key, value) } => {
                format!("{{ git = {}, {key} = {} }}", text(url), text(value))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_comes_first_then_the_repository_at_its_revision_or_tag() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it has a parent");
        let gone = Path::new("/nowhere/transom");
        let url = "https://example.org/transom";
        let dependency = |folder, url, revision| {
            Origin::found(folder, url, revision).map(|origin: Origin| origin.dependency("plugin-api"))
        };
        let expected = format!("{{ path = \"{}\" }}", workspace.join("plugin-api").display());
        assert_eq!(dependency(workspace, url, Some("abc")), Ok(expected));
        let expected = format!("{{ git = \"{url}\", rev = \"abc\" }}");
        assert_eq!(dependency(gone, url, Some("abc")), Ok(expected));
        let expected = format!("{{ git = \"{url}\", tag = \"v{}\" }}", env!("CARGO_PKG_VERSION"));
        assert_eq!(dependency(gone, url, None), Ok(expected));
        let unmade = dependency(gone, "", None).expect_err("there is neither");
        assert!(unmade.problem.contains("`/nowhere/transom`"), "{unmade:?}");
    }
}
