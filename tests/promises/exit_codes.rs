//! The pages have the exit codes that the program has.

use super::repository::{root, text_of};

#[test]
fn the_pages_list_the_exit_codes_of_the_program() {
    let program = text_of(&root().join("host/src/program.rs"));
    let is_code = |row: &&str| row.starts_with(|first: char| first.is_ascii_digit());
    let rows: Vec<&str> =
        program.lines().filter_map(|line| line.strip_prefix("//! | ")).filter(is_code).collect();
    assert!(rows.len() > 3, "the table of exit codes is not where it was");
    for page in ["README.md", "docs/guide/faults.md"] {
        let text = text_of(&root().join(page));
        for row in &rows {
            assert!(text.contains(&format!("| {row}\n")), "{page} has no row | {row}");
        }
    }
}
