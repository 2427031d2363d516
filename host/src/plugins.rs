//! The one list of bundled plugins: the linker keeps exactly what stands here.

use transom_cache_explainer as _;
use transom_cache_warming as _;
use transom_compaction as _;
use transom_concurrency as _;
use transom_conversation_store as _;
use transom_credentials as _;
use transom_hook_commands as _;
use transom_mcp as _;
use transom_message_queue as _;
use transom_model_catalogue as _;
use transom_permissions as _;
use transom_provider_anthropic as _;
use transom_provider_openai as _;
use transom_provider_scripted as _;
use transom_session_orchestrator as _;
use transom_skills as _;
use transom_surface_registry as _;
use transom_system_prompt as _;
use transom_todo as _;
use transom_tool_shell as _;
use transom_tools_fs as _;
use transom_transport_http as _;
use transom_transport_ws as _;
use transom_trust as _;

/// What the list above must have linked in; compared at every start with what is there.
pub(crate) const BUNDLED: &[&str] = &[
    "cache-explainer",
    "cache-warming",
    "compaction",
    "concurrency",
    "conversation-store",
    "credentials",
    "hook-commands",
    "mcp",
    "message-queue",
    "model-catalogue",
    "permissions",
    "provider-anthropic",
    "provider-openai",
    "provider-scripted",
    "session-orchestrator",
    "skills",
    "surface-registry",
    "system-prompt",
    "todo",
    "tool-shell",
    "tools-fs",
    "transport-http",
    "transport-ws",
    "trust",
];
