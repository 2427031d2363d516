//! What a turn's tools look like behind the filter.

use std::fs;

use super::*;

fn told_in(cwd: &Path) -> ToolAssembly {
    let library = Library::new(vec![".skills".into()], Vec::new(), None).expect("valid");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let catalogue = |cwd: Text| std::future::ready(Ok(library.catalogue(&cwd)));
    runtime.block_on(told(assembly(cwd), catalogue))
}

fn assembly(cwd: &Path) -> ToolAssembly {
    ToolAssembly {
        conversation_id: "conversation".into(),
        cwd: cwd.to_str().expect("text").into(),
        tools: List::from([offer::definition()]),
    }
}

#[test]
fn the_skills_of_the_working_folder_are_told() {
    let cwd = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(cwd.path().join(".skills")).expect("made");
    fs::write(cwd.path().join(".skills/pdf.md"), "When there is a PDF\n---\nRead it\n").expect("written");
    let told = told_in(cwd.path());
    assert!(told.tools[0].description.ends_with("\npdf: When there is a PDF"));
}

#[test]
fn without_skills_the_tool_is_gone() {
    let cwd = tempfile::tempdir().expect("a temporary folder");
    assert!(told_in(cwd.path()).tools.is_empty());
}

#[test]
fn skills_that_cannot_be_read_change_nothing() {
    let cwd = tempfile::tempdir().expect("a temporary folder");
    fs::write(cwd.path().join(".skills"), "a file, not a folder").expect("written");
    assert_eq!(told_in(cwd.path()), assembly(cwd.path()));
}
