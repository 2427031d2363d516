//! `transom graph`: who does what at each point, in which order, and why; told from descriptors, without running a plugin.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};
use transom_kernel::{Descriptor, PointGraph, PointUse, graph};
use transom_plugin_api::port::Role;

use super::check::assembled;
use super::refuse;
use crate::assembly::Assembled;
use crate::program::{Common, DONE, FAILED};
use crate::running::{Refused, resident_descriptors};
use crate::terminal::{print, shown};

/// Show who provides and who uses which point, and in which order
#[derive(Args)]
#[command(
    after_help = "Examples:\n  transom graph --why agent/turn.tools\n  transom graph --dot | dot -Tsvg > graph.svg"
)]
pub(crate) struct Arguments {
    /// Only this point, and why everybody stands where they stand
    #[arg(long, value_name = "POINT")]
    why: Option<String>,
    /// In the language of Graphviz
    #[arg(long, conflicts_with = "why")]
    dot: bool,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> u8 {
    let found = match found(common).await {
        Ok(found) => found,
        Err(refused) => return refuse(&refused, common.json),
    };
    let Some(why) = &arguments.why else {
        print(&match (common.json, arguments.dot) {
            (true, _) => format!("{}\n", document(&found)),
            (false, true) => dot(&found),
            (false, false) => found.iter().map(|point| shown(&described(point, false))).collect(),
        });
        return DONE;
    };
    let Some(point) = found.iter().find(|point| point.point == *why) else {
        let problem = format!("no plugin of the manifest touches a point `{why}`");
        refuse(&Refused::Host(problem), common.json);
        return FAILED;
    };
    print(&if common.json { format!("{}\n", point_document(point)) } else { shown(&described(point, true)) });
    DONE
}

async fn found(common: &Common) -> Result<Vec<PointGraph>, Refused> {
    let residents = resident_descriptors().await?;
    let assembly = assembled(common).await?;
    let plugins: Vec<Descriptor> = assembly.plugins.iter().map(Assembled::on_the_bus).collect();
    Ok(graph(&residents, &plugins, &assembly.manifest.order()))
}

fn described(point: &PointGraph, why: bool) -> String {
    let mut text = format!("{} ({})\n", point.point, point.kind.as_str());
    for used in &point.uses {
        text += &format!("  {:8} {}{}", used.role.as_str(), used.plugin, names(used));
        match &used.stage {
            _ if why && !used.reason.is_empty() => text += &format!(": {}", used.reason),
            Some(stage) => text += &format!(" in stage `{stage}`"),
            None => {}
        }
        text.push('\n');
    }
    text
}

fn names(used: &PointUse) -> String {
    if used.names.is_empty() { String::new() } else { format!(" as {}", used.names.join(", ")) }
}

fn document(found: &[PointGraph]) -> Value {
    json!({ "points": found.iter().map(point_document).collect::<Vec<_>>() })
}

fn point_document(point: &PointGraph) -> Value {
    let uses: Vec<Value> = point
        .uses
        .iter()
        .map(|used| {
            json!({
                "plugin": used.plugin,
                "role": used.role,
                "stage": used.stage,
                "names": used.names,
                "reason": (!used.reason.is_empty()).then_some(&used.reason),
            })
        })
        .collect();
    json!({ "point": point.point, "kind": point.kind, "uses": uses })
}

/// Plugins are boxes, points are ellipses; an arrow leads where values go.
fn dot(found: &[PointGraph]) -> String {
    let mut text = String::from("digraph transom {\n  rankdir = LR\n  node [shape = box]\n");
    for point in found {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  {} [shape = ellipse]", quoted(&point.point));
        for used in &point.uses {
            let (plugin, point) = (quoted(&used.plugin), quoted(&point.point));
            let _ = match used.role {
                Role::Says | Role::Applies | Role::Calls => writeln!(text, "  {plugin} -> {point}"),
                Role::Hears | Role::Links | Role::Serves => writeln!(text, "  {point} -> {plugin}"),
            };
        }
    }
    text + "}\n"
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
