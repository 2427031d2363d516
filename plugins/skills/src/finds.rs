//! [`Finds`]: what was found in a tree, and the digest by which an operator trusts all of it.

use sha2::{Digest, Sha256};

use crate::catalogue::Candidate;

/// What may be a skill in a tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finds {
    pub(crate) candidates: Vec<Candidate>,
    /// The digest of what `sha256sum` prints of their files, in byte order of their paths; one that cannot be read has a `-` in place of its
    /// digest.
    pub(crate) sha256: String,
}

impl Finds {
    pub(crate) fn of(candidates: Vec<Candidate>) -> Self {
        let mut files: Vec<_> = candidates.iter().collect();
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let sums: String = files.into_iter().map(sum).collect();
        Self { sha256: digest(&sums), candidates }
    }
}

/// A line of `sha256sum`, which escapes what could be taken for another line.
fn sum(candidate: &Candidate) -> String {
    let path = candidate.path.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    let mark = if path == candidate.path { "" } else { "\\" };
    format!("{mark}{}  {path}\n", candidate.sha256.as_deref().unwrap_or("-"))
}

/// SHA-256, in hexadecimal digits.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use crate::tree::tests::{looked, scene};

    fn sha256(files: &[(&str, &str)]) -> String {
        looked(&scene(files)).finds().sha256.clone()
    }

    #[test]
    fn it_is_what_a_terminal_says() {
        let files = [("b.md", "two"), ("a/c.md", "one"), ("Z.md", "three"), ("odd\n\\name.md", "four")];
        let said = Command::new("sh")
            .args([
                "-c",
                "find . -name '*.md' -print0 | cut -zc3- | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum",
            ])
            .current_dir(scene(&files).keep().join("tree"))
            .output()
            .expect("it runs");
        let said = String::from_utf8(said.stdout).expect("text");
        assert_eq!(said.split(' ').next(), Some(sha256(&files).as_str()), "{said}");
    }

    #[test]
    fn any_other_skill_or_content_is_another_one() {
        let first = sha256(&[("a.md", "one"), ("b.md", "two")]);
        assert_eq!(sha256(&[("b.md", "two"), ("a.md", "one"), ("c.txt", "no skill")]), first);
        for other in [
            [("a.md", "one"), ("b.md", "2")],
            [("a.md", "two"), ("b.md", "one")],
            [("a.md", "one"), ("c.md", "two")],
            [("a.md", "one"), ("b/SKILL.md", "two")],
        ] {
            assert_ne!(sha256(&other), first, "{other:?}");
        }
        assert_ne!(sha256(&[("a.md", "one")]), first);
    }
}
