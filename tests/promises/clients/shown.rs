//! What a page shows as an answer, compared with what came.

/// Whatever comes, in a line or as any number of lines.
const ANYTHING: &str = "…";

/// The reader has seen enough.
pub(super) const LEAVES: &str = "^C";

/// Where an answer comes from, line by line.
pub(super) trait Lines {
    /// The next line; `None` at the end.
    async fn next(&mut self) -> Option<String>;
}

/// Whether the lines are those that are shown.
///
/// # Errors
/// With what came instead.
pub(super) async fn compare(shown: &[String], lines: &mut impl Lines) -> Result<(), String> {
    let mut skips = false;
    for expected in shown {
        match expected.as_str() {
            LEAVES => return Ok(()),
            ANYTHING => skips = true,
            expected => {
                find(expected, skips, lines).await?;
                skips = false;
            }
        }
    }
    match lines.next().await {
        Some(line) if !skips => Err(format!("expected the end, came\n  {line}")),
        _ => Ok(()),
    }
}

async fn find(expected: &str, skips: bool, lines: &mut impl Lines) -> Result<(), String> {
    loop {
        match lines.next().await {
            Some(line) if fits(expected, &line) => return Ok(()),
            Some(_) if skips => {}
            Some(line) => return Err(format!("expected\n  {expected}\ncame\n  {line}")),
            None => return Err(format!("expected\n  {expected}\ncame the end")),
        }
    }
}

/// Whether a line is the one shown, in which `…` stands for anything.
fn fits(shown: &str, line: &str) -> bool {
    let Some((first, further)) = shown.split_once(ANYTHING) else { return shown == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let (between, last) = further.rsplit_once(ANYTHING).unwrap_or(("", further));
    for piece in between.split(ANYTHING) {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn a_line_fits_when_everything_that_is_shown_comes_in_order() {
    for (shown, line) in [("a", "a"), ("a…", "a"), ("a…d", "abcd"), ("…b…d…", "abcde"), ("…", "")]
    {
        assert!(fits(shown, line), "{shown} {line}");
    }
    for (shown, line) in [("a", "ab"), ("a…d", "abc"), ("ab…ba", "aba"), ("…c…b…", "abc"), ("", "a")]
    {
        assert!(!fits(shown, line), "{shown} {line}");
    }
}

#[tokio::test]
async fn what_is_not_shown_may_come_only_where_dots_stand() {
    struct Some(std::vec::IntoIter<&'static str>);
    impl Lines for Some {
        async fn next(&mut self) -> Option<String> {
            self.0.next().map(str::to_owned)
        }
    }
    let check = async |shown: &[&str]| {
        let shown: Vec<_> = shown.iter().map(|line| (*line).to_owned()).collect();
        compare(&shown, &mut Some(vec!["a", "b", "c"].into_iter())).await.is_ok()
    };
    for right in [&["a", "b", "c"][..], &["a", "…"], &["…", "c"], &["a", "…", "c"], &["a", "^C"], &["…"]]
    {
        assert!(check(right).await, "{right:?}");
    }
    for wrong in [&["a", "b"][..], &["b", "…"], &["…", "b"], &["a", "c"], &["…", "d"], &["a", "b", "c", "d"]]
    {
        assert!(!check(wrong).await, "{wrong:?}");
    }
}
