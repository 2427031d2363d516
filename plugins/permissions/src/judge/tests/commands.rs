//! Command lines, and what a shell makes of them.

use super::*;

#[test]
fn attack_a_forbidden_command_behind_a_word_of_the_shell_is_asked_about() {
    let folder = Folder::new();
    for (rule, harmless) in
        [("deny run_shell(rm -rf *)", "rm -rf x"), ("ask run_shell(git push *)", "git push x")]
    {
        for line in [
            "if RM; then echo gone; fi",
            "while RM; do exit; done",
            "until RM; do exit; done",
            "true; then RM",
            "for x in a; do RM; done",
            "false; else RM",
            "false; elif RM; fi",
            "coproc RM",
            "select x in a; do RM; done",
            "case x in x) RM;; esac",
            "function f { RM; }",
            "true\nif RM\nthen true\nfi",
            "! RM",
            "FOO=1 RM",
            "FOO=1; RM",
            "{ RM; }",
            "(RM)",
            "[[ a ]] && RM",
            "repeat 2 RM",
            "noglob RM",
            "- RM",
            "begin; RM; end",
            "cat <<E\nRM\nE",
            "cat <(RM)",
            "r{m,} -rf x",
            "/bin/r? -rf x",
            "rm$IFS-rf${IFS}x",
            "$'rm' -rf x",
        ] {
            let line = line.replace("RM", harmless);
            let decision = folder.runs(&["allow run_shell", rule], &line);
            assert_ne!(decision, Allow, "{line:?} passes by {rule}");
        }
        assert_eq!(folder.runs(&["allow run_shell", rule], "echo if it rains"), Allow);
    }
}

#[test]
fn attack_what_runs_other_commands_may_run_a_forbidden_one() {
    let folder = Folder::new();
    let lines = ["allow run_shell", "deny run_shell(rm -rf *)"];
    for line in [
        "time -p rm -rf x",
        "command rm -rf x",
        "builtin eval rm -rf x",
        "exec rm -rf x",
        "env A=1 rm -rf x",
        "/usr/bin/env -S 'rm -rf x'",
        "nohup rm -rf x",
        "nice -n 5 rm -rf x",
        "sudo rm -rf x",
        "xargs rm -rf",
        "ls | xargs rm -rf",
        "echo rm -rf x | sh",
        "bash -c 'rm -rf x'",
        "/bin/sh -c 'cd a; rm -rf x'",
        "eval 'rm -rf x'",
        ". ./x",
        "source x",
        "trap 'rm -rf x' EXIT",
        "timeout 5 rm -rf x",
        "find . -exec rm -rf '{}' +",
        "cd x && busybox rm -rf x",
        "docker run -v /:/x alpine rm -rf /x",
        "\"sudo\" rm -rf x",
    ] {
        assert_eq!(folder.runs(&lines, line), Ask, "{line:?}");
        assert_eq!(folder.runs(&["allow run_shell"], line), Allow, "where nothing is forbidden: {line:?}");
    }
    assert_eq!(folder.runs(&lines, "sudo true; rm -rf x"), Deny, "what is told is told");
    for harmless in ["find . -name x", "docker ps", "ls env", "git commit -m 'sudo rm -rf x'"] {
        assert_eq!(folder.runs(&lines, harmless), Allow, "{harmless:?}");
    }
    assert_eq!(folder.runs(&["allow run_shell(sudo apt update)"], "sudo apt update"), Allow);
    assert_eq!(folder.runs(&["allow run_shell(echo *)"], "env echo a"), Ask);
}

