//! What a server's process is told of the host's environment: what programs need to run, and nothing else.

use std::ffi::OsString;

use transom_plugin_api::sabotage::sabotaged;

/// Variables that are passed on; a `*` at the end stands for any characters.
const PASSED: [&str; 6] = ["PATH", "HOME", "LANG", "LC_*", "TERM", "TMPDIR"];

/// The variables that are passed on. Keys of providers are none of them.
pub(crate) fn passed(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    all.filter(|(name, _)| sabotaged("tell-servers-everything") || name.to_str().is_some_and(is_passed))
        .collect()
}

fn is_passed(name: &str) -> bool {
    PASSED
        .iter()
        .any(|passed| passed.strip_suffix('*').map_or(name == *passed, |head| name.starts_with(head)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_the_list_is_not_passed_on() {
        let names =
            ["PATH", "PATHS", "LC_ALL", "LANG", "OPENAI_API_KEY", "HOME", "TERM", "TMPDIR", "LD_PRELOAD"];
        let passed = passed(names.iter().map(|name| (name.into(), "x".into())));
        let passed: Vec<_> = passed.iter().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(passed, ["PATH", "LC_ALL", "LANG", "HOME", "TERM", "TMPDIR"]);
    }
}
