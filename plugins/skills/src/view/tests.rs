//! From a turn's folder to its skills, by the operator's word.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::library::Library;
use crate::shelf::Care;

/// A home and a working folder, each with its skills.
struct Scene {
    kept: TempDir,
    library: Library,
}

impl Scene {
    fn new(files: &[(&str, &str)]) -> Self {
        let kept = tempfile::tempdir().expect("a temporary folder");
        let home = kept.path().join("home");
        let library =
            Library::new(vec![".skills".into()], vec!["~/.skills".into()], Some(&home)).expect("valid");
        let scene = Self { kept, library };
        files.iter().for_each(|(path, text)| scene.write(path, text));
        scene
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.kept.path().join(path);
        fs::create_dir_all(path.parent().expect("inside")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// The skills of who works in `work`, when the operator says this of those that lie there.
    fn view(&self, standing: &Standing) -> View {
        let cwd = self.kept.path().join("work");
        let sight = self.library.look(cwd.to_str().expect("text"), Care::Afresh).expect("readable");
        let standings: Vec<_> =
            sight.trees.iter().map(|tree| tree.below().map_or(Standing::Own, |_| standing.clone())).collect();
        let of = sight.of.into_iter().zip(standings).collect();
        View::new(sight.trees, self.library.shelves.made_of("work", of))
    }

    fn load(&self, name: &str) -> Result<String, String> {
        load(&self.view(&Standing::Trusted), name)
    }
}

fn load(view: &View, name: &str) -> Result<String, String> {
    let read = view.read(name).map_err(|miss| view.told(name, &miss))?;
    Ok(read.shown.unwrap_or_default())
}

fn summaries(view: &View) -> Vec<(String, String)> {
    view.survey(&[]).listed.into_iter().map(|listed| (listed.name, listed.skill.summary)).collect()
}

const BOTH: &[(&str, &str)] = &[
    ("home/.skills/both.md", "home\n---\nfrom home\n"),
    ("home/.skills/home.md", "only home\n---\nonly at home\n"),
    ("work/.skills/deep/both.md", "work\n---\nfrom work\n"),
    ("work/.skills/work.md", "only work\n---\nonly at work\n"),
];

#[test]
fn the_working_folder_shadows_the_home_in_the_catalogue_and_when_loading() {
    let scene = Scene::new(BOTH);
    let expected = [("both", "work"), ("home", "only home"), ("work", "only work")];
    let expected = expected.map(|(name, summary)| (name.to_owned(), summary.to_owned()));
    assert_eq!(summaries(&scene.view(&Standing::Trusted)), expected);
    assert_eq!(scene.load("both").as_deref(), Ok("from work\n"));
    assert_eq!(scene.load("home").as_deref(), Ok("only at home\n"));
}

#[test]
fn a_working_folder_that_is_not_trusted_has_no_skills_and_shadows_none() {
    let scene = Scene::new(BOTH);
    for standing in [Standing::Unanswered, Standing::Refused, Standing::Unasked("gone".to_owned())] {
        let view = scene.view(&standing);
        let expected = [("both", "home"), ("home", "only home")];
        assert_eq!(summaries(&view), expected.map(|(name, summary)| (name.to_owned(), summary.to_owned())));
        assert_eq!(load(&view, "both").as_deref(), Ok("from home\n"));
        let refused = load(&view, "work").expect_err("it is left out");
        let sentence = standing.sentence();
        assert_eq!(refused, format!("skill `work` lies in the working folder's `.skills`, which {sentence}"));
        let left_out = LeftOut { name: ".skills".to_owned(), standing, skills: 2 };
        assert_eq!(view.survey(&[]).left_out, [left_out]);
    }
    assert!(scene.view(&Standing::Trusted).survey(&[]).left_out.is_empty());
}

#[test]
fn what_was_exchanged_since_it_was_trusted_is_not_read() {
    let scene = Scene::new(&[("work/.skills/a.md", "kind"), ("home/.skills/b.md", "kind")]);
    let view = scene.view(&Standing::Trusted);
    scene.write("work/.skills/a.md", "evil");
    scene.write("home/.skills/b.md", "other");
    assert!(matches!(view.read("a"), Err(Miss::Changed)), "{:?}", view.read("a"));
    assert_eq!(load(&view, "b").as_deref(), Ok("other"), "the operator's own need no word");
    assert_eq!(load(&scene.view(&Standing::Trusted), "a").as_deref(), Ok("evil"), "trusted once more");
}

#[test]
fn what_is_advertised_for_a_name_is_what_is_loaded() {
    let scene = Scene::new(&[
        ("work/.skills/a/dup.md", "deep\n---\ndeep body\n"),
        ("work/.skills/dup.md", "top\n---\ntop body\n"),
        ("work/.skills/b/SKILL.md", "---\nname: dup\ndescription: b\n---\nb body\n"),
    ]);
    assert_eq!(summaries(&scene.view(&Standing::Trusted)), [("dup".to_owned(), "top".to_owned())]);
    assert_eq!(scene.load("dup").as_deref(), Ok("top body\n"));
}

#[test]
fn a_skill_that_is_a_folder_tells_where_its_files_are() {
    let scene = Scene::new(&[("work/.skills/pdf/SKILL.md", "---\nname: pdf\n---\n\nRun scripts/a.py\n")]);
    let folder = scene.kept.path().join("work/.skills/pdf");
    assert_eq!(
        scene.load("pdf"),
        Ok(format!("Run scripts/a.py\n\n[relative paths in this skill begin at `{}`]\n", folder.display()))
    );
}

#[test]
fn an_edited_skill_counts_at_once() {
    let scene = Scene::new(&[("work/.skills/a.md", "old")]);
    for text in ["old", "new"] {
        scene.write("work/.skills/a.md", text);
        assert_eq!(scene.load("a").as_deref(), Ok(text));
    }
    scene.write("work/.skills/a.md", "\n");
    assert_eq!(scene.view(&Standing::Trusted).read("a").expect("it is there").shown, None);
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let scene = Scene::new(&[("work/.skills/b.md", ""), ("home/.skills/a.md", "")]);
    assert_eq!(scene.load("c"), Err("there is no skill `c`; there are `a`, `b`".to_owned()));
    for name in ["../.skills/a", "a.md", "/etc/passwd", "A"] {
        assert!(scene.load(name).is_err(), "{name}");
    }
    let none = Scene::new(&[]).load("c");
    assert_eq!(none, Err("there is no skill `c`; there are no skills at all".to_owned()));
}

#[test]
fn a_long_list_of_known_names_is_cut() {
    let paths: Vec<_> = (10..70).map(|number| format!("work/.skills/{number}.md")).collect();
    let scene = Scene::new(&paths.iter().map(|path| (path.as_str(), "")).collect::<Vec<_>>());
    let error = scene.load("c").expect_err("unknown");
    assert!(error.ends_with("`58`, `59` and 10 more"), "{error}");
}

#[test]
fn the_files_of_skills_are_told_with_their_digests() {
    let scene = Scene::new(&[("home/.skills/a.md", "one")]);
    let survey = scene.view(&Standing::Own).survey(&["a".to_owned(), "none".to_owned()]);
    assert_eq!(survey.listed[0].file, Path::new(&scene.kept.path().join("home/.skills/a.md")));
    assert_eq!(survey.digests.keys().collect::<Vec<_>>(), ["a"]);
}