#[test]
fn attack_what_changes_the_words_of_other_commands_is_allowed_by_no_pattern() {
    let folder = Folder::new();
    for line in [
        "alias ls='rm -rf'\nls x",
        "hash -p /bin/rm ls; ls -rf x",
        "export PATH=.; ls",
        "export PS4='$(rm x)'; set -x; ls",
        "printf -v PATH %s .; ls",
        "printf -vPATH %s .; ls",
        "printf -v PS4 '\\x24(rm x)'; set -x; ls",
        "printf -v v 'a[\\x24(rm x)]'; let v",
        "test -v 'a[$(rm x)]'",
        "unset 'a[$(rm x)]'",
        "read 'a[$(rm x)]'",
        "declare 'a[$(rm x)]=1'",
    ] {
        assert_eq!(folder.runs(&["allow run_shell(*)"], line), Ask, "{line:?}");
        assert_eq!(folder.runs(&["allow run_shell", "deny run_shell(rm *)"], line), Ask, "{line:?}");
    }
    for harmless in ["printf 'a\\n' '$5'", "test -f a", "ls export"] {
        assert_eq!(folder.runs(&["allow run_shell(*)"], harmless), Allow, "{harmless:?}");
    }
}

#[test]
fn attack_words_are_not_parted_elsewhere_than_in_the_rule_that_allows_them() {
    let folder = Folder::new();
    for (rule, meant, others) in [
        (
            "allow run_shell(bash -c true '; touch pwned')",
            "bash -c true \"; touch pwned\"",
            &["bash -c 'true ; touch pwned'", "bash -c 'true' ';' touch pwned"][..],
        ),
        // As answers were kept before quotes were read.
        (
            "allow run_shell(bash -c true ; touch pwned)",
            "bash -c true ';' touch pwned",
            &["bash -c 'true ; touch pwned'", "bash -c true '; touch pwned'"],
        ),
        ("allow run_shell(xargs rm \"a b\")", "xargs rm 'a b'", &["xargs rm a b", "xargs rm 'a  b'"]),
        ("allow run_shell(xargs rm a b)", "xargs rm a 'b'", &["xargs rm 'a b'", "xargs rm a b ''"]),
        ("allow run_shell(python3 -c pass ';x')", "python3 -c pass ';x'", &["python3 -c 'pass ;x'"]),
        ("allow run_shell(echo '*')", "echo '*'", &["echo a", "echo '**'"]),
        ("allow run_shell(echo 'it'\"'\"'s')", "echo \"it's\"", &["echo its"]),
        ("allow run_shell(echo it's)", "echo \"it's\"", &["echo 'it s'"]),
    ] {
        assert_eq!(folder.runs(&[rule], meant), Allow, "{rule}: {meant}");
        for other in others {
            assert_eq!(folder.runs(&[rule], other), Ask, "{rule}: {other}");
        }
    }
    let lines = ["allow run_shell(cat docs/*)", "allow run_shell(git commit -m *)"];
    for command in ["cat 'docs/a b'", "cat docs/a docs/b", "git commit -m 'it; costs $5'"] {
        assert_eq!(folder.runs(&lines, command), Allow, "a star stands for blanks, too: {command}");
    }
}

#[test]
fn a_rule_that_forbids_is_read_with_its_quotes_and_without_them() {
    let folder = Folder::new();
    for (rule, commands) in [
        ("deny run_shell(git commit -m \"x y\")", &["git commit -m 'x y'", "git commit -m x y"][..]),
        ("deny run_shell(git commit -m \"x *\")", &["git commit -m 'x y'", "git commit -m x"]),
        ("deny run_shell(*{\"secret\":1}*)", &["curl -d '{\"secret\":1}'", "curl -d '{secret:1}'"]),
        ("deny run_shell(* it's *)", &["echo \"it's\" a"]),
        ("deny run_shell(cat /etc/passwd*)", &["cat '/etc/passwd x'", "cat \"/etc\"/passwd"]),
        ("deny run_shell(rm  -rf *)", &["rm -rf x", "rm -rf 'a\nb'", "/bin/rm   -rf"]),
    ] {
        for command in commands {
            assert_eq!(folder.runs(&["allow run_shell", rule], command), Deny, "{rule}: {command}");
        }
    }
    assert_eq!(folder.runs(&["allow run_shell(git commit -m \"x y\")"], "git commit -m 'x y'"), Allow);
}
