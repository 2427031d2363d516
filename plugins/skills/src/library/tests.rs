//! Which folders are looked at, and which are refused.

use std::fs;

use super::*;

fn library(below: &str, folder: &str) -> Result<Library, StartError> {
    Library::new(vec![below.into()], vec![folder.into()], None)
}

#[test]
fn folders_that_do_not_exist_hold_no_skills_and_unreadable_ones_are_an_error() {
    let cwd = tempfile::tempdir().expect("a temporary folder");
    fs::write(cwd.path().join(".skills"), "a file, not a folder").expect("written");
    let library = library(".skills", "/nowhere").expect("valid");
    assert!(library.look(cwd.path().to_str().expect("text"), Care::Afresh).is_err());
    for nowhere in ["/nowhere", "not absolute"] {
        assert!(library.look(nowhere, Care::Afresh).expect("no error").trees.is_empty());
    }
}

#[test]
fn settings_that_name_folders_in_the_wrong_place_are_refused() {
    let refused = |below: &str, folder: &str| library(below, folder).expect_err("refused").to_string();
    assert!(refused("/etc", "~/a").starts_with("setting `cwd_folders` names `/etc`\n  help: "));
    assert!(refused("a", "b").starts_with("setting `folders` names `b`\n  help: "));
    let homeless = Library::new(vec![], vec!["~/.skills".into(), "/srv/skills".into()], None).expect("valid");
    assert_eq!(homeless.folders, [PathBuf::from("/srv/skills")]);
}
