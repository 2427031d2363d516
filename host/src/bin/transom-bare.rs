//! The host without any plugin inside: every plugin comes from a file that the manifest names.

fn main() -> std::process::ExitCode {
    transom_host::program::main(&[])
}
