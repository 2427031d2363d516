//! The list as a surface.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::surface::{Field, SurfaceAbout, SurfaceChanged, SurfaceOf, SurfaceSpec};
use transom_agent::todo::Todo;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{List, Server, StartError, Text};

use crate::TodoPorts;
use crate::shelf::Shelf;

/// The surface's id, and the sort of drawing.
const ID: &str = "todo";

/// Bytes of an entry, as it is written in JSON: the longest list still fits a surface.
const MOST_BYTES: usize = 1_000;

/// Puts the surface on the bus.
pub(crate) fn register(
    shelf: &Arc<Shelf>,
    surfaces: &Server<SurfaceOf, SurfaceSpec, SurfaceAbout>,
) -> Result<(), StartError> {
    surfaces.serve_named_with(ID, about(), shelf, async |shelf, of, _| {
        Ok(about().showing(ID, drawn(&shelf.list(of.conversation()?).await?.todos)))
    })
}

/// Says that the list of a conversation is another.
pub(crate) fn say_change(ports: &TodoPorts, conversation_id: &Text) {
    if !sabotaged("todo-leave-the-surface-as-it-is") {
        ports.surface_changed.emit(&SurfaceChanged::of(ID, conversation_id));
    }
}

fn about() -> SurfaceAbout {
    SurfaceAbout::of_conversations("side", "To do")
}

/// How much is done, for everybody, and the list for who can draw it.
fn drawn(todos: &[Todo]) -> List<Field> {
    let done = todos.iter().filter(|todo| !todo.is_open()).count();
    let value = format!("{done} of {}", todos.len()).into();
    let entries: Vec<Value> = todos.iter().map(entry).collect();
    List::from([
        Field::Stat { label: "Done".into(), value },
        Field::Custom { renderer: ID.into(), payload: json!({ "todos": entries }).into() },
    ])
}

fn entry(todo: &Todo) -> Value {
    json!({ "content": cut(&todo.content), "status": todo.status })
}

fn cut(content: &str) -> String {
    let mut bytes = 0;
    let fits = |character: &char| {
        bytes += if matches!(character, '"' | '\\') { 2 } else { character.len_utf8() };
        bytes <= MOST_BYTES
    };
    let cut: String = content.chars().take_while(fits).collect();
    if cut.len() < content.len() { cut + "…" } else { cut }
}

#[cfg(test)]
mod tests {
    use transom_agent::todo::TodoStatus;
    use transom_plugin_api::Json;

    use super::*;
    use crate::input::{MOST_CHARACTERS, MOST_TODOS};

    #[test]
    fn the_longest_list_there_may_be_fits_a_surface() {
        for character in ["\"", "x", "é", "🜁"] {
            let todo =
                Todo { content: character.repeat(MOST_CHARACTERS).into(), status: TodoStatus::InProgress };
            let fields = drawn(&vec![todo; MOST_TODOS]);
            let bytes = Json::of(&about().showing(ID, fields)).unwrap().as_str().len();
            assert!(bytes <= 256 * 1024, "{bytes}");
        }
    }

    #[test]
    fn a_short_entry_is_whole_and_a_long_one_says_that_it_goes_on() {
        assert_eq!(cut("look"), "look");
        let long = cut(&"é".repeat(501));
        assert_eq!((long.chars().count(), long.ends_with('…')), (501, true));
    }
}
