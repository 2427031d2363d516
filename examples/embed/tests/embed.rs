//! The program does what its page says.

use std::process::Command;

#[test]
fn the_program_prints_what_its_page_shows() {
    let ran = Command::new(env!("CARGO_BIN_EXE_embed")).output().expect("it can be run");
    let (printed, errors) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && errors.is_empty(), "{errors}");
    assert!(
        include_str!("../README.md").contains(&format!("$ cargo run -p transom-embed\n{printed}```")),
        "{printed}"
    );
}
