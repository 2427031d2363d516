//! What a shell would run, as far as that can be told without being one.
//!
//! A command is *plain* when every word of it means itself: nothing in it is put in, put together, or led elsewhere by the shell.
//! Then it is known which programs run with which words, and a rule can speak of them. Anything else is not, however harmless:
//! rules that allow are never held against it.

use std::borrow::Cow;

use transom_plugin_api::sabotage::sabotaged;

/// Characters at which a command line is taken apart.
pub(crate) const PARTS: [char; 3] = [';', '&', '|'];
/// Characters that a shell may do something with, wherever they stand outside of single quotes. Those that stand for names of files
/// are among them: which words a program gets depends on what somebody has put into a folder then.
pub(crate) const MAGIC: [char; 18] =
    ['$', '`', '\\', '<', '>', '(', ')', '{', '}', '[', ']', '*', '?', '~', '!', '#', '\r', '\0'];
/// The same in double quotes, where fewer are.
const MAGIC_IN_QUOTES: [char; 5] = ['$', '`', '\\', '!', '\0'];

/// Words that are the syntax of some shell where a command begins: what runs stands behind them.
const KEYWORDS: [&str; 27] = [
    "-",
    "and",
    "begin",
    "case",
    "coproc",
    "do",
    "done",
    "elif",
    "else",
    "end",
    "esac",
    "fi",
    "for",
    "foreach",
    "function",
    "if",
    "in",
    "nocorrect",
    "noglob",
    "not",
    "or",
    "repeat",
    "select",
    "switch",
    "then",
    "until",
    "while",
];

/// Commands of shells that change what the words of later ones stand for, or look into what is quoted for something to put in.
const CHANGE_WORDS: [&str; 19] = [
    "alias",
    "declare",
    "enable",
    "export",
    "float",
    "getopts",
    "hash",
    "integer",
    "let",
    "local",
    "mapfile",
    "read",
    "readarray",
    "readonly",
    "setenv",
    "typeset",
    "unalias",
    "unset",
    "wait",
];

/// Programs, and commands of shells, that run what their words say, or say what other words run.
const RUN_OTHERS: [&str; 40] = [
    ".", "ash", "bash", "bind", "builtin", "busybox", "chroot", "command", "compgen", "csh", "dash", "doas",
    "env", "eval", "exec", "fish", "flock", "ionice", "jobs", "ksh", "nice", "nohup", "parallel", "script",
    "setsid", "sh", "source", "ssh", "stdbuf", "strace", "su", "sudo", "tcsh", "time", "timeout", "toybox",
    "trap", "watch", "xargs", "zsh",
];
/// Those that do so with one of these words.
const RUN_OTHERS_WITH: [(&str, &[&str]); 4] = [
    ("docker", &["exec", "run"]),
    ("find", &["-exec", "-execdir", "-ok", "-okdir"]),
    ("kubectl", &["exec", "run"]),
    ("podman", &["exec", "run"]),
];

/// What stands between the words of a command, and what stands for a blank in one of them: that can be in no command.
pub(crate) const BETWEEN_WORDS: char = ' ';
pub(crate) const IN_A_WORD: char = '\0';

/// A command, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    exact: String,
    /// Whether it runs other commands, or says what others run, and so may be any.
    pub(crate) runs_others: bool,
}

impl Command {
    fn of(part: &str) -> Option<Self> {
        let words = shlex::split(part)?;
        let program = words.first()?;
        let is_keyword = KEYWORDS.contains(&program.as_str()) && !sabotaged("take-keywords-for-programs");
        if program.is_empty()
            || is_keyword
            || changes_words(program, &words)
            || !program.chars().all(is_of_program)
        {
            return None;
        }
        let runs_others = runs_others(without_folder(program), &words);
        let in_a_word = if sabotaged("forget-where-words-end") { ' ' } else { IN_A_WORD };
        let words: Vec<String> = words.iter().map(|word| word.replace(' ', &in_a_word.to_string())).collect();
        Some(Self { exact: words.join(&BETWEEN_WORDS.to_string()), runs_others })
    }

    /// Its words, told apart.
    pub(crate) fn exact(&self) -> &str {
        &self.exact
    }

    /// How it reads: its words with a blank between them, wherever one ends.
    pub(crate) fn wide(&self) -> Cow<'_, str> {
        match self.exact.contains(IN_A_WORD) {
            true => self.exact.replace(IN_A_WORD, " ").into(),
            false => self.exact.as_str().into(),
        }
    }

    pub(crate) fn words(&self) -> impl Iterator<Item = String> {
        self.exact.split(BETWEEN_WORDS).map(|word| word.replace(IN_A_WORD, " "))
    }
}

/// Whether no rule means the commands that begin with a word, since it is the shell's.
pub(crate) fn is_of_the_shell(word: &str) -> bool {
    KEYWORDS.contains(&word) || CHANGE_WORDS.contains(&word)
}

/// Whether a command makes those behind it mean something else, as an assignment does, or puts something in by itself.
fn changes_words(program: &str, words: &[String]) -> bool {
    let changes = match program {
        "printf" => {
            words.iter().any(|word| word.starts_with("-v") || word.contains("$(") || word.contains('`'))
        }
        "test" => words.iter().any(|word| word.contains('[')),
        other => CHANGE_WORDS.contains(&other),
    };
    changes && !sabotaged("let-commands-change-the-words-of-others")
}

fn runs_others(program: &str, words: &[String]) -> bool {
    let is_with = |of: &[&str]| words.iter().any(|word| of.contains(&word.as_str()));
    let is_one = RUN_OTHERS.contains(&program)
        || RUN_OTHERS_WITH.iter().any(|(with, of)| *with == program && is_with(of));
    is_one && !sabotaged("overlook-what-runs-others")
}

/// Whether a character may be in the name of a program.
pub(crate) fn is_of_program(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-./+".contains(character)
}

/// The commands of a command line; `None` when it is not plain.
pub(crate) fn commands(line: &str) -> Option<Vec<Command>> {
    parts(line)?.into_iter().filter(|part| !part.trim().is_empty()).map(Command::of).collect()
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
            let found = commands(line).expect("it is plain");
            let found: Vec<_> = found.iter().map(Command::wide).collect();
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn words_with_blanks_are_other_words() {
        let exact = |line: &str| commands(line).expect("it is plain")[0].clone();
        let command = exact("a 'b c' '' d");
        assert_eq!((command.exact(), &*command.wide()), ("a b\0c  d", "a b c  d"));
        assert_eq!(command.words().collect::<Vec<_>>(), ["a", "b c", "", "d"]);
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
            "if rm x; then true; fi",
            "coproc rm x",
            "'while' rm x",
            "alias ls=rm",
            "export PATH=.",
            "printf -v PATH .",
            "test -v 'a[$(rm x)]'",
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
