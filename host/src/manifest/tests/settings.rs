//! What an operator reads about a plugin's settings.

use super::*;

/// The same for the settings of the first plugin.
fn check_settings(text: &str, schema: &Value, expected: &str) {
    let manifest = sound(text);
    let found = manifest.settings_for(&manifest.plugins[0], schema).expect_err("the settings have faults");
    let found = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert_eq!(found, expected, "found:\n{found}");
}

fn settings(text: &str, schema: &Value) -> Value {
    let manifest = sound(text);
    let secret = manifest.settings_for(&manifest.plugins[0], schema).expect("the settings are sound");
    serde_json::from_str(secret.expose()).expect("it is JSON")
}

#[test]
fn sound_settings_become_json_without_defaults() {
    let text = with_settings(
        "key = 'k'\nport = 443\nfactor = 1\nunit = 'celsius'\nplaces = [{ name = 'Ulm', height_m = 478.5 }]\n\
         headers = { a = 'b' }\nanything = [1, 'x', { y = true }]\n",
    );
    assert_eq!(
        settings(&text, &weather()),
        json!({
            "anything": [1, "x", {"y": true}],
            "factor": 1,
            "headers": {"a": "b"},
            "key": "k",
            "places": [{"name": "Ulm", "height_m": 478.5}],
            "port": 443,
            "unit": "celsius",
        })
    );
}

#[test]
fn faults_in_settings_name_setting_and_plugin() {
    check_settings(
        &with_settings(
            "kee = 'k'\nevery_s = 5\nport = 70000\nfactor = 1.75\nunit = 'kelvin'\nloud = 'true'\n",
        ),
        &weather(),
        "error: unknown setting `kee` of plugin `weather`\n  --> transom.toml:4:1\n  help: did you mean `key`?\n\
         error: setting `every_s` of plugin `weather` is 5, expected at least 10\n  --> transom.toml:5:11\n  \
         help: `every_s`: Seconds between two questions. At least 10\n\
         error: setting `port` of plugin `weather` is 70000, expected 1 to 65535\n  --> transom.toml:6:8\n\
         error: setting `factor` of plugin `weather` is 1.75, expected at most 1.5\n  --> transom.toml:7:10\n\
         error: setting `unit` of plugin `weather` is `kelvin`, expected one of `celsius` and `fahrenheit`\n  \
         --> transom.toml:8:8\n  help: `unit`: Unit of answers\n\
         error: setting `loud` of plugin `weather` is text, expected true or false\n  --> transom.toml:9:8\n  \
         help: remove the quotes",
    );
}

#[test]
fn faults_in_nested_tables_name_the_whole_path() {
    check_settings(
        &with_settings(
            "key = 'k'\nheaders.\"x y\" = 1\n[[plugin.settings.places]]\nname = 'Ulm'\n\
             [[plugin.settings.places]]\nheight_m = -1\nwidth = 3\n",
        ),
        &weather(),
        "error: setting `headers.\"x y\"` of plugin `weather` is a whole number, expected text\n  --> transom.toml:5:17\n  \
         help: put it in quotes\n\
         error: setting `places[1].name` of plugin `weather` is missing\n  --> transom.toml:8:1\n  help: add `name`\n\
         error: setting `places[1].height_m` of plugin `weather` is -1, expected at least 0\n  --> transom.toml:9:12\n\
         error: unknown setting `places[1].width` of plugin `weather`\n  --> transom.toml:10:1\n  \
         help: known here: `name` and `height_m`",
    );
}

#[test]
fn a_missing_setting_is_told_also_where_there_is_no_table() {
    let missing = |line| {
        format!(
            "error: setting `key` of plugin `weather` is missing\n  --> transom.toml:{line}:1\n  \
             help: add `key`: Key of the account"
        )
    };
    check_settings(&with_settings("loud = true\n"), &weather(), &missing(3));
    check_settings("[[plugin]]\nid = \"weather\"\n", &weather(), &missing(1));
}

#[test]
fn a_plugin_without_settings_refuses_every_setting() {
    check_settings(
        &with_settings("a = 1\n"),
        &json!({"type": "object", "additionalProperties": false, "properties": {}, "required": []}),
        "error: unknown setting `a` of plugin `weather`\n  --> transom.toml:4:1\n  help: remove it: there is nothing to set here",
    );
}

#[test]
fn a_secret_is_resolved_and_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("token"), "from-a-file\n").expect("it is written");
    let file = folder.path().join("transom.toml");
    std::fs::write(
        &file,
        with_settings("key = 'file:token'\nheaders = { a = 'env:KEY', b = 'written-here' }\n"),
    )
    .expect("it is written");
    let mut manifest = Manifest::load(&file).expect("it is sound");
    manifest.environment = environment();
    let secret = manifest.settings_for(&manifest.plugins[0], &weather()).expect("the settings are sound");
    let expected = json!({"headers": {"a": "s3cret-value", "b": "written-here"}, "key": "from-a-file"});
    assert_eq!(serde_json::from_str::<Value>(secret.expose()).expect("it is JSON"), expected);
    let shown = format!("{manifest:?} {secret:?}");
    for value in ["s3cret-value", "from-a-file", "written-here"] {
        assert!(!shown.contains(value), "{shown}");
    }
}

