//! `transom status`, `quarantine` and `release`: what the operator asks of a running host.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;

use super::{capability, plugins, refuse};
use crate::control::{Question, Unanswered, ask};
use crate::program::{Common, DONE, FAILED, REFUSED};
use crate::running::Refused;
use crate::terminal::{counted, lasting, print, shown};

/// The plugin that is meant.
#[derive(Args)]
pub(crate) struct OnePlugin {
    /// The plugin's id
    #[arg(value_name = "ID")]
    plugin: String,
}

/// Whom to take off the bus.
#[derive(Args)]
#[command(after_help = "Example:\n  transom quarantine skills")]
pub(crate) struct Quarantine {
    #[command(flatten)]
    one: OnePlugin,
    /// Also a plugin that is `required`: the host stops then, with exit code 1
    #[arg(long)]
    even_required: bool,
}

pub(crate) fn quarantine(common: &Common, arguments: &Quarantine) -> u8 {
    let OnePlugin { plugin } = &arguments.one;
    let question = Question::Quarantine { plugin: plugin.clone(), even_required: arguments.even_required };
    change(common, &question, "is quarantined", plugin)
}

pub(crate) fn release(common: &Common, one: &OnePlugin) -> u8 {
    change(common, &Question::Release { plugin: one.plugin.clone() }, "is released", &one.plugin)
}

fn change(common: &Common, question: &Question, done: &str, plugin: &str) -> u8 {
    match asked(common, question) {
        Err(code) => code,
        Ok(answer) if common.json => {
            print(&format!("{answer}\n"));
            DONE
        }
        Ok(answer) => {
            let ends = answer["hostEnds"] == true;
            let ends = if ends { "; the host ends, since it is `required`" } else { "" };
            print(&shown(&format!("plugin `{plugin}` {done}{ends}\n")));
            DONE
        }
    }
}

pub(crate) fn status(common: &Common) -> u8 {
    match asked(common, &Question::Status) {
        Err(code) => code,
        Ok(answer) => {
            let text = if common.json {
                let mut answer = answer;
                answer["note"] = plugins::note(&answer["plugins"]).into();
                format!("{answer}\n")
            } else {
                shown(&described(&answer))
            };
            print(&text);
            DONE
        }
    }
}

/// The answer of the running host, or the exit code of what was told instead.
pub(super) fn asked(common: &Common, question: &Question) -> Result<Value, u8> {
    let folder = common.data_folder_of_host().map_err(|refused| refuse(&refused, common.json))?;
    ask(&folder, question).map_err(|Unanswered { message, is_refusal }| {
        refuse(&Refused::Host(message), common.json);
        if is_refusal { REFUSED } else { FAILED }
    })
}

/// Where a transport listens.
fn listening(host: &Value, plugin: &Value) -> String {
    let said = list(host, "listening").find(|said| said["plugin"] == plugin["id"]);
    said.map(|said| format!(", at {}", text_of(said, "address"))).unwrap_or_default()
}

fn described(status: &Value) -> String {
    let host = &status["host"];
    let seconds = host["uptimeMs"].as_u64().unwrap_or_default() / 1000;
    let at = host["address"].as_str().map(|address| format!(" at {address}")).unwrap_or_default();
    let mut text = format!(
        "host {}, process {}{at}, up for {seconds} s{}\n",
        text_of(host, "version"),
        host["pid"],
        burden(host)
    );
    text += &figures(status);
    for plugin in list(status, "plugins") {
        text += &format!(
            "  {:22} {:8} {:7} {:12} {}{}\n",
            text_of(plugin, "id"),
            text_of(plugin, "version"),
            text_of(plugin, "attach"),
            text_of(plugin, "state"),
            counted(
                usize::try_from(plugin["contributions"].as_u64().unwrap_or_default()).unwrap_or_default(),
                "handler"
            ),
            generations(plugin) + &listening(host, plugin) + &asks_for(plugin)
        );
        if let Some(reason) = plugin["reason"].as_str() {
            text += &format!("    {reason}\n");
        }
        if let Some(by) = plugin["hampered"]["by"].as_str() {
            let for_ms = plugin["hampered"]["forMs"].as_u64().unwrap_or_default();
            text += &format!("    for {}: {by}\n", lasting(for_ms));
        }
        for fault in list(plugin, "faults") {
            text += &format!(
                "    {} × at `{}`, last: {}\n",
                fault["count"],
                text_of(fault, "point"),
                text_of(fault, "last")
            );
        }
    }
    if let Some(note) = plugins::note(&status["plugins"]) {
        text += &format!("{note}\n");
    }
    text += &section("points, by traffic", &points(status));
    text += &section("bridged", &bridges(status));
    text += &section("plugin files in memory", &images(status));
    text + &section("running now", &running(status))
}

