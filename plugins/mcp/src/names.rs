//! The name under which a model calls a tool of a server: the same over restarts, whatever else is there.

use sha2::{Digest, Sha256};
use transom_plugin_api::sabotage::sabotaged;

/// Characters that providers take at most.
const LONGEST: usize = 64;
/// Between the server's name and the tool's.
const BETWEEN: &str = "__";
/// Digits of a digest that tell names apart.
const DIGITS: usize = 8;

/// `<server>__<tool>`, where that fits and can be read in one way only; else as much of it as fits, with a digest of both names. So no
/// two tools have one name, and none is named by what others there are.
pub(crate) fn name_of(server: &str, tool: &str) -> String {
    let plain = format!("{server}{BETWEEN}{tool}");
    let is_readable = !server.contains(BETWEEN) && !server.ends_with('_') && !tool.is_empty();
    if is_readable && plain.len() <= LONGEST && plain.chars().all(fits) || sabotaged("name-tools-alike") {
        return plain;
    }
    let fitting: String = plain.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    let kept = fitting.len().min(LONGEST - DIGITS - 1);
    format!("{}_{}", &fitting[..kept], digest(server, tool))
}

fn fits(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-' || character == '_'
}

fn digest(server: &str, tool: &str) -> String {
    let digest = Sha256::new().chain_update(server).chain_update([0]).chain_update(tool).finalize();
    format!("{digest:x}")[..DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fits_is_the_servers_and_the_tools() {
        assert_eq!(name_of("files", "read_file"), "files__read_file");
        assert_eq!(name_of("files", "_read"), "files___read");
    }

    #[test]
    fn whatever_a_server_calls_its_tools_a_provider_takes_the_names_and_they_differ() {
        let servers = ["a", "a_", "a__b", "b.c", "b_c", &"s".repeat(64)];
        let tools =
            ["", "c", "b__c", "_b", "é", "e", "a b", "a.b", "a/b", &"t".repeat(500), &"t".repeat(501)];
        let mut names: Vec<String> =
            servers.iter().flat_map(|server| tools.iter().map(|tool| name_of(server, tool))).collect();
        for name in &names {
            assert!((1..=64).contains(&name.len()) && name.chars().all(fits), "{name}");
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
    }

    #[test]
    fn a_name_is_the_same_after_a_restart() {
        assert_eq!(name_of("files", "a b"), "files__a_b_f9106e13");
    }
}