#[test]
fn a_fault_never_repeats_a_secret() {
    check_settings(
        &with_settings(
            "key = 12345\n[plugin.settings.headers]\na = 'env:NOWHERE'\nb = 'file:/nowhere/b'\nc = 'env:'\n",
        ),
        &weather(),
        "error: setting `key` of plugin `weather` is a whole number, expected text\n  --> transom.toml:4:7\n  \
         help: put it in quotes\n\
         error: setting `headers.a` of plugin `weather` needs environment variable `NOWHERE`, which is not set\n  \
         --> transom.toml:6:5\n  help: set `NOWHERE` before the host starts\n\
         error: setting `headers.b` of plugin `weather` needs file `/nowhere/b`, which does not exist\n  \
         --> transom.toml:7:5\n  help: a path is relative to the manifest's folder\n\
         error: setting `headers.c` of plugin `weather` needs environment variable ``, which is no name\n  \
         --> transom.toml:8:5\n  help: a name is letters, digits and `_`, and begins with no digit",
    );
}

#[test]
fn a_reference_is_plain_text_where_no_secret_is_wanted() {
    let text = with_settings("key = 'k'\nanything = 'env:KEY'\n");
    assert_eq!(settings(&text, &weather())["anything"], "env:KEY");
}

#[test]
fn numbers_and_truths_can_come_from_the_environment() {
    let text = with_settings("key = 'k'\nport = '${PORT}'\nfactor = '0.${PORT}'\n");
    let settings = settings(&text, &weather());
    assert_eq!((&settings["port"], &settings["factor"]), (&json!(8080), &json!(0.808)));
    check_settings(
        &with_settings("key = 'k'\nport = '${WORD}'\nevery_s = '-${PORT}'\nunit = '${KEY}'\n"),
        &weather(),
        "error: setting `port` of plugin `weather` is `${WORD}`, which is not a whole number when filled in\n  \
         --> transom.toml:5:8\n\
         error: setting `every_s` of plugin `weather` is -8080, expected at least 10\n  --> transom.toml:6:11\n  \
         help: `every_s`: Seconds between two questions. At least 10\n\
         error: setting `unit` of plugin `weather` is `${KEY}`, expected one of `celsius` and `fahrenheit`\n  \
         --> transom.toml:7:8\n  help: `unit`: Unit of answers",
    );
}

#[test]
fn numbers_that_no_type_holds_are_out_of_bounds() {
    check_settings(
        &with_settings(
            "key = 'k'\nevery_s = 18446744073709551616\noffset = 9223372036854775808\nfactor = nan\nanything = -1e999\n",
        ),
        &weather(),
        "error: setting `every_s` of plugin `weather` is 18446744073709551616, expected 10 to 18446744073709551615\n  \
         --> transom.toml:5:11\n  help: `every_s`: Seconds between two questions. At least 10\n\
         error: setting `offset` of plugin `weather` is 9223372036854775808, expected -9223372036854775808 to 9223372036854775807\n  \
         --> transom.toml:6:10\n\
         error: setting `factor` of plugin `weather` is NaN, expected a finite number\n  --> transom.toml:7:10\n\
         error: setting `anything` of plugin `weather` is -inf, expected a finite number\n  --> transom.toml:8:12",
    );
}

#[test]
fn dates_have_to_be_written_as_text() {
    check_settings(
        &with_settings("key = 'k'\nanything = 1979-05-27\nunit = 07:32:00\n"),
        &weather(),
        "error: setting `anything` of plugin `weather` is a date or time, which JSON does not have\n  \
         --> transom.toml:5:12\n  help: put it in quotes\n\
         error: setting `unit` of plugin `weather` is a date or time, expected text\n  --> transom.toml:6:8\n  \
         help: put it in quotes",
    );
}

#[test]
fn any_schema_is_borne() {
    let text = with_settings("key = 'k'\nplaces = [1]\n");
    for odd in [
        json!(null),
        json!(7),
        json!([]),
        json!({"type": 3}),
        json!({"type": "object", "properties": [], "required": 1}),
    ] {
        assert_eq!(settings(&text, &odd), json!({"key": "k", "places": [1]}));
    }
    let nested =
        json!({"type": "object", "properties": {"places": {"type": "array", "items": 3, "enum": {}}}});
    assert_eq!(settings(&text, &nested), json!({"key": "k", "places": [1]}));
}
