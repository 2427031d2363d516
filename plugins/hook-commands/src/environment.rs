//! Which of the host's variables a hook gets: an allow-list, because the keys of providers are in the host's environment.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use transom_plugin_api::sabotage::sabotaged;

/// What every hook gets, where the host has it. `*` stands for any end.
const ALLOWED: [&str; 10] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TERM", "TZ", "TMPDIR"];

/// What hooks get where the host has nothing by that name.
const DEFAULTS: [(&str, &str); 3] =
    [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("TERM", "dumb"), ("GIT_TERMINAL_PROMPT", "0")];

/// Where hooks find the folder of the turn, by the name that they know and by our own.
const FOLDER: [&str; 2] = ["CLAUDE_PROJECT_DIR", "TRANSOM_PROJECT_DIR"];

/// Words of a name, and beginnings of one, by which it is taken for a credential's.
const SUSPECT: [&str; 14] = [
    "APIKEY",
    "AUTH",
    "BEARER",
    "COOKIE",
    "CREDENTIAL",
    "JWT",
    "KEY",
    "PASS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PAT",
    "PWD",
    "PRIVATE",
];
const SUSPECT_PARTS: [&str; 3] = ["PASSWORD", "SECRET", "TOKEN"];
const SUSPECT_BEGINNINGS: [&str; 4] = ["AWS_", "AZURE_", "GCP_", "GOOGLE_"];

/// Names that an operator lets through besides.
#[derive(Clone, Debug)]
pub(crate) struct Allowed(Vec<String>);

impl Allowed {
    /// Checks what the operator wrote.
    ///
    /// # Errors
    /// For what can be no name.
    pub(crate) fn with(more: Vec<String>) -> Result<Self, String> {
        let is_wrong = |name: &&String| {
            let stem = name.strip_suffix('*').unwrap_or(name);
            name.is_empty() || stem.contains(['=', '*', '\0'])
        };
        match more.iter().find(is_wrong) {
            Some(wrong) => Err(format!(
                "setting `environment` has `{wrong}`, expected the name of a variable, or its beginning and a `*`"
            )),
            None => Ok(Self(more)),
        }
    }

    /// The environment of a hook that runs for a folder, out of the host's.
    pub(crate) fn of(
        &self,
        host: impl Iterator<Item = (OsString, OsString)>,
        folder: &Path,
    ) -> Vec<(OsString, OsString)> {
        let mut given: Vec<_> = DEFAULTS.map(|(name, value)| (name.into(), value.into())).into();
        given.extend(host.filter(|(name, _)| self.passes(name)));
        // What stands further behind counts.
        given.extend(FOLDER.map(|name| (name.into(), folder.into())));
        given
    }

    fn passes(&self, name: &OsStr) -> bool {
        let Some(name) = name.to_str() else { return false };
        let is_meant = |pattern: &str| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning) && !is_suspect(name),
            None => name == pattern,
        };
        sabotaged("hooks-get-the-whole-environment")
            || ALLOWED.into_iter().chain(self.0.iter().map(String::as_str)).any(is_meant)
    }
}

fn is_suspect(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_word = |word: &str| SUSPECT.contains(&word) || SUSPECT.contains(&word.trim_end_matches('S'));
    name.split(['_', '-', '.']).any(is_word)
        || SUSPECT_PARTS.iter().any(|part| name.contains(part))
        || SUSPECT_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(more: &[&str], host: &[&str]) -> Vec<String> {
        let allowed = Allowed::with(more.iter().map(ToString::to_string).collect()).expect("names");
        let host = host.iter().map(|name| (OsString::from(name), OsString::from("host")));
        let given = allowed.of(host, Path::new("/f")).into_iter().filter(|(_, value)| value == "host");
        given.map(|(name, _)| name.into_string().expect("text")).collect()
    }

    #[test]
    fn keys_stay_with_the_host_unless_their_very_name_is_listed() {
        let keys = [
            "OPENAI_API_KEY",
            "GITHUB_TOKEN",
            "PGPASSWORD",
            "AWS_PROFILE",
            "SSH_AUTH_SOCK",
            "LC_API_KEY",
            "MY_KEYS",
        ];
        assert_eq!(passed(&[], &keys), [""; 0]);
        assert_eq!(passed(&["*"], &keys), [""; 0], "not by a pattern either");
        assert_eq!(passed(&["GITHUB_TOKEN"], &keys), ["GITHUB_TOKEN"]);
    }

    #[test]
    fn what_is_listed_is_passed_and_nothing_else() {
        let host = ["PATH", "LC_ALL", "DISPLAY", "CARGO_HOME", "HOMES"];
        assert_eq!(passed(&[], &host), ["PATH", "LC_ALL"]);
        assert_eq!(passed(&["CARGO_*"], &host), ["PATH", "LC_ALL", "CARGO_HOME"]);
    }

    #[test]
    fn the_folder_is_told_whatever_the_host_has_by_that_name() {
        let allowed = Allowed::with(vec!["CLAUDE_PROJECT_DIR".into()]).expect("a name");
        let given = allowed.of([("CLAUDE_PROJECT_DIR".into(), "/else".into())].into_iter(), Path::new("/f"));
        for name in FOLDER {
            let last = given.iter().rfind(|(there, _)| there == name).expect("it is there");
            assert_eq!(last.1, "/f");
        }
    }

    #[test]
    fn what_can_be_no_name_is_refused() {
        for wrong in ["", "A=B", "A*B", "**"] {
            assert!(Allowed::with(vec!["A".into(), wrong.into()]).is_err(), "{wrong}");
        }
    }
}
