//! [`Definition`]: what a server is and how it is reached, whoever says so.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};
use transom_plugin_api::Secret;
use transom_plugin_api::sabotage::sabotaged;
use url::Url;

use crate::pattern::Choice;

/// Characters of a server's name.
const LONGEST_NAME: usize = 64;

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) reach: Reach,
    pub(crate) terms: Terms,
}

/// How it is reached.
#[derive(Clone, Debug)]
pub(crate) enum Reach {
    /// Over the pipes of a process.
    Process { command: Vec<String>, environment: BTreeMap<String, Secret> },
    /// Over HTTP.
    Http { url: Url, headers: BTreeMap<String, Secret> },
}

/// What is made of it.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) is_disabled: bool,
    /// How long a call may take.
    pub(crate) call: Duration,
    /// How long it may take to start.
    pub(crate) start: Duration,
    pub(crate) choice: Choice,
}

impl Default for Terms {
    fn default() -> Self {
        let (call, start) = (Duration::from_mins(1), Duration::from_secs(10));
        Self { is_disabled: false, call, start, choice: Choice::default() }
    }
}

/// What is wrong with a definition, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) problem: String,
    pub(crate) help: &'static str,
}

impl Definition {
    /// The server, if it can be one.
    pub(crate) fn new(
        name: &str,
        command: Vec<String>,
        environment: BTreeMap<String, Secret>,
        url: Option<&str>,
        headers: BTreeMap<String, Secret>,
        terms: Terms,
    ) -> Result<Self, Fault> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=LONGEST_NAME).contains(&name.len()) || !name.chars().all(fits) {
            let shown: String = name.chars().take(LONGEST_NAME).collect();
            let problem = format!("`{}` cannot be a server's name", shown.escape_debug());
            return Err(Fault { problem, help: "use 1 to 64 characters of A–Z a–z 0–9 - _ ." });
        }
        let reach = reach(name, command, environment, url, headers)?;
        Ok(Self { name: name.to_owned(), reach, terms })
    }

    /// SHA-256 of everything that makes it what it is: another one has another digest.
    pub(crate) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update(text.len().to_le_bytes());
            digest.update(text);
        };
        add(&self.name);
        let secrets = match &self.reach {
            Reach::Process { command, environment } => {
                command.iter().for_each(|word| add(word));
                environment
            }
            Reach::Http { url, headers } => {
                add(url.as_str());
                headers
            }
        };
        for (name, value) in secrets {
            add(name);
            add(value.expose());
        }
        add(&format!("{:?}", self.terms));
        format!("{:x}", digest.finalize())
    }

    /// How it is reached, for a person, without what may be secret.
    pub(crate) fn shown(&self) -> String {
        match &self.reach {
            Reach::Process { command, .. } => command.first().cloned().unwrap_or_default(),
            Reach::Http { url, .. } => url.origin().ascii_serialization(),
        }
    }

    /// A text without the secrets of the definition.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if sabotaged("tell-secrets") {
            return text;
        }
        let secrets = match &self.reach {
            Reach::Process { environment, .. } => environment,
            Reach::Http { url, headers } => {
                text = text.replace(url.as_str(), &self.shown());
                headers
            }
        };
        // A short word, such as `info`, is none, and would leave holes in everything.
        for secret in secrets.values().map(Secret::expose).filter(|secret| secret.len() > 5) {
            text = text.replace(secret, "…");
            if let Some((_, bare)) = secret.split_once(' ').filter(|(_, bare)| bare.len() > 5) {
                text = text.replace(bare, "…");
            }
        }
        text
    }
}

fn reach(
    name: &str,
    command: Vec<String>,
    environment: BTreeMap<String, Secret>,
    url: Option<&str>,
    headers: BTreeMap<String, Secret>,
) -> Result<Reach, Fault> {
    let fault = |problem: &str, help| Err(Fault { problem: format!("server `{name}` {problem}"), help });
    match (command.first().is_some_and(|program| !program.is_empty()), url) {
        (false, None) => fault("has neither `command` nor `url`", "give it one of them"),
        (true, Some(_)) => fault("has both `command` and `url`", "give it one of them"),
        (true, None) if !headers.is_empty() => fault("has `headers` without a `url`", "leave them out"),
        (true, None) if command.iter().any(|word| word.contains('\0')) => {
            fault("has a zero byte in its `command`", "leave it out")
        }
        (true, None) => {
            let is_name = |name: &String| !name.is_empty() && !name.contains(['=', '\0']);
            match environment.iter().find(|(name, value)| !is_name(name) || value.expose().contains('\0')) {
                Some(_) => fault("has a variable that can be none", "a name has no `=` and no zero byte"),
                None => Ok(Reach::Process { command, environment }),
            }
        }
        (false, Some(_)) if !environment.is_empty() => {
            fault("has an environment, but no `command`", "leave it out")
        }
        (false, Some(url)) => match Url::parse(url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.username().is_empty() => {
                Ok(Reach::Http { url, headers })
            }
            _ => fault(
                "has a `url` that cannot be used",
                "it begins with `https://` or `http://`, without a user's name",
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(value: &str) -> BTreeMap<String, Secret> {
        BTreeMap::from([("KEY".to_owned(), Secret::new(value))])
    }

    fn of(
        command: &[&str],
        secrets: BTreeMap<String, Secret>,
        url: Option<&str>,
    ) -> Result<Definition, Fault> {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        let (environment, headers) =
            if url.is_some() { (BTreeMap::new(), secrets) } else { (secrets, BTreeMap::new()) };
        Definition::new("a", command, environment, url, headers, Terms::default())
    }

    #[test]
    fn what_cannot_be_a_server_is_told_with_what_helps() {
        let told = |definition: Result<Definition, Fault>| definition.expect_err("it can be none").problem;
        assert_eq!(told(of(&[], BTreeMap::new(), None)), "server `a` has neither `command` nor `url`");
        assert_eq!(
            told(of(&["x"], BTreeMap::new(), Some("http://x"))),
            "server `a` has both `command` and `url`"
        );
        for url in ["x", "ftp://x", "https://user:password@x"] {
            assert_eq!(
                told(of(&[], BTreeMap::new(), Some(url))),
                "server `a` has a `url` that cannot be used"
            );
        }
        for name in ["", "a b", "ä", &"a".repeat(65)] {
            let terms = Terms::default();
            let definition =
                Definition::new(name, vec!["x".into()], BTreeMap::new(), None, BTreeMap::new(), terms);
            assert!(told(definition).ends_with("cannot be a server's name"));
        }
    }

    #[test]
    fn any_change_makes_another_digest() {
        let digests = [
            of(&["x", "y"], BTreeMap::new(), None),
            of(&["xy"], BTreeMap::new(), None),
            of(&["x"], environment("one"), None),
            of(&["x"], environment("two"), None),
            of(&[], BTreeMap::new(), Some("http://x")),
            of(&[], environment("one"), Some("http://x")),
        ];
        let mut digests: Vec<_> = digests.into_iter().map(|one| one.expect("a server").digest()).collect();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 6);
    }

    #[test]
    fn secrets_are_taken_out_of_what_is_told() {
        let process = of(&["x"], environment("s3cret-key"), None).expect("a server");
        assert_eq!(process.without_secrets("no s3cret-key here"), "no … here");
        let http = of(&[], environment("Bearer s3cret"), Some("http://x/mcp?key=s3cret")).expect("a server");
        assert_eq!(http.without_secrets("at http://x/mcp?key=s3cret: s3cret"), "at http://x: …");
        assert!(!format!("{http:?}").contains("Bearer"));
    }
}
