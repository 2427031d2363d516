//! Tells the descriptor writer which target and compiler this build is for.

use std::process::Command;

fn main() {
    let target = std::env::var("TARGET").expect("cargo sets TARGET");
    let rustc = std::env::var("RUSTC").expect("cargo sets RUSTC");
    let version = Command::new(rustc).arg("--version").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&version.stdout);
    let version = version.trim().trim_start_matches("rustc ");
    println!("cargo:rustc-env=TRANSOM_TARGET={target}");
    println!("cargo:rustc-env=TRANSOM_RUSTC={version}");
    println!("cargo:rerun-if-changed=build.rs");
}
