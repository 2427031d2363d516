//! [`Occasion`]: the events of the format that have a place in a turn here.

/// Events of the format that have no place here.
pub(crate) const ELSEWHERE: [&str; 22] = [
    "ConfigChange",
    "CwdChanged",
    "DirectoryAdded",
    "Elicitation",
    "ElicitationResult",
    "FileChanged",
    "InstructionsLoaded",
    "MessageDisplay",
    "PermissionDenied",
    "PostModelSwitch",
    "PostToolBatch",
    "PreModelSwitch",
    "Setup",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "TaskCompleted",
    "TaskCreated",
    "TeammateIdle",
    "UserPromptExpansion",
    "WorktreeCreate",
    "WorktreeRemove",
];

/// When hooks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    SessionStart,
    UserPromptSubmit,
    PreToolUse,
    PostToolUse,
    PostToolUseFailure,
    PermissionRequest,
    Stop,
    PreCompact,
    PostCompact,
    Notification,
    SessionEnd,
}

impl Occasion {
    pub(crate) const ALL: [Self; 11] = [
        Self::SessionStart,
        Self::UserPromptSubmit,
        Self::PreToolUse,
        Self::PostToolUse,
        Self::PostToolUseFailure,
        Self::PermissionRequest,
        Self::Stop,
        Self::PreCompact,
        Self::PostCompact,
        Self::Notification,
        Self::SessionEnd,
    ];

    /// As files and hooks call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SessionStart => "SessionStart",
            Self::UserPromptSubmit => "UserPromptSubmit",
            Self::PreToolUse => "PreToolUse",
            Self::PostToolUse => "PostToolUse",
            Self::PostToolUseFailure => "PostToolUseFailure",
            Self::PermissionRequest => "PermissionRequest",
            Self::Stop => "Stop",
            Self::PreCompact => "PreCompact",
            Self::PostCompact => "PostCompact",
            Self::Notification => "Notification",
            Self::SessionEnd => "SessionEnd",
        }
    }

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|occasion| occasion.name() == name)
    }

    /// Whether something waits for leave: a hook that fails there forbids it, unless the operator says otherwise.
    pub(crate) fn is_guarded(self) -> bool {
        matches!(self, Self::UserPromptSubmit | Self::PreToolUse | Self::PermissionRequest)
    }

    /// Whether a hook can keep something from happening, or has a word against it.
    pub(crate) fn may_be_blocked(self) -> bool {
        !matches!(self, Self::SessionStart | Self::PostCompact | Self::Notification | Self::SessionEnd)
    }

    /// Whether matchers go by a tool.
    pub(crate) fn is_about_a_tool(self) -> bool {
        matches!(
            self,
            Self::PreToolUse | Self::PostToolUse | Self::PostToolUseFailure | Self::PermissionRequest
        )
    }

    /// Whether a turn waits for what hooks say.
    pub(crate) fn is_waited_for(self) -> bool {
        !matches!(self, Self::PermissionRequest | Self::PostCompact | Self::Notification | Self::SessionEnd)
    }

    /// Whether a model reads what a hook prints in words.
    pub(crate) fn reads_words(self) -> bool {
        matches!(self, Self::SessionStart | Self::UserPromptSubmit)
    }
}
