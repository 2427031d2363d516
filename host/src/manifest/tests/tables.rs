//! What an operator reads about the manifest itself.

use super::*;

/// A public key of minisign.
const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

#[test]
fn an_empty_manifest_is_all_defaults() {
    let manifest = sound("");
    assert_eq!(manifest.plugins, []);
    assert_eq!(manifest.host.data, None);
    assert_eq!(manifest.host.roots, [Path::new("./.")]);
    assert_eq!(manifest.host.stop_deadline_s, 10);
}

#[test]
fn a_whole_manifest_is_read() {
    let text = r#"
        [host]
        data = "${HOME}/data"
        roots = ["work", "/srv"]
        log = "debug"
        log_format = "json"
        log_limit = 50
        traces = false
        stop_deadline_s = 3
        watchdog_s = 9
        start_deadline_s = 4
        strict = true
        trusted_keys = ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]
        sealed = true

        [secrets]
        openai = "env:KEY"

        [order]
        "agent/turn.input" = ["skills", "audit"]

        [[plugin]]
        id = "skills"

        [[plugin]]
        id = "audit"
        source = "plugins/libaudit.so"
        required = true
        capabilities = ["net", "fs"]
        points = ["agent/*", "audit/said"]
        start_deadline_s = 60
        log = "trace"
        faults = { limit = 7 }
        settings.level = 3
    "#;
    let manifest = Manifest::parse_in(text, "/etc/transom/transom.toml", environment()).expect("it is sound");
    let HostSettings {
        data,
        roots,
        log,
        stop_deadline_s,
        start_deadline_s,
        watchdog_s,
        memory_log_s,
        retired_images,
        strict,
        log_format,
        log_limit,
        traces,
        trusted_keys,
        sealed,
    } = manifest.host.clone();
    assert_eq!((log_format, log_limit, traces), (LogFormat::Json, 50, Some(false)));
    assert_eq!((trusted_keys, sealed), (Some(vec![KEY.to_owned()]), true));
    assert_eq!(manifest.trusted_keys.as_ref().map(Vec::len), Some(1));
    assert_eq!((data, log), (Some("/home/ada/data".into()), "debug".into()));
    assert_eq!(roots, [Path::new("/etc/transom/work"), Path::new("/srv")]);
    assert_eq!((stop_deadline_s, start_deadline_s, strict), (3, 4, true));
    assert_eq!((watchdog_s, memory_log_s, retired_images), (Some(9), 60, 200));
    let [skills, audit] = &manifest.plugins[..] else { panic!("two plugins") };
    assert_eq!((skills.attach, &skills.source, skills.required), (Attach::Linked, &None, false));
    assert_eq!(manifest.start_deadline(skills).as_secs(), 4);
    assert_eq!((skills.log, audit.log), (None, Some(LogLevel::Trace)));
    assert_eq!(audit.attach, Attach::Dylib);
    assert_eq!(audit.source.as_deref(), Some(Path::new("/etc/transom/plugins/libaudit.so")));
    assert_eq!(audit.capabilities, Some(vec!["net".to_owned(), "fs".to_owned()]));
    assert_eq!(skills.capabilities, None);
    let points = audit.points.as_ref().expect("it has some").iter().map(|point| point.as_str());
    assert_eq!((points.collect::<Vec<_>>(), &skills.points), (vec!["agent/*", "audit/said"], &None));
    assert_eq!(manifest.secrets["openai"], Secret::new("s3cret-value"));
    assert_eq!(manifest.order().at("agent/turn.input"), ["skills", "audit"]);
    assert_eq!((audit.faults.limit, audit.faults.within.as_secs()), (7, 60));
    assert_eq!(manifest.start_deadline(audit).as_secs(), 60);
    let level = manifest.settings_for(audit, &json!({"type": "object"})).expect("the settings are sound");
    assert_eq!(level.expose(), r#"{"level":3}"#);
}

#[test]
fn an_unknown_key_comes_with_a_suggestion() {
    check(
        "[host]\nstop-deadline-s = 3\n",
        "error: unknown key `host.stop-deadline-s`\n  --> transom.toml:2:1\n  help: did you mean `stop_deadline_s`?",
    );
    check("[hosts]\n", "error: unknown key `hosts`\n  --> transom.toml:1:2\n  help: did you mean `host`?");
}

