//! What everybody is told.

use serde_json::json;
use transom_agent::compaction::{Compacted, Summary};
use transom_agent::conversation::{Opened, Status};

use super::{Served, conversation};

#[tokio::test]
async fn every_client_is_told_what_conversations_do() {
    let served = Served::open();
    let mut clients = [served.client().await, served.client().await];
    for client in &mut clients {
        // It is in, and looks.
        client.ask(json!({ "type": "echo" })).await;
    }
    let mut known = conversation("c");
    known.status = Status::Active;
    served.shared.board.post_status(&known);
    served.shared.board.post_status(&known);
    let summary = Summary { messages: 9, ..Summary::default() };
    served.shared.board.post_compacted(&Compacted { conversation_id: "c".into(), seq: 12, summary });
    served.shared.board.post_opened(&Opened { conversation_id: "c".into(), workspace_id: "work".into() });
    for client in &mut clients {
        assert_eq!(
            client.json().await,
            json!({ "type": "conversation.statusChanged", "conversationId": "c", "status": "active", "workspaceId": "default" })
        );
        assert_eq!(
            client.json().await,
            json!({ "type": "conversation.compacted", "conversationId": "c", "seq": 12, "messagesSummarized": 9 })
        );
        assert_eq!(
            client.json().await,
            json!({ "type": "conversation.open", "conversationId": "c", "workspaceId": "work" })
        );
    }
}
