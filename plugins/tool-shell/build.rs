//! Compiles the keeper, a program of its own that the plugin carries inside: see `src/keeper/main.rs`.
//!
//! A plugin is one file, so there is no other place for a second program.

use std::env::var_os;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/keeper");
    let keeper = PathBuf::from(var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("keeper");
    let mut rustc = Command::new(var_os("RUSTC").expect("cargo sets RUSTC"));
    rustc.args(["--edition=2024", "--crate-type=bin", "--crate-name=transom_keeper"]);
    // It is written into memory for each host that runs commands, so it is small.
    rustc.args(["-Copt-level=s", "-Cpanic=abort", "-Clto=fat", "-Ccodegen-units=1", "-Cstrip=symbols"]);
    rustc.arg("--target").arg(var_os("TARGET").expect("cargo sets TARGET"));
    if let Some(linker) = var_os("RUSTC_LINKER") {
        let mut option = std::ffi::OsString::from("-Clinker=");
        option.push(linker);
        rustc.arg(option);
    }
    rustc.arg("-o").arg(&keeper).arg("src/keeper/main.rs");
    let status = rustc.status().expect("rustc runs");
    assert!(status.success(), "the keeper did not compile");
}
