//! Who may use whom.

use super::repository::{Package, packages};

/// Folders and what they may use, of ours. `*` stands for one folder's name. What begins with `test:` may be used by
/// tests and benches only, what begins with `optional:` only under a feature.
const TABLE: &[(&str, &[&str], &str)] = &[
    ("plugin-api", &["plugin-api/macros"], "the ABI and the author's API: nothing but its own macros"),
    ("plugin-api/macros", &[], "nothing"),
    ("plugin-api/agent", &["plugin-api"], "the agent vocabulary"),
    ("plugin-api/entrance", &["plugin-api"], "what transports share: no point, no agent word"),
    (
        "plugin-api/upstream",
        &["plugin-api", "plugin-api/agent"],
        "what providers of models share: no settings, no plugin",
    ),
    (
        "plugin-api/testkit",
        &["plugin-api", "kernel", "host/loader", "test:plugin-api/agent", "test:tests/fixtures/*"],
        "tests a plugin against the real kernel",
    ),
    ("kernel", &["plugin-api", "test:tests/fixtures/*"], "no plugin, no agent word"),
    ("host/loader", &["plugin-api", "kernel", "test:tests/fixtures/*"], "section reader, dylib loading"),
    (
        "host",
        &[
            "plugin-api",
            "plugin-api/agent",
            "kernel",
            "host/loader",
            "optional:plugins/*",
            "test:plugins/*",
            "test:examples/*",
            "test:tests/fixtures/*",
        ],
        "a library without plugins; the bundled ones are the program's, under a feature",
    ),
    (
        "host/src/command/new/plugin",
        &["plugin-api", "plugin-api/agent", "test:plugin-api/testkit"],
        "what `transom new plugin` writes: a plugin like any other",
    ),
    (
        "plugins/*",
        &[
            "plugin-api",
            "plugin-api/agent",
            "plugin-api/entrance",
            "plugin-api/upstream",
            "plugins/*/contract",
            "test:plugin-api/testkit",
        ],
        "never another plugin, the kernel or the host",
    ),
    ("plugins/*/contract", &["plugin-api", "plugin-api/agent"], "a plugin's own points, for others"),
    (
        "examples/night-shift",
        &["test:plugins/*", "test:examples/night-shift/foreman"],
        "it knows a host as its clients and its operator do; its test has the plugins built",
    ),
    ("examples/night-shift/foreman", &["plugin-api", "plugin-api/agent"], "a plugin like any other"),
    (
        "examples/*",
        &[
            "plugin-api",
            "plugin-api/agent",
            "plugins/*/contract",
            "kernel",
            "host",
            "test:plugin-api/testkit",
        ],
        "what a user would use",
    ),
    ("tests/fixtures/*", &["plugin-api", "plugin-api/agent"], "plugins like any other"),
    ("tests/fixtures/dialects/*", &["plugin-api"], "plugins whose copies of a contract differ"),
    ("tests/loom", &[], "the kernel's own files, compiled with the model's primitives"),
    ("tests", &["*", "*/*", "*/*/*", "*/*/*/*"], "anything"),
];

#[test]
fn no_arrow_points_the_wrong_way() {
    let wrong: Vec<String> = packages().iter().flat_map(wrong_arrows).collect();
    assert!(wrong.is_empty(), "these arrows point the wrong way:\n{}\n\n{}", wrong.join("\n"), table());
}

#[test]
fn an_arrow_that_points_the_wrong_way_is_told() {
    let check = |from: &str, to: &str, is_for_tests, is_optional| {
        let uses = vec![super::repository::Use { folder: to.to_owned(), is_for_tests, is_optional }];
        wrong_arrows(&Package { folder: from.to_owned(), uses, targets: Vec::new() }).len()
    };
    assert_eq!(check("plugins/skills", "plugin-api", false, false), 0);
    assert_eq!(check("plugins/skills", "plugins/tools-fs/contract", false, false), 0);
    assert_eq!(check("plugins/skills", "plugins/tools-fs", false, false), 1);
    assert_eq!(check("plugins/skills", "plugins/tools-fs", true, false), 1);
    assert_eq!(check("plugins/skills", "kernel", false, false), 1);
    assert_eq!(check("plugins/skills", "plugin-api/testkit", true, false), 0);
    assert_eq!(check("plugins/skills", "plugin-api/testkit", false, false), 1);
    assert_eq!(check("host", "plugins/skills", false, true), 0);
    assert_eq!(check("host", "plugins/skills", false, false), 1);
    assert_eq!(check("kernel", "plugin-api/agent", true, false), 1);
    assert_eq!(check("somewhere/new", "plugin-api", false, false), 1);
}

fn wrong_arrows(package: &Package) -> Vec<String> {
    let Some((_, allowed, _)) = TABLE.iter().find(|(folder, ..)| is_like(folder, &package.folder)) else {
        return vec![format!("  `{}` is not in the table", package.folder)];
    };
    let is_allowed = |used: &&super::repository::Use| {
        allowed.iter().any(|pattern| match pattern.split_once(':') {
            Some(("test", folder)) => used.is_for_tests && is_like(folder, &used.folder),
            Some((_, folder)) => used.is_optional && is_like(folder, &used.folder),
            None => is_like(pattern, &used.folder),
        })
    };
    let wrong = package.uses.iter().filter(|used| !is_allowed(used));
    wrong.map(|used| format!("  `{}` → `{}`", package.folder, used.folder)).collect()
}

fn is_like(pattern: &str, folder: &str) -> bool {
    let (pattern, folder): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), folder.split('/').collect());
    pattern.len() == folder.len()
        && pattern.iter().zip(&folder).all(|(part, name)| *part == "*" || part == name)
}

fn table() -> String {
    let line = |(folder, allowed, why): &(&str, &[&str], &str)| {
        format!(
            "  {folder:20} may use {} ({why})",
            if allowed.is_empty() { "nothing".into() } else { allowed.join(", ") }
        )
    };
    TABLE.iter().map(line).collect::<Vec<_>>().join("\n")
}
