//! What a shell would run, as far as that can be told without being one.
//!
//! A command is *plain* when every word of it means itself: nothing in it is put in, put together, or led elsewhere by the shell.
//! Then it is known which programs run with which words, and a rule can speak of them. Anything else is not, however harmless:
//! rules that allow are never held against it.

use transom_plugin_api::sabotage::sabotaged;

/// Characters that a shell may do something with, wherever they stand outside of single quotes. Those that stand for names of files
/// are among them: which words a program gets depends on what somebody has put into a folder then.
const MAGIC: [char; 18] =
    ['$', '`', '\\', '<', '>', '(', ')', '{', '}', '[', ']', '*', '?', '~', '!', '#', '\r', '\0'];
/// The same in double quotes, where fewer are.
const MAGIC_IN_QUOTES: [char; 5] = ['$', '`', '\\', '!', '\0'];

/// The commands of a command line, each as its words with a blank between them; `None` when it is not plain.
pub(crate) fn commands(line: &str) -> Option<Vec<String>> {
    parts(line)?.into_iter().filter(|part| !part.trim().is_empty()).map(command).collect()
}

/// One command, in words.
fn command(part: &str) -> Option<String> {
    let words = shlex::split(part)?;
    let program = words.first()?;
    let is_of_program = |c: char| c.is_ascii_alphanumeric() || "_-./+".contains(c);
    (!program.is_empty() && program.chars().all(is_of_program)).then(|| words.join(" "))
}

/// The parts between `;`, `&&`, `||`, `|` and line ends; `None` when it is not plain, or a quote is not closed.
fn parts(line: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut begin, mut quote) = (0, None);
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some('\''), '\0') => return None,
            (Some('\''), _) => {}
            (Some(_), _) if MAGIC_IN_QUOTES.contains(&character) => return None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, ';' | '\n') => {
                parts.push(&line[begin..at]);
                begin = at + 1;
            }
            (None, '|' | '&') => {
                let is_double = characters.next_if(|(_, next)| *next == character).is_some();
                // Alone it has the command run beside what follows; behind a bar it takes the errors along.
                if !is_double && (character == '&' || characters.peek().is_some_and(|(_, next)| *next == '&'))
                {
                    return None;
                }
                parts.push(&line[begin..at]);
                begin = at + 1 + usize::from(is_double);
            }
            (None, _) if MAGIC.contains(&character) && !sabotaged("take-magic-for-words") => return None,
            (None, _) if character.is_control() && character != '\t' => return None,
            (None, _) => {}
        }
    }
    parts.push(&line[begin..]);
    quote.is_none().then_some(parts)
}

/// A command as if its program had been named without its folder.
pub(crate) fn without_folder(command: &str) -> &str {
    let (program, _) = command.split_once(' ').unwrap_or((command, ""));
    program.rsplit_once('/').map_or(command, |(folder, _)| &command[folder.len() + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_commands_are_told_apart_and_words_are_joined() {
        for (line, expected) in [
            ("cargo test", &["cargo test"][..]),
            ("  cargo   test\t--all ", &["cargo test --all"]),
            ("a && b || c; d | e\nf", &["a", "b", "c", "d", "e", "f"]),
            ("git commit -m 'it; costs $5 && more'", &["git commit -m it; costs $5 && more"]),
            ("echo \"a b\" 'c'", &["echo a b c"]),
            ("a;;b", &["a", "b"]),
            ("/bin/rm x", &["/bin/rm x"]),
            ("", &[]),
        ] {
            assert_eq!(
                commands(line).as_deref(),
                Some(&expected.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>()[..]),
                "{line}"
            );
        }
    }

    #[test]
    fn whatever_a_shell_does_more_than_run_words_is_not_plain() {
        for line in [
            "echo $HOME",
            "echo $(id)",
            "echo `id`",
            "a > b",
            "a < b",
            "a >> b",
            "(a)",
            "{ a; }",
            "a & b",
            "a &",
            "a |& b",
            "a\\ b",
            "ls *",
            "ls ?",
            "ls [a]",
            "ls ~",
            "! a",
            "a # b",
            "echo \"$(id)\"",
            "echo \"`id`\"",
            "echo \"a\\\"b\"",
            "a 'b",
            "a \"b",
            "A=1 b",
            "'a b' c",
            "a\0b",
            "a\rb",
            "a\x1b[2J",
            "<(a)",
            "a=b",
            "\"\" x",
            "cat <<E",
        ] {
            assert_eq!(commands(line), None, "{line}");
        }
    }

    #[test]
    fn a_program_is_the_same_with_and_without_its_folder() {
        assert_eq!(without_folder("/usr/bin/rm -rf a/b"), "rm -rf a/b");
        assert_eq!(without_folder("rm a/b"), "rm a/b");
        assert_eq!(without_folder("./x"), "x");
    }
}