#[test]
fn an_unknown_key_without_a_likeness_comes_with_those_that_are_known() {
    check(
        "colour = 1\n",
        "error: unknown key `colour`\n  --> transom.toml:1:1\n  help: known here: `host`, `plugin`, `secrets` and `order`",
    );
    check(
        "[[plugin]]\nid = \"weather\"\nevery_s = 5\n",
        "error: unknown key `every_s` of plugin `weather`\n  --> transom.toml:3:1\n  help: known here: `id`, `source`, \
         `attach`, `required`, `capabilities`, `points`, `start_deadline_s`, `log`, `faults` and `settings`; the plugin's own go under \
         `[plugin.settings]`",
    );
}

#[test]
fn a_wrong_type_names_both() {
    check(
        "[host]\nstop_deadline_s = \"3\"\nlog = 5\nroots = \".\"\nstrict = 0.5\n",
        "error: `host.stop_deadline_s` is text, expected a whole number\n  --> transom.toml:2:19\n  help: remove the quotes\n\
         error: `host.log` is a whole number, expected text\n  --> transom.toml:3:7\n  help: put it in quotes\n\
         error: `host.roots` is text, expected a list\n  --> transom.toml:4:9\n  help: put it in brackets: `[…]`\n\
         error: `host.strict` is a fraction, expected true or false\n  --> transom.toml:5:10\n  \
         help: `strict`: Whether a plugin that does not start ends the host",
    );
}

#[test]
fn one_pair_of_brackets_too_few_is_recognised() {
    check(
        "[plugin]\nid = \"a\"\n",
        "error: `plugin` is a table, expected a list\n  --> transom.toml:1:1\n  help: write `[[plugin]]`, with two brackets, a table for each one",
    );
    check(
        "[host]\n\n[plugin]\nid = \"a\"\n\n[plugin]\nid = \"b\"\n",
        "error: duplicate key `plugin`\n  --> transom.toml:6:2\n  help: write `[[plugin]]`, with two brackets, a table for each one",
    );
    for (table, at) in [("[plugins]", "2"), ("[[plugins]]", "3")] {
        let text = format!("{table}\nid = \"a\"\n");
        check(
            &text,
            &format!(
                "error: unknown key `plugins`\n  --> transom.toml:1:{at}\n  help: write `[[plugin]]`, with two brackets, a table for each one"
            ),
        );
    }
    check(
        "[[plugin]]\nid = \"a\"\nsettings = 3\n",
        "error: `settings` of plugin `a` is a whole number, expected a table\n  --> transom.toml:3:12\n  \
         help: `settings`: The plugin's own settings",
    );
}

#[test]
fn a_number_out_of_bounds_comes_with_the_bounds() {
    check(
        "[host]\nstop_deadline_s = 0\n[[plugin]]\nid = \"a\"\nstart_deadline_s = 99999\n",
        "error: `host.stop_deadline_s` is 0, expected 1 to 3600\n  --> transom.toml:2:19\n  \
         help: `stop_deadline_s`: Seconds all plugins together have to stop. 1 to 3600\n\
         error: `start_deadline_s` of plugin `a` is 99999, expected 1 to 3600\n  --> transom.toml:5:20\n  \
         help: `start_deadline_s`: Seconds it has to start, instead of the host's `start_deadline_s`. 1 to 3600",
    );
}

#[test]
fn a_missing_id_is_told_at_its_table() {
    check(
        "[[plugin]]\nid = \"a\"\n[[plugin]]\nrequired = true\n",
        "error: `id` of plugin 2 is missing\n  --> transom.toml:3:1\n  \
         help: add `id`: The plugin's id: lower-case words joined by `-`",
    );
}

#[test]
fn a_misspelt_required_key_is_told_once() {
    check(
        "[[plugin]]\nidd = \"a\"\n",
        "error: unknown key `idd` of plugin 1\n  --> transom.toml:2:1\n  help: did you mean `id`?",
    );
}

#[test]
fn a_plugin_listed_twice_names_both_lines() {
    check(
        "[[plugin]]\nid = \"a\"\n[[plugin]]\nid = \"b\"\n[[plugin]]\nid = \"a\"\n",
        "error: plugin `a` is listed twice, first in line 2\n  --> transom.toml:6:6\n  help: remove one of lines 2 and 6",
    );
}

