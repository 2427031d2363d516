//! What one can ask of the program.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;

/// One night with the real program: eight conversations are watched in three ways while plugins are reloaded, one panics, the
/// disk fills and the host is killed, and what models are told by skills, summaries and files is judged. It ends with a report in
/// numbers, and with exit code 1 when anything that was promised did not hold.
#[derive(Debug, Parser)]
#[command(
    name = "transom-night-shift",
    version,
    after_help = "Examples:\n  cargo build && cargo run -p transom-night-shift\n  transom-night-shift --minutes 480 --json > night.json\n  \
                  transom-night-shift --seed 7 --keep\n\nWhat happens is told on standard error, the report on standard output."
)]
pub(crate) struct Options {
    /// Play the scene again and again for so long, on the same data [default: once]
    #[arg(long, value_name = "MINUTES")]
    pub(crate) minutes: Option<u64>,
    /// Make the random moments of another night again [default: new ones]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Keep the folder with the data and the host's log, and tell where it is
    #[arg(long)]
    pub(crate) keep: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The host [default: the `transom` beside this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    /// Be a server of tools for the night in this folder: what the host starts as one.
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub(crate) lookout: Option<PathBuf>,
    /// The folder with the plugins' files [default: that of this program]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) plugins: Option<PathBuf>,
}

impl Options {
    /// The seed that was asked for, or one of the time.
    pub(crate) fn seed(&self) -> u64 {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.seed.unwrap_or_else(|| u64::from(now().subsec_nanos()) % 1_000_000)
    }
}
