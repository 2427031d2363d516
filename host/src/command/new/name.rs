//! [`Name`]: a plugin's id, and what follows from it: its crate's name and its settings' type.

use transom_loader::{is_plugin_id, linked};

use super::Unmade;

/// The id of a plugin that can be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name(String);

/// Ids that are no plugin's: the host's own, and that of a test.
const SEATS: [&str; 2] = ["host", "test"];

/// What a crate cannot be called: words of Rust's that are ids too, crates that are always there, and those that the new
/// one uses.
const CRATES: &str = "abstract alloc as async await become box break const continue core crate do dyn else enum extern \
     false final fn for gen if impl in let loop macro match mod move mut override priv proc-macro pub ref return self \
     static std struct super trait transom-agent transom-plugin-api transom-testkit true try type typeof unsafe \
     unsized use virtual where while yield";

/// Types that the new crate names; a plugin of that name gets another type.
const TYPES: &str = "Applier Box CallContext CallError CallErrorKind Caller Clone Copy Default Drop Emitter Event Filter \
     Fn Host HttpReply HttpRequest HttpRoute ItemStream Items Json Link List Listener Mailbox Map Maybe Opaque Option \
     Plugin Ports Provided Received Refusal Result Rung Secret Send Server Service Settings Shared StartError \
     StreamCaller StreamServer StreamService String Sync Text Vec";

impl Name {
    /// Checks it.
    pub(super) fn parse(name: &str) -> Result<Self, Unmade> {
        if !is_plugin_id(name) || name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(Unmade::new(
                format!("`{name}` cannot be the name of a plugin"),
                "a name is lower-case words joined by `-`, at most 64 characters, such as `door-bell`",
            ));
        }
        let another =
            |problem: String| Err(Unmade::new(problem, format!("name it `my-{name}`, or what it does")));
        if CRATES.split_whitespace().any(|taken| taken == name) {
            return another(format!("a crate cannot be called `{name}`"));
        }
        let inside = linked().unwrap_or_default();
        if SEATS.contains(&name) || inside.iter().any(|plugin| plugin.descriptor.id == name) {
            return another(format!("this program has `{name}` inside already"));
        }
        Ok(Self(name.to_owned()))
    }

    /// `door-bell`
    pub(super) fn id(&self) -> &str {
        &self.0
    }

    /// `door_bell`
    pub(super) fn in_code(&self) -> String {
        self.0.replace('-', "_")
    }

    /// `DoorBell`
    pub(super) fn of_type(&self) -> String {
        let capitalised = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        let name: String = self.0.split('-').map(capitalised).collect();
        let is_taken = TYPES.split_whitespace().any(|taken| taken == name);
        if is_taken { name + "Plugin" } else { name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_id_that_a_crate_can_have() {
        for good in ["a", "door-bell", "s3-2", "skills"] {
            assert_eq!(Name::parse(good), Ok(Name(good.to_owned())));
        }
        for bad in ["", "DoorBell", "door_bell", "3d", "a--b", "../a", "fn", "core", "transom-agent", "host"]
        {
            let unmade = Name::parse(bad).expect_err(bad);
            assert!(unmade.problem.contains(&format!("`{bad}`")), "{unmade:?}");
        }
    }

    #[test]
    fn the_type_is_not_one_that_the_crate_uses() {
        let type_of = |name: &str| Name(name.to_owned()).of_type();
        assert_eq!([type_of("door-bell"), type_of("s3-2"), type_of("a")], ["DoorBell", "S32", "A"]);
        assert_eq!([type_of("rung"), type_of("settings")], ["RungPlugin", "SettingsPlugin"]);
    }

    #[test]
    fn the_types_that_are_taken_are_those_of_the_template_and_its_prelude() {
        let template = include_str!("plugin/src/lib.rs");
        let words = template.split(|c: char| !c.is_ascii_alphanumeric());
        let types = words.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()) && word.len() > 1);
        let is_own = |word: &&str| word.starts_with("DoorBell");
        let is_prose =
            |word: &&str| ["Does", "Rings", "Says", "Said", "Somebody", "The", "What", "Who"].contains(word);
        let is_constant = |word: &&str| word.bytes().all(|byte| byte.is_ascii_uppercase());
        let is_variant = |word: &&str| ["Ok"].contains(word);
        for word in types.filter(|w| !is_own(w) && !is_prose(w) && !is_constant(w) && !is_variant(w)) {
            assert!(TYPES.split_whitespace().any(|taken| taken == word), "`{word}` is not in the list");
        }
    }
}