#[test]
fn an_id_that_is_none_is_told() {
    check(
        "[[plugin]]\nid = \"Not A\\nname\"\n",
        "error: `Not A\\nname` is no plugin's id\n  --> transom.toml:2:6\n  \
         help: use lower-case words joined by `-`, at most 64 characters",
    );
}

#[test]
fn a_source_and_its_attachment_have_to_agree() {
    check(
        "[[plugin]]\nid = \"a\"\nattach = \"dylib\"\n[[plugin]]\nid = \"b\"\nattach = \"linked\"\nsource = \"b.so\"\n",
        "error: plugin `a` is to be attached as a dylib, but has no `source`\n  --> transom.toml:3:10\n  \
         help: add `source`, the path of its shared library, or remove `attach`\n\
         error: plugin `b` is to be linked, but has a `source`\n  --> transom.toml:7:10\n  \
         help: remove `source` or `attach`",
    );
    check(
        "[[plugin]]\nid = \"a\"\nattach = \"dyllib\"\n",
        "error: `attach` of plugin `a` is `dyllib`, expected one of `linked` and `dylib`\n  --> transom.toml:3:10\n  \
         help: did you mean `dylib`?",
    );
}

#[test]
fn bad_syntax_is_told_alone_with_its_place() {
    check(
        "[host]\ndata = \n[[plugin]]\n",
        "error: string values must be quoted, expected literal string\n  --> transom.toml:2:8\n  help: a manifest is written in TOML; https://toml.io shows how",
    );
    check(
        "[host\n",
        "error: unclosed table, expected `]`\n  --> transom.toml:1:6\n  help: a manifest is written in TOML; https://toml.io shows how",
    );
    check(
        "a = 1\na = 2\n",
        "error: duplicate key `a`\n  --> transom.toml:2:1\n  help: a manifest is written in TOML; https://toml.io shows how",
    );
}

#[test]
fn a_missing_variable_is_told_with_its_place() {
    check(
        "[host]\ndata = \"${NOWHERE}/data\"\nlog = \"${WORD\"\n",
        "error: `host.data` needs environment variable `NOWHERE`, which is not set\n  --> transom.toml:2:8\n  \
         help: set `NOWHERE` before the host starts\n\
         error: `host.log` needs an environment variable, but its `${` is not closed\n  --> transom.toml:3:7\n  \
         help: close it with `}`, or write `$${` for a literal `${`",
    );
}

#[test]
fn several_faults_come_in_the_order_of_the_file() {
    check(
        "[[plugin]]\nid = \"a\"\nrequird = true\n[[plugin]]\nid = \"a\"\nattach = \"dylib\"\n[host]\nlog = 1\n[[plugin]]\n",
        "error: unknown key `requird` of plugin `a`\n  --> transom.toml:3:1\n  help: did you mean `required`?\n\
         error: plugin `a` is listed twice, first in line 2\n  --> transom.toml:5:6\n  help: remove one of lines 2 and 5\n\
         error: plugin `a` is to be attached as a dylib, but has no `source`\n  --> transom.toml:6:10\n  \
         help: add `source`, the path of its shared library, or remove `attach`\n\
         error: `host.log` is a whole number, expected text\n  --> transom.toml:8:7\n  help: put it in quotes\n\
         error: `id` of plugin 3 is missing\n  --> transom.toml:9:1\n  \
         help: add `id`: The plugin's id: lower-case words joined by `-`",
    );
}

#[test]
fn what_is_found_later_is_told_at_the_plugins_own_line() {
    let manifest = sound("[[plugin]]\nid = \"a\"\nsource = \"a.so\"\n");
    let fault = |key| {
        manifest.fault_at(&manifest.plugins[0], key, "plugin file `a.so` is empty".into(), None).to_string()
    };
    assert_eq!(fault("source"), "error: plugin file `a.so` is empty\n  --> transom.toml:3:10");
    assert_eq!(fault("settings"), "error: plugin file `a.so` is empty\n  --> transom.toml:1:1");
}

#[test]
fn a_manifest_that_cannot_be_read_is_a_fault_of_the_file() {
    let found = Manifest::load(Path::new("/nowhere/transom.toml")).expect_err("there is none").to_string();
    assert_eq!(found, "error: there is no such manifest\n  --> /nowhere/transom.toml");
}

