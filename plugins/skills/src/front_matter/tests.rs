//! What is read of front matter, and what is wrong with it.

use super::*;

fn parted(front_matter: &str) -> Result<FrontMatter, String> {
    let text = format!("---\n{front_matter}\n---\nbody\n");
    let (yaml, body) = split(&text)?;
    assert_eq!(body, "body\n", "{front_matter}");
    read(yaml)
}

fn check(front_matter: &str, expected: &str) {
    let read = parted(front_matter).expect("it is well formed");
    assert_eq!(read.description.as_deref(), Some(expected), "{front_matter}");
}

fn refused(front_matter: &str) -> String {
    parted(front_matter).expect_err("it is wrong")
}

#[test]
fn plain_values_lose_their_comments() {
    check("description: pdf", "pdf");
    check("description:   pdf  # the tool", "pdf");
    check("description: C#-style, 3:1", "C#-style, 3:1");
    check("description:", "");
    check("description: 3", "3");
}

#[test]
fn quoted_values_lose_their_quotes_and_keep_the_rest() {
    check(r#"description: "Say \"hi\": # no comment" # comment"#, r#"Say "hi": # no comment"#);
    check("description: 'It''s: fine # here' # comment", "It's: fine # here");
    check(r#"description: "tab\there, line\nthere, \u00e9\x1b""#, "tab here, line there, é");
    check("description: \"over\n  two lines\"", "over two lines");
}

#[test]
fn blocks_and_indented_lines_become_one_line() {
    for header in ["|", ">", ">-", "|+", ">2"] {
        check(&format!("description: {header}\n  one\n\n  two: # kept\n"), "one two: # kept");
    }
    check("description: one\n  two\n  three", "one two three");
}

#[test]
fn other_keys_do_not_disturb_whatever_they_hold() {
    let text = "# hello: world\nmetadata: {name: [inner]}\nallowed-tools:\n- read: x\n? [a, b]\n: c\n&a name: outer\nother: *a";
    let read = parted(text).expect("it is well formed");
    assert_eq!(read, FrontMatter { name: Some("outer".to_owned()), description: None });
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, told) in [
        ("name: a\nname: b", "its front matter is wrong: `name` stands there twice, line 3"),
        ("name: [a]", "its front matter is wrong: `name` is a list, expected text, line 2"),
        (
            "a: &x b\ndescription: *x",
            "its front matter is wrong: `description` is an alias, expected text, line 3",
        ),
        ("- name: a", "its front matter is wrong: it is no table of keys and values, line 2"),
        ("just words", "its front matter is wrong: it is no table of keys and values, line 2"),
    ] {
        assert_eq!(refused(text), told);
    }
    let told = refused("name: a\ndescription: Use it: always");
    assert!(
        told.starts_with("its front matter is not YAML: ") && told.contains(", line 3, column "),
        "{told}"
    );
    assert!(refused("description: \"never closed").starts_with("its front matter is not YAML: "));
    assert!(refused("a: *nobody").starts_with("its front matter is not YAML: "));
}

#[test]
fn an_alias_stands_for_nothing() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for number in 1..100 {
        let alias = format!("*a{}, ", number - 1).repeat(10);
        bomb += &format!("a{number}: &a{number} [{alias}]\n");
    }
    check(&format!("{bomb}description: still here"), "still here");
}

#[test]
fn depth_is_no_danger() {
    let deep = "[".repeat(8_000);
    drop(refused(&format!("a: {deep}")));
    drop(refused(&"- ".repeat(8_000)));
    check(&format!("a: {}{}\ndescription: b", "[".repeat(100), "]".repeat(100)), "b");
}

#[test]
fn endings_and_a_byte_order_mark_do_not_matter() {
    let (yaml, body) = split("\u{feff}---\r\nname: pdf\r\n---\r\nbody\r\n").expect("front matter");
    assert_eq!((read(yaml).expect("read").name.as_deref(), body), (Some("pdf"), "body\r\n"));
    assert_eq!(split("---\n---"), Ok(("", "")));
    assert_eq!(read(""), Ok(FrontMatter::default()));
    assert_eq!(read("# only a comment\n"), Ok(FrontMatter::default()));
}

#[test]
fn text_without_both_fences_has_none() {
    for text in ["", "name: pdf\n---\n", "\n---\nname: pdf\n---\n", "----\na: b\n---\n"] {
        assert_eq!(
            split(text),
            Err("it has no front matter: its first line is not `---`".to_owned()),
            "{text}"
        );
    }
    let open = Err("no line `---` ends its front matter within 16384 bytes".to_owned());
    assert_eq!(split("---\nname: pdf\n"), open);
    let late = format!("---\nname: {}\n---\nbody", "x".repeat(HEAD_BYTES));
    assert_eq!(split(&late), open);
    let exactly = format!("---\nname: {}\n---", "x".repeat(HEAD_BYTES - 14));
    assert_eq!((exactly.len(), split(&exactly).is_ok()), (HEAD_BYTES, true));
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

#[test]
fn garbage_is_read_or_refused_and_breaks_nothing() {
    const PIECES: [&str; 40] = [
        "name",
        "description",
        ": ",
        ":",
        "- ",
        "\n",
        "\n  ",
        "\n\n",
        "  ",
        "\t",
        "\"",
        "'",
        "\\",
        "\\u",
        "\\x4",
        "|",
        ">",
        "|2-",
        ">+9",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a",
        "*a",
        "!",
        "!!str ",
        "!<x>",
        "#",
        " #",
        "?",
        "? ",
        "%YAML 1.2\n",
        "---",
        "...\n",
        "é",
        "\u{85}",
        "\u{feff}",
        "\0",
    ];
    let mut dice = Dice(0x5eed);
    for _ in 0..2_000 {
        let length = dice.below(60);
        let text = if dice.below(2) == 0 {
            let bytes: Vec<u8> = (0..length * 4).map(|_| dice.below(256) as u8).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            (0..length).map(|_| PIECES[dice.below(PIECES.len())]).collect()
        };
        let _ = read(&text);
        let _ = split(&format!("---\n{text}\n---\n")).map(|(yaml, _)| read(yaml));
    }
}
