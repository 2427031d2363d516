//! [`Built`]: a prompt with what it was built from, and the rule that says when it is built anew.

use serde::{Deserialize, Serialize};

/// A prompt, as it stays until something that counts is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Built {
    /// What models are told; they are told nothing when it is empty.
    pub(crate) text: String,
    /// Milliseconds since the epoch.
    pub(crate) built_at: i64,
    /// Why, in a few words.
    pub(crate) because: String,
    pub(crate) inputs: Inputs,
    /// Why it is built anew before the next turn, where that is known already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outdated: Option<String>,
}

/// What counts: another one has the prompt built anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inputs {
    /// SHA-256 of the template.
    pub(crate) template: String,
    /// The folder.
    pub(crate) cwd: String,
    /// The model, where the template asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// The files that were asked for, in that order.
    pub(crate) files: Vec<File>,
}

/// A file that the template asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    /// The digest of what it said, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
    /// Why it could not be read, or nobody could be asked whether it is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// What of a file counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// What it says is in the prompt.
    Content,
    /// It says what processes may be started for the prompt; only whether it is trusted counts.
    Commands,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum State {
    /// It is used.
    Used,
    /// It waits for the operator to trust it.
    Untrusted,
    /// The operator does not trust it.
    Refused,
    /// There is something that is not read.
    Unfit,
    /// There is nothing.
    Missing,
}

impl File {
    /// What of it is in the prompt: equal as long as that is.
    fn used(&self) -> Option<&str> {
        let content = self.sha256.as_deref().filter(|_| self.kind == Kind::Content);
        (self.state == State::Used).then(|| content.unwrap_or_default())
    }

    /// Whether something is there that is left out.
    pub(crate) fn is_left_out(&self) -> bool {
        matches!(self.state, State::Untrusted | State::Refused | State::Unfit)
    }
}

impl Built {
    /// Why it is to be built anew, when it is: the first thing that is not as it was.
    pub(crate) fn outdated_by(&self, now: &Inputs) -> Option<String> {
        let before = &self.inputs;
        if let Some(known) = &self.outdated {
            return Some(known.clone());
        }
        if before.template != now.template {
            return Some("the template is another one".to_owned());
        }
        if before.cwd != now.cwd {
            return Some("the folder is another one".to_owned());
        }
        if before.model.is_some() && before.model != now.model {
            return Some("the model is another one".to_owned());
        }
        let files = before.files.iter().zip(&now.files);
        files.filter(|(before, now)| before.used() != now.used()).map(|(before, now)| why(before, now)).next()
    }
}

fn why(before: &File, now: &File) -> String {
    let name = now.name.escape_debug();
    match (before.state, now.state) {
        (State::Used, State::Used | State::Untrusted) if before.sha256 != now.sha256 => {
            format!("`{name}` has another content")
        }
        (_, State::Used) => format!("`{name}` is used now"),
        (_, State::Untrusted | State::Refused) => format!("`{name}` is not trusted any more"),
        (_, State::Unfit) => format!("`{name}` cannot be read any more"),
        (_, State::Missing) => format!("`{name}` is gone"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, state: State, sha256: &str) -> File {
        let sha256 = (!sha256.is_empty()).then(|| sha256.to_owned());
        File { name: name.to_owned(), kind: Kind::Content, state, sha256, reason: None }
    }

    fn inputs(files: &[File]) -> Inputs {
        Inputs {
            template: "t".to_owned(),
            cwd: "/f".to_owned(),
            model: Some("a/one".to_owned()),
            files: files.to_vec(),
        }
    }

    fn built(inputs: Inputs) -> Built {
        Built { text: String::new(), built_at: 0, because: String::new(), inputs, outdated: None }
    }

    fn check(before: &File, now: &File) -> Option<String> {
        built(inputs(std::slice::from_ref(before))).outdated_by(&inputs(std::slice::from_ref(now)))
    }

    #[test]
    fn a_prompt_stays_as_long_as_all_that_counts_does() {
        let before = inputs(&[file("a", State::Used, "1")]);
        assert_eq!(built(before.clone()).outdated_by(&before), None);
        let unnamed = Inputs { model: None, ..before.clone() };
        assert_eq!(built(unnamed).outdated_by(&before), None, "the template does not ask for the model");
        for (now, why) in [
            (Inputs { template: "u".to_owned(), ..before.clone() }, "the template is another one"),
            (Inputs { cwd: "/g".to_owned(), ..before.clone() }, "the folder is another one"),
            (Inputs { model: Some("a/two".to_owned()), ..before.clone() }, "the model is another one"),
        ] {
            assert_eq!(built(before.clone()).outdated_by(&now).as_deref(), Some(why));
        }
        let marked = Built { outdated: Some("it was compacted".to_owned()), ..built(before.clone()) };
        assert_eq!(marked.outdated_by(&before).as_deref(), Some("it was compacted"));
    }

    #[test]
    fn a_file_counts_by_what_of_it_is_used() {
        use State::{Missing, Refused, Unfit, Untrusted, Used};
        let used = file("a", Used, "1");
        for (now, why) in [
            (file("a", Used, "2"), "`a` has another content"),
            (file("a", Untrusted, "2"), "`a` has another content"),
            (file("a", Untrusted, "1"), "`a` is not trusted any more"),
            (file("a", Refused, "1"), "`a` is not trusted any more"),
            (file("a", Unfit, ""), "`a` cannot be read any more"),
            (file("a", Missing, ""), "`a` is gone"),
        ] {
            assert_eq!(check(&used, &now).as_deref(), Some(why));
            assert!(check(&now, &used).is_some(), "{now:?}");
        }
        let unused = [
            file("a", Untrusted, "1"),
            file("a", Untrusted, "2"),
            file("a", Refused, "1"),
            file("a", Missing, ""),
        ];
        for (before, now) in unused.iter().flat_map(|one| unused.iter().map(move |other| (one, other))) {
            assert_eq!(check(before, now), None, "{before:?} {now:?}");
        }
        assert_eq!(check(&unused[0], &used).as_deref(), Some("`a` is used now"));
    }

    #[test]
    fn the_configuration_of_a_repository_counts_by_whether_it_is_trusted() {
        let config = |state, sha256| File { kind: Kind::Commands, ..file("c", state, sha256) };
        assert_eq!(check(&config(State::Used, "1"), &config(State::Used, "2")), None);
        assert!(check(&config(State::Used, "1"), &config(State::Untrusted, "2")).is_some());
    }
}
