//! A line with `curl`, read as a shell and `curl` would read it.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::Chars;

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// Whether the status is written behind the answer.
    pub(super) shows_status: bool,
}

/// What is written behind an answer, as it stands in a line.
const STATUS: &str = r" %{http_code}\n";

impl Asked {
    /// Reads a line; what this test does not know is an error, so that no example goes untested.
    pub(super) fn read(line: &str, variables: &HashMap<&str, String>) -> Result<Self, String> {
        let mut words = words(line, variables)?.into_iter();
        if words.next().as_deref() != Some("curl") {
            return Err("is no `curl`".to_owned());
        }
        let (mut method, mut target, mut body) = (None, None, None);
        let (mut headers, mut shows_status) = (Vec::new(), false);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("has nothing behind `{word}`"));
            match word.as_str() {
                "-s" | "-N" | "-sN" => {}
                "-X" => method = Some(value()?),
                "-d" => body = Some(value()?),
                "-H" => {
                    let header = value()?;
                    let (name, value) = header.split_once(": ").ok_or("has a header without `: `")?;
                    headers.push((name.to_lowercase(), value.to_owned()));
                }
                "-w" if value()? == STATUS => shows_status = true,
                address if address.starts_with("http://") => {
                    let path = address["http://".len()..].find('/').ok_or("has an address without a path")?;
                    target = Some(address["http://".len() + path..].to_owned());
                }
                other => return Err(format!("has `{other}`, which this test does not know")),
            }
        }
        let mut default = |name: &str, value: &str| {
            if !headers.iter().any(|(known, _)| known == name) {
                headers.push((name.to_owned(), value.to_owned()));
            }
        };
        default("accept", "*/*");
        if body.is_some() {
            default("content-type", "application/x-www-form-urlencoded");
        }
        let usual = if body.is_some() { "POST" } else { "GET" };
        let method = method.unwrap_or_else(|| usual.to_owned());
        let target = target.ok_or("has no address")?;
        Ok(Self { method, target, headers, body: body.unwrap_or_default(), shows_status })
    }
}

impl Asked {
    /// Whether that route answers it, such as `GET /a/:b`.
    pub(super) fn is_for(&self, route: &str) -> bool {
        let path = self.target.split('?').next().unwrap_or_default();
        let Some((method, pattern)) = route.split_once(' ') else { return false };
        let (parts, patterns): (Vec<_>, Vec<_>) = (path.split('/').collect(), pattern.split('/').collect());
        let fits = |(part, pattern): (&&str, &&str)| pattern.starts_with(':') || part == pattern;
        self.method == method && parts.len() == patterns.len() && parts.iter().zip(&patterns).all(fits)
    }
}

/// The words of a line: quotes undone, variables put in where a shell would.
fn words(line: &str, variables: &HashMap<&str, String>) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut letters = line.chars().peekable();
    let mut word: Option<String> = None;
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => words.extend(word.take()),
            '\'' => {
                word.get_or_insert_default().extend(letters.by_ref().take_while(|letter| *letter != '\''))
            }
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                    put(letter, &mut letters, variables, word)?;
                }
            }
            letter => put(letter, &mut letters, variables, word.get_or_insert_default())?,
        }
    }
    words.extend(word);
    Ok(words)
}

fn put(
    letter: char,
    letters: &mut Peekable<Chars<'_>>,
    variables: &HashMap<&str, String>,
    word: &mut String,
) -> Result<(), String> {
    if letter != '$' {
        word.push(letter);
        return Ok(());
    }
    let mut name = String::new();
    while let Some(letter) = letters.next_if(char::is_ascii_uppercase) {
        name.push(letter);
    }
    let value = variables.get(name.as_str()).ok_or_else(|| format!("has `${name}`, which nothing set"))?;
    word.push_str(value);
    Ok(())
}

#[test]
fn a_line_is_read_as_a_shell_and_curl_read_it() {
    let variables = HashMap::from([("H", "http://h:1".to_owned()), ("J", "Content-Type: a/b".to_owned())]);
    let read = |line: &str| Asked::read(line, &variables);
    let asked =
        read(r#"curl -sN "$H/a?b=c" -H "$J" -d '{"a": "$J"}' -w ' %{http_code}\n'"#).expect("it is read");
    let headers =
        [("content-type", "a/b"), ("accept", "*/*")].map(|(name, value)| (name.into(), value.into()));
    let expected = Asked {
        method: "POST".to_owned(),
        target: "/a?b=c".to_owned(),
        headers: headers.into(),
        body: r#"{"a": "$J"}"#.to_owned(),
        shows_status: true,
    };
    assert_eq!(asked, expected);
    for wrong in ["wget $H/a", "curl", "curl $X/a", "curl -o file $H/a", "curl $H/a -X", "curl $H/a | head"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