#[test]
fn a_manifest_that_is_not_text_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("transom.toml");
    std::fs::write(&file, b"[host]\nlog = '\xff'\n").expect("it is written");
    let found = Manifest::load(&file).expect_err("it is not text").to_string();
    let expected = format!(
        "error: the manifest is not UTF-8 text\n  --> {}:2:8\n  help: save it as UTF-8",
        file.display()
    );
    assert_eq!(found, expected);
}

#[test]
fn a_word_that_is_no_level_is_not_taken_for_a_target() {
    check(
        "[host]\nlog = \"loud\"\n",
        "error: `host.log` holds `loud`, which is no level\n  --> transom.toml:2:7\n  help: write `error`, `warn`, `info`, \
         `debug`, `trace` or `off`, or levels by target as in `info,transom_kernel=debug`",
    );
    assert_eq!(sound("[host]\nlog = \"warn,transom_kernel=debug\"\n").host.log, "warn,transom_kernel=debug");
}

#[test]
fn levels_for_one_target_leave_the_others_as_they_are() {
    let levels = log_levels("transom_kernel=trace").expect("levels");
    assert!(levels.would_enable("transom_kernel", &tracing::Level::TRACE));
    assert!(levels.would_enable("transom_skills", &tracing::Level::INFO));
    assert!(
        !log_levels("off,transom_kernel=trace")
            .expect("levels")
            .would_enable("transom_skills", &tracing::Level::ERROR)
    );
}

#[test]
fn folders_that_are_nowhere_are_told() {
    check(
        "[host]\ndata = \"\"\nroots = []\n",
        "error: `host.data` is empty\n  --> transom.toml:2:8\n  help: name a folder, or leave it out for the user's own\n\
         error: `host.roots` is empty\n  --> transom.toml:3:9\n  help: name the folders that agents may work in, or leave it out",
    );
    check(
        "[host]\nroots = [\"\"]\n",
        "error: `host.roots` has an empty path\n  --> transom.toml:2:9\n  help: write `.` for the manifest's folder",
    );
}

#[test]
fn keys_that_are_none_are_told_and_not_shown() {
    check(
        "[host]\ntrusted_keys = []\n",
        "error: `host.trusted_keys` is empty\n  --> transom.toml:2:16\n  help: name the keys whose signatures count, or leave it out",
    );
    check(
        "[host]\ntrusted_keys = [\"s3cret\", \"file:nowhere.pub\"]\n",
        "error: `host.trusted_keys[0]` is no public key of minisign\n  --> transom.toml:2:17\n  \
         help: write the key as `minisign -G` shows it, `RW…`, or `file:` and the path of its file\n\
         error: `host.trusted_keys[1]` needs file `./nowhere.pub`, which does not exist\n  --> transom.toml:2:27\n  \
         help: a path is relative to the manifest's folder",
    );
}

#[test]
fn a_key_is_read_from_its_file() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    std::fs::write(folder.path().join("key.pub"), format!("untrusted comment: ours\n{KEY}\n"))
        .expect("it is written");
    let file = folder.path().join("transom.toml");
    let text = "[host]\ntrusted_keys = [\"file:key.pub\"]\n";
    let manifest = Manifest::parse(text, &file.display().to_string()).expect("it is sound");
    let ids: Vec<String> = manifest.trusted_keys.iter().flatten().map(|key| key.id().to_string()).collect();
    assert_eq!(ids, ["E7620F1842B4E81F"]);
    assert_eq!(sound("").trusted_keys, None);
}

#[test]
fn a_secret_never_shows() {
    let manifest = sound("[secrets]\nopenai = \"env:KEY\"\nhome = \"a${HOME}b\"\n");
    assert_eq!(manifest.secrets["home"].expose(), "a/home/adab");
    let shown = format!("{manifest:?}");
    assert!(shown.contains("openai") && !shown.contains("s3cret-value"), "{shown}");
    check(
        "[secrets]\nopenai = [\"s3cret-value\"]\nother = \"s3cret-value\"\n",
        "error: `secrets.openai` is a list, expected text\n  --> transom.toml:2:10\n  help: write `\"env:NAME\"`, `\"file:PATH\"` or `\"keyring:NAME\"`\n\
         error: the secret `other` is written into the manifest\n  --> transom.toml:3:9\n  \
         help: write `env:NAME`, `file:PATH` or `keyring:NAME`, so that the manifest can be shown to others",
    );
}
