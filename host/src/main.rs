//! The program `transom`: the host with the bundled plugins inside.
//!
//! A program with other plugins inside is this file with another list.

mod plugins;

fn main() -> std::process::ExitCode {
    transom_host::program::main(plugins::BUNDLED)
}
