//! Templates, from what they say to what comes of them, and those that are refused.

use super::*;

/// The values of a test: the model is known, the branch is blank, everything else is `?`.
fn filled(template: &str) -> String {
    let template = Template::read(template).expect("it is well-formed");
    let mut values = Values::new();
    loop {
        match template.fill(&values) {
            Ok(text) => return text,
            Err(Variable::Model) => drop(values.insert(Variable::Model, "a/one".to_owned())),
            Err(Variable::Branch) => drop(values.insert(Variable::Branch, " \n".to_owned())),
            Err(Variable::Unknown(tag)) => drop(values.insert(Variable::Unknown(tag), String::new())),
            Err(other) => drop(values.insert(other, "?".to_owned())),
        }
    }
}

fn fault(template: &str) -> String {
    Template::read(template).expect_err("it is refused").to_string()
}

#[test]
fn placeholders_become_values_and_everything_else_stays() {
    for (template, text) in [
        ("", ""),
        ("You are [prompt:model].", "You are a/one."),
        ("[prompt:model][prompt:model]", "a/onea/one"),
        ("[moon:phase]x", "x"),
        ("[a](https://b) [x] [ ] [[prompt:model]] ] [", "[a](https://b) [x] [ ] [a/one] ] ["),
        ("[note: this]", "[note: this]"),
        ("[prompt:\nmodel] [Else] [ endif]", "[prompt:\nmodel] [Else] [ endif]"),
        ("[prompt:model", "[prompt:model"),
        ("\n a\n\n[git:branch]\n", "a"),
    ] {
        assert_eq!(filled(template), text, "{template}");
    }
}

#[test]
fn blocks_stand_by_whether_a_value_is_blank() {
    for (template, text) in [
        ("[if prompt:model]yes[endif]", "yes"),
        ("[if git:branch]yes[endif]", ""),
        ("[if !git:branch]no[endif]", "no"),
        ("[if git:branch]yes[else]no[endif]", "no"),
        ("[if ! prompt:model]yes[else]no[endif]", "no"),
        ("[if moon:phase]yes[else]no[endif]", "no"),
        ("a[if prompt:model]b[if git:branch]c[else]d[if !git:branch]e[endif]f[endif]g[endif]h", "abdefgh"),
        ("[if prompt:model][else]no[endif]", ""),
    ] {
        assert_eq!(filled(template), text, "{template}");
    }
}

#[test]
fn only_values_that_decide_are_asked_for() {
    let template = "[if git:branch][file:a][else][system:date][endif]";
    let template = Template::read(template).expect("well-formed");
    let mut values = Values::new();
    assert_eq!(template.fill(&values), Err(Variable::Branch));
    values.insert(Variable::Branch, String::new());
    assert_eq!(template.fill(&values), Err(Variable::Date));
    values.insert(Variable::Date, "today".to_owned());
    assert_eq!(template.fill(&values).as_deref(), Ok("today"));
}

#[test]
fn a_value_is_not_expanded_again() {
    let template = Template::read("[prompt:cwd] [file:a]").expect("well-formed");
    let hostile = "[prompt:model] [if git:branch] [endif] [file:/etc/passwd]";
    let mut values = Values::from([(Variable::Cwd, "/x".to_owned())]);
    values.insert(Variable::File("a".to_owned()), hostile.to_owned());
    assert_eq!(template.fill(&values), Ok(format!("/x {hostile}")));
}

#[test]
fn what_is_unbalanced_is_told_with_its_place() {
    for (template, told) in [
        ("a\n é [if prompt:cwd] b", "the `[if …]` in line 2, column 4 has no `[endif]`"),
        ("[if prompt:cwd][if prompt:model][endif]", "the `[if …]` in line 1, column 1 has no `[endif]`"),
        ("a [endif]", "the `[endif]` in line 1, column 3 belongs to no `[if …]`"),
        ("\n\n[else]", "the `[else]` in line 3, column 1 belongs to no `[if …]`"),
        (
            "[if prompt:cwd][else]\n[else][endif]",
            "the `[else]` in line 2, column 1 is the second of its `[if …]`",
        ),
        (
            "[if cwd][endif]",
            "the condition `cwd` in line 1, column 1 is no variable, expected such as `prompt:cwd`",
        ),
        ("[if][endif]", "the condition `` in line 1, column 1 is no variable, expected such as `prompt:cwd`"),
    ] {
        assert_eq!(fault(template), told, "{template}");
    }
}

#[test]
fn a_hostile_template_is_refused_at_once() {
    let deep = "[if prompt:cwd]".repeat(10_000);
    assert_eq!(
        fault(&deep[..LONGEST]),
        "the `[if …]` in line 1, column 481 stands in 32 others, expected fewer"
    );
    assert_eq!(fault(&deep), "it has 150000 bytes, expected at most 65536");
    assert_eq!(fault(&"x".repeat(10 << 20)), "it has 10485760 bytes, expected at most 65536");
    let many: String = (0..65).map(|number| format!("[file:{number}]")).collect();
    assert_eq!(fault(&many), "the variable in line 1, column 567 is one too many, expected at most 64");
    let brackets = "[".repeat(LONGEST);
    assert_eq!(filled(&brackets), brackets);
    let begun = "[if ".repeat(LONGEST / 4);
    assert_eq!(filled(&begun), begun.trim());
    let fitting = format!("{}{}", "[if prompt:cwd]".repeat(DEEPEST), "[endif]".repeat(DEEPEST));
    assert_eq!(filled(&fitting), "");
}

#[test]
fn values_that_do_not_fit_any_more_are_left_out() {
    let template = Template::read(&"[file:a]".repeat(8_000)).expect("well-formed");
    let values = Values::from([(Variable::File("a".to_owned()), "x".repeat(60_000))]);
    assert_eq!(template.fill(&values).map(|text| text.len()), Ok(240_000));
}

#[test]
fn variables_that_nobody_knows_are_told() {
    let template = Template::read("[a:b][if c:d][e:f][else][a:b][endif][prompt:cwd]").expect("well-formed");
    assert_eq!(template.unknown().into_iter().collect::<Vec<_>>(), ["a:b", "c:d", "e:f"]);
}
