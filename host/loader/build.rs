//! Tells the checks which target this host is built for.

fn main() {
    let target = std::env::var("TARGET").expect("cargo sets TARGET");
    println!("cargo:rustc-env=TRANSOM_TARGET={target}");
    println!("cargo:rerun-if-changed=build.rs");
}
