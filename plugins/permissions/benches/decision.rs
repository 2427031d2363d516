//! What a decision takes with 1,000 rules: a call at the gate, through the real kernel with the plugin linked in, beside the same call where
//! nobody judges. The rules are of the call's own tool, and none of them means it, so that all are asked.
//!
//! `cargo bench -p transom-permissions --bench decision` prints microseconds: the median, the 99th percentile and the most.

use std::time::Instant;

use serde_json::{Value, json as value};
use transom_agent::conversation::{Conversations, FIND, LIST};
use transom_agent::tool::{Effect, GATE, GatedCall, ToolGate, Verdict};
use transom_permissions::Permissions;
use transom_plugin_api::{CallError, Json, List, Maybe};
use transom_testkit::Stand;

/// Rules of each kind.
const RULES: usize = 1_000;
/// Decisions that are measured, and those before them.
const DECISIONS: usize = 2_000;
const WARM: usize = 200;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        println!("{:<40}{:>10}{:>10}{:>10}", "a call at the gate, µs", "median", "p99", "most");
        let nobody = Stand::new();
        nobody.start().await.expect("it starts");
        print("nobody judges", &measure(&nobody, &shell()).await);
        nobody.stop().await;
        for (name, settings) in
            [("no rules", value!({})), ("1000 rules", value!({ "allow": allowed(), "deny": denied() }))]
        {
            let stand = Stand::new().plugin::<Permissions>(settings);
            stand.serve(FIND, |_, _| std::future::ready(Err(CallError::not_found("there is none"))));
            stand.serve(LIST, |_, _| std::future::ready(Ok(Conversations { conversations: List::new() })));
            stand.start().await.expect("it starts");
            print(&format!("{name}, a command"), &measure(&stand, &shell()).await);
            print(&format!("{name}, a path"), &measure(&stand, &write()).await);
            stand.stop().await;
        }
    });
}

fn allowed() -> Value {
    let rule = |number| match number % 2 {
        0 => format!("run_shell(tool-{number} build *)"),
        _ => format!("write_file(part-{number}/**)"),
    };
    (0..RULES / 2).map(rule).collect()
}

fn denied() -> Value {
    let rule = |number| match number % 2 {
        0 => format!("run_shell(drop-{number} *)"),
        _ => format!("write_file(**/secret-{number}/*.pem)"),
    };
    (0..RULES / 2).map(rule).collect()
}

fn shell() -> GatedCall {
    call(
        "run_shell",
        value!({"command": "cargo test --all --locked"}),
        Effect::Runs { command: "command".into() },
    )
}

fn write() -> GatedCall {
    call("write_file", value!({"path": "src/deep/in/the/tree.rs"}), Effect::Writes { path: "path".into() })
}

fn call(tool: &str, input: Value, effect: Effect) -> GatedCall {
    GatedCall {
        tool_call_id: "1".into(),
        tool_name: tool.into(),
        input: Json::from(input),
        verdict: Verdict::Allow {},
        plugin: "tools".into(),
        effects: Maybe::Some(List::from([effect])),
        answered: Maybe::None,
        judged: false,
    }
}

/// Microseconds of each decision, in order.
async fn measure(stand: &Stand, call: &GatedCall) -> Vec<f64> {
    let gate = stand.applier(GATE);
    let asked = ToolGate {
        conversation_id: "c".into(),
        turn_id: "t".into(),
        cwd: stand.root().to_str().expect("text").into(),
        calls: List::from([call.clone()]),
        again: false,
    };
    let mut times = Vec::with_capacity(DECISIONS);
    for number in 0..WARM + DECISIONS {
        let asked = asked.clone();
        let began = Instant::now();
        let judged = gate.apply(asked).await.expect("judged");
        let took = began.elapsed();
        assert_eq!(judged.calls.len(), 1);
        if number >= WARM {
            times.push(took.as_secs_f64() * 1e6);
        }
    }
    times.sort_by(f64::total_cmp);
    times
}

fn print(name: &str, times: &[f64]) {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{name:<40}{:>10.1}{:>10.1}{:>10.1}", at(0.5), at(0.99), at(1.0));
}
