//! `transom inspect FILE`: what a plugin file says of itself, without running it.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use transom_kernel::Descriptor;
use transom_kernel::descriptor::PortDescriptor;
use transom_loader::{PluginFile, Signature, SignatureFlaw, check};
use transom_plugin_api::sabotage::sabotaged;

use super::{capability, refuse};
use crate::manifest::Fault;
use crate::program::{Common, DONE, REFUSED};
use crate::running::Refused;
use crate::terminal::{complain, print, shown};

/// Show what a plugin file says of itself, without running it
#[derive(Args)]
#[command(after_help = "Example:\n  transom inspect target/release/libtransom_word_count.so")]
pub(crate) struct Arguments {
    /// A plugin's shared library, or a program with plugins inside
    file: PathBuf,
}

pub(crate) fn run(common: &Common, arguments: &Arguments) -> u8 {
    let file = match PluginFile::read(&arguments.file) {
        Ok(file) => file,
        Err(error) if common.json => {
            let (file, help) = (error.path.display().to_string(), Some(error.flaw.help().to_owned()));
            let fault = Fault { file, position: None, message: error.to_string(), help, explanation: None };
            return refuse(&Refused::Faults(fault.into()), true);
        }
        Err(error) => {
            complain(&format!("error: {error}\n  help: {}", error.flaw.help()));
            return REFUSED;
        }
    };
    if sabotaged("inspect-opens") {
        let id = file.contents.descriptors.first().map_or("", |descriptor| &descriptor.id);
        // A folder of its own: a copy that an earlier run left there would be refused before it is opened.
        let folder = std::env::temp_dir().join(format!("transom-{}", std::process::id()));
        let _ = std::fs::create_dir(&folder);
        let _ = transom_loader::load(&file.bytes, id, &folder);
    }
    if common.json {
        let note = note(&file.contents.descriptors);
        let signature = signature_document(&file);
        let document =
            serde_json::json!({ "plugins": file.contents.descriptors, "signature": signature, "note": note });
        print(&format!("{document}\n"));
        return DONE;
    }
    for descriptor in &file.contents.descriptors {
        print(&shown(&described(descriptor)));
    }
    print(&shown(&signature_line(&file)));
    if let Some(note) = note(&file.contents.descriptors) {
        print(&format!("{note}\n"));
    }
    DONE
}

/// Whose signature stands beside the file. Whether it is one of this file is for who has keys to say.
fn signature_line(file: &PluginFile) -> String {
    match Signature::beside(&file.path) {
        Ok(Signature { path, key, .. }) => {
            format!(
                "`{}` beside it names key {key}; it is verified where the manifest trusts keys\n",
                path.display()
            )
        }
        Err(SignatureFlaw::Missing { .. }) => "it is not signed\n".to_owned(),
        Err(flaw) => format!("{flaw}\n"),
    }
}

fn signature_document(file: &PluginFile) -> Value {
    match Signature::beside(&file.path) {
        Ok(Signature { path, key, .. }) => serde_json::json!({ "file": path, "key": key.to_string() }),
        Err(SignatureFlaw::Missing { .. }) => Value::Null,
        Err(flaw) => serde_json::json!({ "problem": flaw.to_string() }),
    }
}

fn note(plugins: &[Descriptor]) -> Option<String> {
    capability::note(plugins.iter().flat_map(|plugin| &plugin.capabilities).map(String::as_str))
}

fn described(plugin: &Descriptor) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "{} {} — {}", plugin.id, plugin.version, plugin.about);
    let _ = writeln!(
        out,
        "  built for {} with rustc {}, plugin API {}, ABI {}",
        plugin.target, plugin.rustc, plugin.sdk, plugin.abi
    );
    if !plugin.capabilities.is_empty() {
        let asked = capability::asked(plugin.capabilities.iter().map(String::as_str));
        let _ = writeln!(out, "  {asked}");
    }
    for port in &plugin.ports {
        let _ = writeln!(out, "  {}", port_line(port));
    }
    for line in setting_lines(&plugin.settings) {
        let _ = writeln!(out, "  {line}");
    }
    for mismatch in check::check(plugin) {
        let _ = writeln!(out, "  does not fit this host: {mismatch}\n    help: {}", mismatch.help());
    }
    out
}

fn port_line(port: &PortDescriptor) -> String {
    let types = match (port.input.name.as_str(), port.output.name.as_str()) {
        (input, "()") => input.to_owned(),
        (input, output) => format!("{input} → {output}"),
    };
    let mut line = format!("{} {} ({}, {types})", port.role.as_str(), port.point, port.kind.as_str());
    if !port.names.is_empty() {
        line += &format!(" as {}", port.names.join(", "));
    }
    if port.dynamic_names {
        line += " under names that show when it runs";
    }
    if port.optional {
        line += ", optional";
    }
    line
}

/// A line for each setting: `setting KEY: TYPE, BOUNDS, DEFAULT. WHAT IT IS`.
fn setting_lines(schema: &Value) -> Vec<String> {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let line = |(key, setting): (&String, &Value)| {
        let mut facts = vec![kind_of(setting)];
        match (&setting["minimum"], &setting["maximum"]) {
            (Value::Null, Value::Null) => {}
            (least, Value::Null) => facts.push(format!("at least {least}")),
            (Value::Null, most) => facts.push(format!("at most {most}")),
            (least, most) => facts.push(format!("{least} to {most}")),
        }
        match &setting["default"] {
            _ if required.contains(&key.as_str()) => facts.push("required".to_owned()),
            Value::Null => {}
            default => facts.push(format!("default {default}")),
        }
        let about = setting["description"].as_str().unwrap_or_default();
        format!("setting {key} ({}): {about}", facts.join(", "))
    };
    schema["properties"].as_object().into_iter().flatten().map(line).collect()
}

fn kind_of(setting: &Value) -> String {
    if let Some(choices) = setting["enum"].as_array() {
        return choices.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
    }
    if setting["writeOnly"] == true {
        return "secret".to_owned();
    }
    match setting["type"].as_str() {
        Some("array") => format!("list of {}", kind_of(&setting["items"])),
        Some("object") => "table".to_owned(),
        Some("string") => "text".to_owned(),
        Some(kind) => kind.to_owned(),
        None => "anything".to_owned(),
    }
}
