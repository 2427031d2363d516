//! Which of the host's variables a command gets.
//!
//! An allow-list, because the environment of a host is where the keys of its providers are. A name that looks like a credential
//! is passed only where the operator has written that very name.

use std::ffi::{OsStr, OsString};

use transom_plugin_api::sabotage::sabotaged;

/// What every command gets, where the host has it. `*` stands for any end.
const ALLOWED: [&str; 10] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TERM", "TZ", "TMPDIR"];

/// What commands get where nothing else is said: nobody is there to read page by page, or to type a password.
const DEFAULTS: [(&str, &str); 5] = [
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("TERM", "dumb"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
];

/// Words of a name by which it is taken for a credential's.
const SUSPECT: [&str; 17] = [
    "APIKEY",
    "AUTH",
    "BEARER",
    "COOKIE",
    "CREDENTIAL",
    "CREDENTIALS",
    "JWT",
    "KEY",
    "KEYS",
    "PASS",
    "PASSPHRASE",
    "PAT",
    "PRIVATE",
    "PWD",
    "SECRET",
    "SECRETS",
    "TOKENS",
];

/// The same, wherever they stand in it.
const SUSPECT_PARTS: [&str; 4] = ["PASSWD", "PASSWORD", "SECRET", "TOKEN"];

/// The same, where it begins with them.
const SUSPECT_BEGINNINGS: [&str; 4] = ["AWS_", "AZURE_", "GCP_", "GOOGLE_"];

/// Names that an operator lets through besides.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    more: Vec<String>,
}

impl Allowed {
    /// Checks what the operator wrote.
    ///
    /// # Errors
    /// In words, for what can be no name.
    pub(crate) fn with(more: Vec<String>) -> Result<Self, String> {
        let stem = |name: &str| name.strip_suffix('*').unwrap_or(name).to_owned();
        let is_wrong = |name: &&String| name.is_empty() || stem(name).contains(['=', '*', '\0']);
        match more.iter().find(is_wrong) {
            Some(wrong) => Err(format!(
                "setting `environment` has `{wrong}`, expected the name of a variable, or its beginning and a `*`"
            )),
            None => Ok(Self { more }),
        }
    }

    /// The environment of a command, out of the host's.
    pub(crate) fn of(&self, host: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
        let defaults = DEFAULTS.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let passed: Vec<_> = host.filter(|(name, _)| self.passes(name)).collect();
        let missing = defaults.into_iter().filter(|(name, _)| !passed.iter().any(|(there, _)| there == name));
        missing.collect::<Vec<_>>().into_iter().chain(passed.iter().cloned()).collect()
    }

    fn passes(&self, name: &OsStr) -> bool {
        if sabotaged("hand-the-environment-over") {
            return true;
        }
        // Who writes a pattern means text.
        let Some(name) = name.to_str() else { return false };
        let is_meant = |pattern: &str| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning) && !is_suspect(name),
            None => name == pattern,
        };
        ALLOWED.iter().any(|pattern| is_meant(pattern)) || self.more.iter().any(|pattern| is_meant(pattern))
    }
}

fn is_suspect(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.split(['_', '-', '.']).any(|word| SUSPECT.contains(&word))
        || SUSPECT_PARTS.iter().any(|part| name.contains(part))
        || SUSPECT_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(more: &[&str], host: &[&str]) -> Vec<String> {
        let allowed = Allowed::with(more.iter().map(ToString::to_string).collect()).expect("they are names");
        let host = host.iter().map(|name| (OsString::from(name), OsString::from("host")));
        let all = allowed.of(host).into_iter().filter(|(_, value)| value == "host");
        all.map(|(name, _)| name.into_string().expect("text")).collect()
    }

    const KEYS: [&str; 16] = [
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GITHUB_TOKEN",
        "NPM_TOKEN_RO",
        "DB_PASSWORD",
        "PGPASSWORD",
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "MY_SECRET",
        "CLIENT_SECRETS",
        "SSH_AUTH_SOCK",
        "GH_PAT",
        "openai_api_key",
        "SIGNING_KEY",
        "LC_API_KEY",
    ];

    #[test]
    fn the_keys_of_providers_stay_with_the_host() {
        assert_eq!(passed(&[], &KEYS), [""; 0]);
        assert_eq!(passed(&["*"], &KEYS), [""; 0], "not by a pattern either");
        assert_eq!(passed(&["GITHUB_TOKEN"], &KEYS), ["GITHUB_TOKEN"], "by their very name");
        assert_eq!(passed(&["GITHUB_*", "AWS_PROFILE"], &KEYS), ["AWS_PROFILE"]);
    }

    #[test]
    fn what_is_listed_is_passed_and_nothing_else() {
        let host =
            ["PATH", "HOME", "LC_ALL", "LC_TIME", "DISPLAY", "CARGO_HOME", "CARGO_TARGET_DIR", "HOMES"];
        assert_eq!(passed(&[], &host), ["PATH", "HOME", "LC_ALL", "LC_TIME"]);
        assert_eq!(
            passed(&["CARGO_*"], &host),
            ["PATH", "HOME", "LC_ALL", "LC_TIME", "CARGO_HOME", "CARGO_TARGET_DIR"]
        );
    }

    #[test]
    fn what_is_missing_has_a_value_and_what_the_host_has_wins() {
        let allowed = Allowed::with(vec!["PAGER".into()]).expect("a name");
        let host = [("PAGER", "less"), ("TERM", "vt100")].map(|(name, value)| (name.into(), value.into()));
        let given = allowed.of(host.into_iter());
        let value = |name: &str| {
            let found: Vec<_> =
                given.iter().filter(|(there, _)| there == name).map(|(_, value)| value).collect();
            assert_eq!(found.len(), 1, "{name} in {given:?}");
            found[0].to_str().expect("text")
        };
        assert_eq!(["PAGER", "TERM", "GIT_PAGER"].map(value), ["less", "vt100", "cat"]);
    }

    #[test]
    fn what_can_be_no_name_is_refused() {
        for wrong in ["", "A=B", "A*B", "**"] {
            let told = Allowed::with(vec!["A".into(), wrong.into()]).expect_err(wrong);
            assert!(told.contains(&format!("has `{wrong}`, expected the name of a variable")), "{told}");
        }
    }
}
