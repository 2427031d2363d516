//! What a client gets in place of an answer, by status.

use serde_json::{Map, Value, json};

use crate::table::Target;

/// An answer that is none.
#[derive(Clone, Copy)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// What the document calls it.
    name: &'static str,
    about: &'static str,
    who: Who,
}

/// Who gives it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// The guard, before anything else.
    Guard,
    /// Whoever reads the body.
    Body,
    /// Whoever decodes path and query, or the plugin that is asked.
    Plugin,
    /// The plugin or the host that is asked, and nobody answered.
    Asked,
}

const ALL: [Refusal; 11] = [
    refusal(
        400,
        "NotUnderstood",
        Who::Plugin,
        "The request does not make sense; the message names what and where.",
    ),
    refusal(401, "WithoutToken", Who::Guard, "The token is missing or another one."),
    refusal(
        403,
        "Forbidden",
        Who::Guard,
        "`Host` or `Origin` is not served, or a filter or a grant says no.",
    ),
    refusal(404, "NotFound", Who::Plugin, "What the path or the body names is not there."),
    refusal(408, "TooSlow", Who::Body, "The body took too long to arrive."),
    refusal(409, "Conflict", Who::Plugin, "It cannot be done as things are now."),
    refusal(413, "TooLarge", Who::Body, "The body has more bytes than it may."),
    refusal(415, "AnotherType", Who::Body, "The body is not `application/json`."),
    refusal(500, "Failed", Who::Asked, "Whoever was asked failed; the server's log has more."),
    refusal(503, "Unavailable", Who::Asked, "Something that it takes is not there, or is about to stop."),
    refusal(504, "NoAnswer", Who::Asked, "Nobody answered in time."),
];

const fn refusal(status: u16, name: &'static str, who: Who, about: &'static str) -> Refusal {
    Refusal { status, name, about, who }
}

/// What may come in place of the answer of a route.
pub(super) fn of(target: Target, has_body: bool) -> impl Iterator<Item = Refusal> {
    ALL.into_iter().filter(move |refusal| match refusal.who {
        Who::Guard => true,
        Who::Body => has_body,
        Who::Plugin => matches!(target, Target::Offered(_)),
        Who::Asked => matches!(target, Target::Offered(_) | Target::Plugins),
    })
}

/// The parts of the document that refusals refer to.
pub(super) fn components() -> Value {
    let responses: Map<_, _> =
        ALL.iter().map(|refusal| (refusal.name.to_owned(), refusal.written())).collect();
    let refusal = json!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": { "type": "string", "description": "One sentence for a person." } },
    });
    json!({ "schemas": { "Refusal": refusal }, "responses": responses })
}

impl Refusal {
    pub(super) fn reference(self) -> Value {
        json!({ "$ref": format!("#/components/responses/{}", self.name) })
    }

    fn written(self) -> Value {
        let schema = json!({ "schema": { "$ref": "#/components/schemas/Refusal" } });
        json!({ "description": self.about, "content": { "application/json": schema } })
    }
}
