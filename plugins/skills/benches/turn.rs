//! What skills add to a turn: the tools filter of a turn over a working folder with 1,000 skills, beside one over a folder that has
//! none, on the real kernel with the plugin linked in.
//!
//! `cargo bench -p transom-skills --bench turn` prints microseconds: the median, the 99th percentile and the most.

use std::fs;
use std::path::Path;
use std::time::Instant;

use transom_agent::tool::{TOOL, TOOLS, ToolAssembly};
use transom_agent::trust::{TRUST, Trust};
use transom_skills::Skills;
use transom_testkit::{Stand, json};

/// Skills in the folder.
const SKILLS: usize = 1_000;
/// Turns that are measured.
const TURNS: usize = 500;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let stand = Stand::new().plugin::<Skills>(json!({"folders": []}));
        stand.serve(TRUST, |_, _| std::future::ready(Ok(Trust::Trusted)));
        stand.start().await.expect("it starts");
        println!("{:<28}{:>10}{:>10}{:>10}", "skills, µs a turn", "median", "p99", "most");
        for (name, make) in KINDS {
            let cwd = stand.root().join(name.replace(' ', "-"));
            fs::create_dir_all(&cwd).expect("made");
            make(&cwd);
            print(name, &measure(&stand, &cwd, |_| {}).await);
        }
        let cwd = stand.root().join(KINDS[1].0.replace(' ', "-"));
        let edited = measure(&stand, &cwd, |turn| {
            fs::write(cwd.join(".skills/500.md"), format!("When it is turn {turn}\n---\nGo on.\n"))
                .expect("written");
        });
        print("one edited before each", &edited.await);
        stand.stop().await;
    });
}

type Make = fn(&Path);

const KINDS: [(&str, Make); 3] = [("none", |_| {}), ("1000 files", files), ("1000 folders", folders)];

fn files(cwd: &Path) {
    fs::create_dir(cwd.join(".skills")).expect("made");
    for number in 0..SKILLS {
        let text = format!("When there is a task of kind {number}\n---\n{}", "Do it so.\n".repeat(200));
        fs::write(cwd.join(format!(".skills/{number}.md")), text).expect("written");
    }
}

fn folders(cwd: &Path) {
    for number in 0..SKILLS {
        let folder = cwd.join(format!(".skills/kind-{number}"));
        fs::create_dir_all(&folder).expect("made");
        let front =
            format!("---\nname: kind-{number}\ndescription: When there is a task of kind {number}\n---\n");
        fs::write(folder.join("SKILL.md"), front + &"Do it so.\n".repeat(200)).expect("written");
    }
}

/// Microseconds of each turn, in order of their length.
async fn measure(stand: &Stand, cwd: &Path, before: impl Fn(usize)) -> Vec<u128> {
    let assembly = ToolAssembly {
        conversation_id: "conversation".into(),
        cwd: cwd.to_str().expect("text").into(),
        tools: stand.caller(TOOL).names().into_iter().map(|tool| tool.about).collect(),
    };
    let tools = stand.applier(TOOLS);
    let mut taken = Vec::with_capacity(TURNS);
    for turn in 0..TURNS {
        before(turn);
        let assembly = assembly.clone();
        let start = Instant::now();
        let told = tools.apply(assembly).await.expect("the filter is fail-open");
        taken.push(start.elapsed().as_micros());
        drop(told);
    }
    taken.sort_unstable();
    taken
}

fn print(name: &str, taken: &[u128]) {
    let at = |percent: usize| taken[(taken.len() - 1) * percent / 100];
    println!("{name:<28}{:>10}{:>10}{:>10}", at(50), at(99), at(100));
}
