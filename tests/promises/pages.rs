//! The code in the guides is code that is compiled somewhere in the repository.

use super::repository::{files_with, root, text_of};

#[test]
fn every_piece_of_code_in_a_guide_stands_in_a_source_file() {
    let sources: Vec<Vec<String>> =
        files_with("rs").iter().map(|file| lines(&text_of(&root().join(file)))).collect();
    let mut found = 0;
    let mut strange = Vec::new();
    for page in files_with("md").into_iter().filter(|page| page.starts_with("docs/guide")) {
        for code in pieces(&text_of(&root().join(&page))) {
            found += 1;
            if !sources.iter().any(|source| stands_in(&code, source)) {
                strange.push(format!("{}:\n{}", page.display(), code.join("\n")));
            }
        }
    }
    assert!(found > 5, "the guides show more than {found} pieces of code");
    assert!(strange.is_empty(), "no source file has this code:\n\n{}", strange.join("\n\n"));
}

/// The pieces of Rust on a page, as [`lines`].
fn pieces(page: &str) -> Vec<Vec<String>> {
    let blocks = page.split("```rust\n").skip(1);
    blocks.map(|block| lines(block.split("```").next().unwrap_or_default())).collect()
}

/// Lines without what is around them, and without empty ones.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

fn stands_in(code: &[String], source: &[String]) -> bool {
    source.windows(code.len()).any(|window| window == code)
}

#[test]
fn code_is_found_whatever_its_indentation_and_not_when_a_word_differs() {
    let source = lines("mod a {\n    fn b() {\n\n        c();\n    }\n}\n");
    let shown = |code: &str| stands_in(&pieces(&format!("text\n```rust\n{code}\n```\n"))[0], &source);
    assert!(shown("fn b() {\n    c();\n}"));
    assert!(!shown("fn b() {\n    d();\n}"));
}
