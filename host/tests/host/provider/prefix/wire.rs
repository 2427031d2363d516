//! [`Wire`]: two wire formats, as far as a conversation with a model needs them.

use serde_json::{Value, json};

use crate::host::provider::endpoint::{Endpoint, Request};
use crate::host::support::{Manner, Scene};

/// A wire format.
pub(super) struct Wire {
    plugin: &'static str,
    model: &'static str,
    /// What of an address stands in `base_url`.
    address: fn(&str) -> String,
    say: fn(&str) -> Vec<Value>,
    call: fn(&str, &str, &str) -> Vec<Value>,
    prompt: fn(&Value) -> Prompt,
}

/// What a request tells the model, without the marks for its cache.
#[derive(Debug, PartialEq)]
pub(super) struct Prompt {
    /// The tools and the system prompt.
    pub(super) head: String,
    /// What was said, piece by piece.
    pub(super) said: Vec<String>,
}

impl Wire {
    pub(super) fn scene(&self, manner: Manner, endpoint: &Endpoint) -> Scene {
        let settings = format!(
            "base_url = \"{}\"\nkey = \"sk-barnacle\"\nmodel = \"tiny\"\nlist_models = false",
            (self.address)(&endpoint.address)
        );
        let model = format!("default_model = \"{}/tiny\"\nsystem_prompt = \"Be brief.\"", self.model);
        Scene::new(manner)
            .with(self.plugin, &settings)
            .with("session-orchestrator", &model)
            .with("cache-explainer", "")
            .with("cache-warming", "")
            .with("compaction", "")
            .with("system-prompt", "template = \"You began on [git:branch] in [prompt:cwd].\"")
    }

    /// An answer in words.
    pub(super) fn say(&self, words: &str) -> String {
        stream(&(self.say)(words))
    }

    /// An answer that asks for a tool.
    pub(super) fn call(&self, id: &str, tool: &str, input: &str) -> String {
        stream(&(self.call)(id, tool, input))
    }

    /// What a request tells the model, byte by byte.
    pub(super) fn prompt(&self, request: &Request) -> Prompt {
        // Read and written again it is what was sent, so that pieces of it are compared as they were sent.
        assert_eq!(request.body.to_string(), request.text);
        let mut body = request.body.clone();
        take_marks(&mut body);
        (self.prompt)(&body)
    }
}

fn stream(frames: &[Value]) -> String {
    let frame = |frame: &Value| match frame["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {frame}\n\n"),
        None => format!("data: {frame}\n\n"),
    };
    frames.iter().map(frame).collect()
}

fn take_marks(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.shift_remove("cache_control");
            fields.values_mut().for_each(take_marks);
        }
        Value::Array(items) => items.iter_mut().for_each(take_marks),
        _ => {}
    }
}

fn pieces(of: &Value) -> Vec<Value> {
    of.as_array().expect("a list").clone()
}

pub(super) const OPENAI: Wire = Wire {
    plugin: "provider-openai",
    model: "openai",
    address: str::to_owned,
    say: |words| {
        vec![
            json!({"choices": [{"index": 0, "delta": {"content": words}}]}),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 5}}),
        ]
    },
    call: |id, tool, input| {
        let call =
            json!({"index": 0, "id": id, "type": "function", "function": {"name": tool, "arguments": input}});
        vec![
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 5}}),
        ]
    },
    prompt: |body| {
        let messages = pieces(&body["messages"]);
        let (system, said) = messages.split_first().expect("a system prompt");
        Prompt {
            head: format!("{}{system}", body["tools"]),
            said: said.iter().map(Value::to_string).collect(),
        }
    },
};

pub(super) const ANTHROPIC: Wire = Wire {
    plugin: "provider-anthropic",
    model: "anthropic",
    address: |address| address.strip_suffix("/v1").expect("it ends so").to_owned(),
    say: |words| {
        let block = json!({"type": "text", "text": ""});
        answered(&block, &json!({"type": "text_delta", "text": words}), "end_turn")
    },
    call: |id, tool, input| {
        let block = json!({"type": "tool_use", "id": id, "name": tool, "input": {}});
        answered(&block, &json!({"type": "input_json_delta", "partial_json": input}), "tool_use")
    },
    prompt: |body| {
        // The same side's messages are one turn, which grows at its end, so that blocks are compared.
        let blocks = pieces(&body["messages"]).into_iter().flat_map(|turn| {
            pieces(&turn["content"]).into_iter().map(move |block| format!("{}{block}", turn["role"]))
        });
        Prompt { head: format!("{}{}", body["tools"], body["system"]), said: blocks.collect() }
    },
};

/// An answer of one block.
fn answered(block: &Value, delta: &Value, reason: &str) -> Vec<Value> {
    vec![
        json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": [],
               "model": "tiny", "usage": {"input_tokens": 100, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ]
}
