//! One night with the real program and the real plugins: a demo, a test of everything together, and a soak.
//!
//! Eight conversations are watched in three ways while plugins are reloaded, one panics into quarantine, a question waits, the
//! disk fills, and the host is killed twice. Whatever the host acknowledged stands in a ledger, which is compared with the log
//! in the end. Beside them a skill is made active, a conversation is summed up, a prompt is kept warm and a file waits for trust, and
//! what models are told of it is judged. A person is asked about commands, a hook forbids and changes some, a server of tools ends
//! in the middle of a call, and a folder that nobody trusts is full of traps. It talks to the host as any client does, and as an operator: it knows nothing of what is inside.
//!
//! | file | subject |
//! |---|---|
//! | `night`, `scene`, `acts` | what happens, in its order |
//! | `stage`, `host`, `operator` | the folder, the process, and the commands |
//! | `whereabouts`, `client` | where the host is, and asking it |
//! | `crew` | those who speak |
//! | `viewers`, `frame`, `book` | those who watch, and what they know |
//! | `lookout`, `shore` | a server of tools, and a model that keeps what it was shown |
//! | `ledger`, `log`, `findings` | what was acknowledged, what is there, and whether it is the same |
//! | `figures`, `prompts`, `guards`, `judgement`, `kills`, `doctor`, `report` | the numbers |

mod acts;
mod book;
mod client;
mod crew;
mod doctor;
mod figures;
mod findings;
mod frame;
mod guards;
mod host;
mod journal;
mod judgement;
mod kills;
mod ledger;
mod log;
mod lookout;
mod night;
mod operator;
mod options;
mod prompts;
mod random;
mod report;
mod scene;
mod ship;
mod shore;
mod stage;
mod viewers;
mod whereabouts;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::journal::note;
use crate::options::Options;
use crate::stage::Stage;

/// Something did not hold.
const BROKEN: u8 = 1;
/// It could not begin.
const REFUSED: u8 = 2;
/// It was interrupted.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(folder) = &options.lookout {
        return lookout::serve(folder).map_or(BROKEN.into(), |()| ExitCode::SUCCESS);
    }
    let stage = match Stage::set(&options) {
        Ok(stage) => Arc::new(stage),
        Err(problem) => {
            eprintln!("error: {problem}");
            return REFUSED.into();
        }
    };
    let code = tokio::select! {
        code = run(&options, Arc::clone(&stage)) => code,
        _ = tokio::signal::ctrl_c() => INTERRUPTED,
    };
    if options.keep {
        note(&format!("everything is kept in {}", stage.path().display()));
    }
    code.into()
}

async fn run(options: &Options, stage: Arc<Stage>) -> u8 {
    match night::play(options, stage).await {
        Ok(report) => {
            if options.json {
                println!("{}", report.document());
            } else {
                print!("{}", report.text());
            }
            if report.is_well() { 0 } else { BROKEN }
        }
        Err(problem) => {
            eprintln!("error: {problem}");
            REFUSED
        }
    }
}
