//! From a turn's folder to its skills.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A home and a working folder, each with its skills.
struct Scene {
    kept: TempDir,
    library: Library,
}

impl Scene {
    fn new(files: &[(&str, &str)]) -> Self {
        let kept = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            let path = kept.path().join(path);
            fs::create_dir_all(path.parent().expect("inside")).expect("made");
            fs::write(path, text).expect("written");
        }
        let home = kept.path().join("home");
        let library =
            Library::new(vec![".skills".into()], vec!["~/.skills".into()], Some(&home)).expect("valid");
        Self { kept, library }
    }

    fn cwd(&self) -> String {
        self.kept.path().join("work").to_str().expect("text").to_owned()
    }

    fn load(&self, input: Value) -> Result<String, String> {
        self.library.load(&self.cwd(), &input.into())
    }

    fn summaries(&self) -> Vec<(String, String)> {
        let listed = self.library.survey(&self.cwd(), &[]).expect("readable").listed;
        listed.into_iter().map(|listed| (listed.name, listed.skill.summary)).collect()
    }
}

#[test]
fn the_working_folder_shadows_the_home_in_the_catalogue_and_when_loading() {
    let scene = Scene::new(&[
        ("home/.skills/both.md", "home\n---\nfrom home\n"),
        ("home/.skills/home.md", "only home\n---\nonly at home\n"),
        ("work/.skills/deep/both.md", "work\n---\nfrom work\n"),
    ]);
    let expected = [("both", "work"), ("home", "only home")];
    assert_eq!(scene.summaries(), expected.map(|(name, summary)| (name.to_owned(), summary.to_owned())));
    assert_eq!(scene.load(json!({"name": "both"})).as_deref(), Ok("from work\n"));
    assert_eq!(scene.load(json!({"name": "home"})).as_deref(), Ok("only at home\n"));
}

#[test]
fn what_is_advertised_for_a_name_is_what_is_loaded() {
    let scene = Scene::new(&[
        ("work/.skills/a/dup.md", "deep\n---\ndeep body\n"),
        ("work/.skills/dup.md", "top\n---\ntop body\n"),
        ("work/.skills/b/SKILL.md", "---\nname: dup\ndescription: b\n---\nb body\n"),
    ]);
    assert_eq!(scene.summaries(), [("dup".to_owned(), "top".to_owned())]);
    assert_eq!(scene.load(json!({"name": "dup"})).as_deref(), Ok("top body\n"));
}

#[test]
fn a_skill_that_is_a_folder_tells_where_its_files_are() {
    let scene = Scene::new(&[("work/.skills/pdf/SKILL.md", "---\nname: pdf\n---\n\nRun scripts/a.py\n")]);
    let folder = scene.kept.path().join("work/.skills/pdf");
    assert_eq!(
        scene.load(json!({"name": "pdf"})),
        Ok(format!("Run scripts/a.py\n\n[relative paths in this skill begin at `{}`]\n", folder.display()))
    );
}

#[test]
fn an_edited_skill_counts_at_once() {
    let scene = Scene::new(&[("work/.skills/a.md", "old")]);
    assert_eq!(scene.load(json!({"name": "a"})).as_deref(), Ok("old"));
    fs::write(scene.kept.path().join("work/.skills/a.md"), "new").expect("written");
    assert_eq!(scene.load(json!({"name": "a"})).as_deref(), Ok("new"));
    fs::write(scene.kept.path().join("work/.skills/a.md"), "\n").expect("written");
    assert_eq!(scene.load(json!({"name": "a"})).as_deref(), Ok("[skill `a` says nothing]"));
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let scene = Scene::new(&[("work/.skills/b.md", ""), ("home/.skills/a.md", "")]);
    assert_eq!(scene.load(json!({"name": "c"})), Err("there is no skill `c`; there are `a`, `b`".to_owned()));
    for name in ["../.skills/a", "a.md", "/etc/passwd", "A"] {
        assert!(scene.load(json!({"name": name})).is_err(), "{name}");
    }
    let none = Scene::new(&[]).load(json!({"name": "c"}));
    assert_eq!(none, Err("there is no skill `c`; there are no skills at all".to_owned()));
}

#[test]
fn a_long_list_of_known_names_is_cut() {
    let paths: Vec<_> = (10..70).map(|number| format!("work/.skills/{number}.md")).collect();
    let scene = Scene::new(&paths.iter().map(|path| (path.as_str(), "")).collect::<Vec<_>>());
    let error = scene.load(json!({"name": "c"})).expect_err("unknown");
    assert!(error.ends_with("`58`, `59` and 10 more"), "{error}");
}

#[test]
fn a_wrong_input_is_named() {
    let scene = Scene::new(&[]);
    for (input, expected) in [
        (json!("pdf"), "the input is not a JSON object, expected `name`"),
        (json!({}), "`name` is missing, expected text"),
        (json!({"name": ""}), "`name` is empty, expected the name of a skill"),
        (json!({"name": 3}), "`name` is 3, expected text"),
        (json!({"name": "a", "path": "b"}), "`path` is not an input of this tool, which takes `name`"),
    ] {
        assert_eq!(scene.load(input), Err(expected.to_owned()));
    }
}

#[test]
fn folders_that_do_not_exist_hold_no_skills_and_unreadable_ones_are_an_error() {
    let scene = Scene::new(&[("work/.skills", "a file, not a folder")]);
    assert!(scene.library.survey(&scene.cwd(), &[]).is_err());
    assert!(scene.library.survey("/nowhere", &[]).expect("no error").listed.is_empty());
    assert!(scene.library.survey("not absolute", &[]).expect("no error").listed.is_empty());
}

#[test]
fn settings_that_name_folders_in_the_wrong_place_are_refused() {
    let refused = |below: &str, folder: &str| {
        Library::new(vec![below.into()], vec![folder.into()], None).expect_err("refused").to_string()
    };
    assert!(refused("/etc", "~/a").starts_with("setting `cwd_folders` names `/etc`\n  help: "));
    assert!(refused("a", "b").starts_with("setting `folders` names `b`\n  help: "));
    let homeless = Library::new(vec![], vec!["~/.skills".into(), "/srv/skills".into()], None).expect("valid");
    assert_eq!(homeless.folders, [PathBuf::from("/srv/skills")]);
}
