//! What a tool has answered, as a model is told it.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use transom_agent::tool::ToolOutput;
use transom_plugin_api::sabotage::sabotaged;

/// Bytes of an answer that a model is told.
const LONGEST: usize = 1 << 20;

/// The answer, cut where it is too long.
pub(crate) fn output(result: &CallToolResult) -> ToolOutput {
    let mut parts: Vec<String> = result.content.iter().map(part).collect();
    let has_text = result.content.iter().any(|block| matches!(block, ContentBlock::Text(_)));
    if let Some(structured) = result.structured_content.as_ref().filter(|_| !has_text) {
        parts.push(structured.to_string());
    }
    let content = cut(parts.join("\n"));
    ToolOutput { content: content.into(), is_error: result.is_error.unwrap_or(false) }
}

fn part(block: &ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => data("image", Some(&image.mime_type), &image.data),
        ContentBlock::Audio(audio) => data("audio", Some(&audio.mime_type), &audio.data),
        ContentBlock::Resource(embedded) => match &embedded.resource {
            ResourceContents::TextResourceContents { text, .. } => text.clone(),
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                data(&format!("resource {uri}"), mime_type.as_deref(), blob)
            }
            _ => "[a resource of an unknown kind]".to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[resource {}]", link.uri),
        _ => "[content of an unknown kind]".to_owned(),
    }
}

/// One line in place of data, with what they are and how many bytes.
fn data(what: &str, kind: Option<&str>, base64: &str) -> String {
    let padding = base64.bytes().rev().take(2).take_while(|byte| *byte == b'=').count();
    let bytes = (base64.len() / 4 * 3).saturating_sub(padding);
    let kind = kind.map(|kind| format!(", {}", kind.escape_debug())).unwrap_or_default();
    format!("[{what}{kind}, {bytes} bytes]")
}

fn cut(mut text: String) -> String {
    let bytes = text.len();
    if bytes > LONGEST && !sabotaged("tell-models-all-of-an-answer") {
        text.truncate(text.floor_char_boundary(LONGEST));
        text +=
            &format!("\n[the answer has {bytes} bytes; what follows the first {} is left out]", text.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(result: serde_json::Value) -> (String, bool) {
        let result: CallToolResult = serde_json::from_value(result).expect("a result");
        let output = output(&result);
        (output.content.into_string(), output.is_error)
    }

    #[test]
    fn text_is_told_as_it_is_and_everything_else_as_a_line() {
        let content = json!([
            {"type": "text", "text": "one\ntwo"},
            {"type": "image", "data": "aGVsbG8=", "mimeType": "image/png"},
            {"type": "audio", "data": "aGVsbG8h", "mimeType": "audio/wav"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "a text"}},
            {"type": "resource", "resource": {"uri": "file:///b", "blob": "aGk="}},
            {"type": "resource_link", "uri": "file:///c", "name": "c"},
        ]);
        let expected = "one\ntwo\n[image, image/png, 5 bytes]\n[audio, audio/wav, 6 bytes]\na text\n[resource file:///b, 2 bytes]\n[resource file:///c]";
        assert_eq!(told(json!({"content": content})), (expected.to_owned(), false));
    }

    #[test]
    fn what_is_structured_is_told_where_there_is_no_text() {
        assert_eq!(told(json!({"content": [], "structuredContent": {"a": 1}})).0, r#"{"a":1}"#);
        let both = json!({"content": [{"type": "text", "text": "a is 1"}], "structuredContent": {"a": 1}});
        assert_eq!(told(both).0, "a is 1");
    }

    #[test]
    fn that_a_tool_has_failed_is_kept() {
        let failed = json!({"content": [{"type": "text", "text": "no such file"}], "isError": true});
        assert_eq!(told(failed), ("no such file".to_owned(), true));
    }

    #[test]
    fn an_answer_that_is_too_long_is_cut_and_says_so() {
        let text = "é".repeat(LONGEST);
        let (told, _) = told(json!({"content": [{"type": "text", "text": text}]}));
        assert!(told.len() < LONGEST + 100);
        assert!(
            told.ends_with("[the answer has 2097152 bytes; what follows the first 1048576 is left out]"),
            "{}",
            &told[LONGEST..]
        );
    }
}
