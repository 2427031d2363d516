//! Front matter: the `key: value` lines between two lines of `---` at the start of a file.
//!
//! It reads the part of YAML that people write there: plain, quoted and block values, each taken as one line of
//! text. Nested tables and lists are passed over by whoever asks for other keys only.

use std::collections::BTreeMap;

/// The values by key, and the text behind the closing line. Nothing when the text does not begin with front matter.
pub(crate) fn split(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n');
    let opening = lines.next().filter(|line| is_fence(line))?;
    let mut end = opening.len();
    let mut inside = Vec::new();
    for line in lines {
        end += line.len();
        if is_fence(line) {
            return Some((values(&inside), &text[end..]));
        }
        inside.push(line.trim_end());
    }
    None
}

fn is_fence(line: &str) -> bool {
    line.trim_end() == "---"
}

fn values(lines: &[&str]) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut rest = lines;
    while let Some((line, behind)) = rest.split_first() {
        let length = behind.iter().take_while(|line| continues(line)).count();
        let (continuation, next) = behind.split_at(length);
        if let Some((key, first)) = key_and_value(line) {
            // The first of equal keys counts, as the catalogue and the loader must agree on one.
            values.entry(key.to_owned()).or_insert_with(|| value(first, continuation));
        }
        rest = next;
    }
    values
}

fn continues(line: &str) -> bool {
    line.is_empty() || line.starts_with([' ', '\t'])
}

fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_key = !key.is_empty() && !key.starts_with(['#', ' ', '\t', '-']);
    let is_apart = value.is_empty() || value.starts_with([' ', '\t']);
    (is_key && is_apart).then(|| (key.trim(), value.trim()))
}

fn value(first: &str, continuation: &[&str]) -> String {
    match first.chars().next() {
        Some('|' | '>') => one_line(continuation.iter().copied()),
        Some(quote @ ('"' | '\'')) => {
            let joined = one_line([first].into_iter().chain(continuation.iter().copied()));
            if quote == '"' { double_quoted(&joined[1..]) } else { single_quoted(&joined[1..]) }
        }
        _ => one_line([first].iter().chain(continuation).map(|line| without_comment(line))),
    }
}

/// The words of all lines, one space apart.
pub(crate) fn one_line<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    lines.into_iter().flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

fn without_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') { "" } else { line.split_once(" #").map_or(line, |(before, _)| before) }
}

fn single_quoted(text: &str) -> String {
    let mut value = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\'' && characters.next_if_eq(&'\'').is_none() {
            break;
        }
        value.push(character);
    }
    value
}

fn double_quoted(text: &str) -> String {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(escaped(&mut characters)),
            other => value.push(other),
        }
    }
    one_line([value.as_str()])
}

fn escaped(characters: &mut std::str::Chars<'_>) -> Option<char> {
    match characters.next()? {
        'n' | 't' | 'r' => Some(' '),
        'u' => {
            let digits: String = characters.by_ref().take(4).collect();
            u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
        }
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(front_matter: &str, key: &str, expected: &str) {
        let text = format!("---\n{front_matter}\n---\nbody\n");
        let (values, body) = split(&text).expect("front matter");
        assert_eq!((values.get(key).map(String::as_str), body), (Some(expected), "body\n"), "{front_matter}");
    }

    #[test]
    fn plain_values_lose_their_comments_and_keep_their_colons() {
        check("name: pdf", "name", "pdf");
        check("name:   pdf  # the tool", "name", "pdf");
        check("description: Use it: always, C#-style", "description", "Use it: always, C#-style");
        check("name:", "name", "");
    }

    #[test]
    fn quoted_values_lose_their_quotes_and_keep_the_rest() {
        check(
            r#"description: "Say \"hi\": # no comment" # comment"#,
            "description",
            r#"Say "hi": # no comment"#,
        );
        check("description: 'It''s: fine # here' # comment", "description", "It's: fine # here");
        check(r#"description: "tab\there, line\nthere, \u00e9""#, "description", "tab here, line there, é");
        check("description: \"over\n  two lines\"", "description", "over two lines");
        check("description: \"never closed", "description", "never closed");
        check("description: \"", "description", "");
    }

    #[test]
    fn blocks_and_indented_lines_become_one_line() {
        for header in ["|", ">", ">-", "|+", ">2"] {
            check(
                &format!("description: {header}\n  one\n\n  two: # kept\n"),
                "description",
                "one two: # kept",
            );
        }
        check("description: one\n  two # comment\n  three", "description", "one two three");
        check("description:\n  one\n  two", "description", "one two");
    }

    #[test]
    fn tables_lists_and_comments_around_do_not_disturb() {
        let text =
            "# hello: world\nmetadata:\n  name: inner\nallowed-tools:\n- read: x\nname: outer\nname: second";
        check(text, "name", "outer");
    }

    #[test]
    fn endings_and_a_byte_order_mark_do_not_matter() {
        let (values, body) = split("\u{feff}---\r\nname: pdf\r\n---\r\nbody\r\n").expect("front matter");
        assert_eq!((values["name"].as_str(), body), ("pdf", "body\r\n"));
        assert_eq!(split("---\n---").map(|(values, body)| (values.len(), body)), Some((0, "")));
    }

    #[test]
    fn text_without_both_fences_has_none() {
        for text in
            ["", "name: pdf\n---\n", "---\nname: pdf\n", "\n---\nname: pdf\n---\n", "----\na: b\n---\n"]
        {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
