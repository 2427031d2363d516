//! Where data is kept when nobody says it.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use transom_plugin_api::sabotage::sabotaged;

/// The environment names no place for data.
#[derive(Debug, PartialEq, Eq)]
pub struct NoPlace;

impl std::fmt::Display for NoPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "there is no place for data: neither `XDG_DATA_HOME` nor `HOME` is set to an absolute path\n  help: set one of them, or name a folder with `--data PATH` or with `data` in `[host]`",
        )
    }
}

impl std::error::Error for NoPlace {}

/// The folder used when nobody names one: `$XDG_DATA_HOME/transom`, else `$HOME/.local/share/transom`. A path that is not
/// absolute counts as none.
///
/// # Errors
/// When neither is there.
pub fn default_folder() -> Result<PathBuf, NoPlace> {
    folder_of(env::var_os("XDG_DATA_HOME"), env::var_os("HOME"))
}

fn folder_of(data_home: Option<OsString>, home: Option<OsString>) -> Result<PathBuf, NoPlace> {
    let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(data_home).or_else(|| absolute(home).map(|home| home.join(".local/share")));
    let base = base.or_else(|| sabotaged("keep-data-anywhere").then(env::temp_dir));
    base.map(|base| base.join("transom")).ok_or(NoPlace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_paths_are_places() {
        let folder = |data_home: &str, home: &str| {
            let set = |value: &str| (value != "unset").then(|| OsString::from(value));
            folder_of(set(data_home), set(home)).map(|folder| folder.display().to_string())
        };
        assert_eq!(folder("/data", "/home/parrot"), Ok("/data/transom".to_owned()));
        for none in ["unset", "", "data", "./data"] {
            assert_eq!(folder(none, "/home/parrot"), Ok("/home/parrot/.local/share/transom".to_owned()));
            assert_eq!(folder("unset", none), Err(NoPlace), "HOME={none}");
        }
    }
}