/// What is going on, in numbers, and what turns leave behind.
fn figures(status: &Value) -> String {
    let mut parts = vec![format!("{} events in mailboxes", status["host"]["mailboxes"])];
    parts.extend(
        status["sums"].as_object().into_iter().flatten().map(|(name, value)| format!("{name} {value}")),
    );
    let since = &status["host"]["sinceLastMemoryLine"];
    let memory = match (since["grownBytes"].as_i64(), since["bytesPerTurn"].as_i64()) {
        (Some(grown), None) => format!("; memory {:+} KiB at the last look", grown / 1024),
        (Some(grown), Some(each)) => {
            format!("; memory {:+} KiB at the last look, {:+} KiB a turn", grown / 1024, each / 1024)
        }
        _ => String::new(),
    };
    format!("  {}{memory}\n", parts.join(", "))
}

/// Which generation runs, when it is not the first, and how many before it still do.
fn generations(plugin: &Value) -> String {
    let number = |key: &str| plugin[key].as_u64().unwrap_or_default();
    let mut text = String::new();
    if number("generation") > 1 {
        text += &format!(", generation {}", number("generation"));
    }
    if number("draining") > 0 {
        text += &format!(", {} before it still at work", number("draining"));
    }
    text
}

/// By plugin, since a host that was reloaded often has many.
fn images(status: &Value) -> Vec<String> {
    let mut by_plugin: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for image in list(status, "images") {
        by_plugin.entry(text_of(image, "plugin")).or_default().push(image);
    }
    let line = |(plugin, images): (&str, Vec<&Value>)| {
        let left_over = images.iter().filter(|image| image["inUse"] == false).count();
        let sum = |key: &str| images.iter().filter_map(|image| image[key].as_u64()).sum::<u64>();
        let sealed = images.iter().filter(|image| image["sealed"] == true);
        // Sealed memory holds the whole file, mapped or not.
        let held: u64 = sealed.filter_map(|image| image["fileBytes"].as_u64()).sum();
        let held = if held > 0 { format!(", {} KiB sealed", held >> 10) } else { String::new() };
        format!(
            "{plugin:22} {} in use, {left_over} left over; {} KiB resident, {} KiB of it shared, {} KiB mapped{held}",
            images.len() - left_over,
            sum("residentKiB"),
            sum("sharedKiB"),
            sum("mappedKiB")
        )
    };
    by_plugin.into_iter().map(line).collect()
}

fn asks_for(plugin: &Value) -> String {
    let asked = capability::asked(plugins::capabilities_of(plugin));
    if asked.is_empty() { asked } else { format!(", {asked}") }
}

/// What the process takes from its machine, where that is known.
fn burden(host: &Value) -> String {
    match (host["threads"].as_u64(), host["residentBytes"].as_u64()) {
        (Some(threads), Some(bytes)) => format!(", {threads} threads, {} MiB", bytes >> 20),
        _ => String::new(),
    }
}

fn section(title: &str, lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!("{title}\n  {}\n", lines.join("\n  ")) }
}

fn points(status: &Value) -> Vec<String> {
    let mut points: Vec<&Value> = list(status, "points").collect();
    points.sort_by_key(|point| std::cmp::Reverse(point["count"].as_u64()));
    let line = |point: &Value| {
        let time = |key: &str| point[key].as_u64();
        let times = ["p50Ns", "p90Ns", "p99Ns", "maxNs"].map(|key| time(key).map(duration));
        let times = match (time("meanNs"), times) {
            (Some(mean), [Some(p50), Some(p90), Some(p99), Some(max)]) => {
                format!(", {} each; p50 {p50}, p90 {p90}, p99 {p99}, max {max}", duration(mean))
            }
            _ => String::new(),
        };
        format!("{:32} {:>10}{times}", text_of(point, "point"), point["count"].to_string())
    };
    points.into_iter().map(line).collect()
}

/// In the unit in which it has one to five digits.
fn duration(nanos: u64) -> String {
    match nanos {
        0..100_000 => format!("{nanos} ns"),
        100_000..100_000_000 => format!("{} µs", nanos / 1000),
        _ => format!("{} ms", nanos / 1_000_000),
    }
}

fn bridges(status: &Value) -> Vec<String> {
    let line = |bridge: &Value| {
        let number = |key: &str| bridge[key].as_u64().unwrap_or_default();
        let values = number("values");
        let each = |key: &str| number(key).checked_div(values).unwrap_or_default();
        format!(
            "`{}` to `{}`: {values} values; {} and {} bytes each, {} and {} bytes in all, {} and {} bytes a second",
            text_of(bridge, "point"),
            text_of(bridge, "plugin"),
            duration(each("nanos")),
            each("bytes"),
            duration(number("nanos")),
            number("bytes"),
            duration(number("nanosPerSecond")),
            number("bytesPerSecond"),
        )
    };
    list(status, "bridges").map(line).collect()
}

fn running(status: &Value) -> Vec<String> {
    let line = |one: &Value| {
        format!("`{}` at `{}` for {} ms", text_of(one, "plugin"), text_of(one, "point"), one["runningForMs"])
    };
    list(status, "running").map(line).collect()
}

pub(super) fn list<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    of[key].as_array().into_iter().flatten()
}

pub(super) fn text_of<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_default()
}
