//! Trees that somebody has made to do harm: nothing hangs, and nothing that lies outside is shown.

use super::*;

#[test]
fn names_beyond_the_bound_are_not_looked_at() {
    let scene = scene(&[]);
    // Names of one file, which are made faster than files.
    let at = |number: usize| scene.path().join(format!("tree/{number:06}.md"));
    fs::write(at(0), "many\n---\n").expect("written");
    for number in 1..3_000 {
        fs::hard_link(at(number % 10), at(number)).or_else(|_| fs::write(at(number), "")).expect("made");
    }
    let bounds = Bounds { names: 1_000, files: 100, ..Bounds::default() };
    let look = Look::within(&tree(&scene), None, bounds).expect("readable");
    assert_eq!(look.finds().candidates.len(), 100);
    assert_eq!(look.found.gaps, ["it holds more than 100 skills or 1000 names"]);
}

#[test]
fn no_more_is_read_than_the_bound_whatever_cannot_be_read_besides() {
    let scene = scene(&[("a.md", "12345"), ("b.md", "12345"), ("c.md", "1"), ("d.md", "1")]);
    let huge = fs::File::create(scene.path().join("tree/0.md")).expect("made");
    huge.set_len(1 << 30).expect("it takes no room");
    let bounds = Bounds { bytes: 10, ..Bounds::default() };
    let look = Look::within(&tree(&scene), None, bounds).expect("readable");
    assert_eq!(paths_in(&look), ["0.md", "a.md", "b.md"]);
    assert_eq!(look.found.gaps, ["its skills have more than 10 bytes together"]);
}

#[test]
fn folders_in_folders_are_bounded_and_told_once() {
    let many: Vec<_> = (0..50).map(|number| format!("a/{number}/b/c.md")).collect();
    let scene = scene(&many.iter().map(|path| (path.as_str(), "")).collect::<Vec<_>>());
    let look = Look::within(&tree(&scene), None, Bounds { depth: 1, ..Bounds::default() }).expect("readable");
    assert_eq!((look.finds().candidates.len(), look.found.gaps.len()), (0, 10));
}

#[test]
fn symlinks_that_go_in_circles_end() {
    let scene = scene(&[("a/b.md", "")]);
    let top = scene.path().join("tree");
    symlink("self.md", top.join("self.md")).expect("linked");
    symlink("two.md", top.join("one.md")).expect("linked");
    symlink("one.md", top.join("two.md")).expect("linked");
    for number in 0..20 {
        symlink("..", top.join(format!("a/up-{number}"))).expect("linked");
    }
    assert_eq!(paths(&scene), ["a/b.md"]);
}

#[test]
fn of_a_sparse_gigabyte_only_the_head_is_read() {
    let scene = scene(&[]);
    let file = fs::File::create(scene.path().join("tree/huge.md")).expect("made");
    file.set_len(1 << 30).expect("it takes no room");
    let began = Instant::now();
    assert_eq!(paths(&scene), ["huge.md"]);
    let error = tree(&scene).read("huge.md").expect_err("too long").to_string();
    assert_eq!(error, "it is 1073741824 bytes long, expected at most 1048576");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn names_that_are_no_text_or_control_something_name_no_skill() {
    let scene = scene(&[("good.md", "")]);
    let at = |name: &[u8]| scene.path().join("tree").join(std::ffi::OsStr::from_bytes(name));
    for name in [&b"line\nbreak.md"[..], b"\x1b[2J.md", b"\xff\xfe.md", b"tab\t.md", b"..\\x.md"] {
        fs::write(at(name), "x").expect("written");
    }
    fs::create_dir(at(b"\xc3\x28")).expect("made");
    fs::write(at(b"\xc3\x28/a.md"), "x").expect("written");
    let look = looked(&scene);
    let catalogue = crate::catalogue::Catalogue::of([look.finds().candidates.as_slice()]);
    assert_eq!(catalogue.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["good"]);
}

#[test]
fn text_that_is_none_is_listed_with_what_is_wrong() {
    let scene = scene(&[]);
    fs::write(scene.path().join("tree/a.md"), b"\xff\xfe\x00").expect("written");
    let look = looked(&scene);
    let catalogue = crate::catalogue::Catalogue::of([look.finds().candidates.as_slice()]);
    let skill = catalogue.find("a").expect("it is listed");
    assert_eq!((skill.summary.as_str(), skill.problem.as_deref()), ("", Some("it is not UTF-8")));
}

#[test]
fn pipes_and_folders_that_look_like_skills_are_none() {
    let scene = scene(&[("a/SKILL.md/b.md", ""), ("c.md/d.md", "")]);
    let pipe = |path: &str| {
        let made =
            Command::new("mkfifo").arg(scene.path().join("tree").join(path)).status().expect("`mkfifo` runs");
        assert!(made.success());
    };
    pipe("pipe.md");
    fs::create_dir(scene.path().join("tree/e")).expect("made");
    pipe("e/SKILL.md");
    assert_eq!(paths(&scene), ["c.md/d.md", "a/SKILL.md/b.md"]);
}

#[test]
fn a_folder_that_cannot_be_read_hides_no_other() {
    let scene = scene(&[("a.md", ""), ("closed/b.md", "")]);
    let closed = scene.path().join("tree/closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("closed");
    // Who may do everything reads it all the same.
    let is_closed = fs::read_dir(&closed).is_err();
    let look = looked(&scene);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("opened");
    let expected: &[&str] = if is_closed { &["a.md"] } else { &["a.md", "closed/b.md"] };
    assert_eq!(paths_in(&look), expected);
    assert_eq!(look.found.gaps.len(), usize::from(is_closed));
}
