//! [`Guards`]: what stands between a model and the world, in numbers: persons who are asked, servers, hooks, and what nobody trusts.

use serde_json::{Value, json};

use crate::judgement::Judgement;

/// What was seen of it.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    /// Commands that a person allowed.
    pub(crate) allowed: u64,
    /// Commands that a person denied.
    pub(crate) denied: u64,
    /// Answers that were given by the program, not over HTTP.
    pub(crate) by_program: u64,
    /// Questions that waited over a kill.
    pub(crate) waited: u64,
    /// Turns whose host was killed behind the answer.
    pub(crate) cut_off: u64,
    /// Commands that ran.
    pub(crate) ran: u64,
    /// Commands that ran more than once.
    pub(crate) twice: u64,
    /// Calls that a server answered.
    pub(crate) answered: u64,
    /// Calls that failed with their server.
    pub(crate) failed: u64,
    /// How often a server ended.
    pub(crate) ended: u64,
    /// Commands that a hook has forbidden.
    pub(crate) forbidden: u64,
    /// Commands that a hook has changed.
    pub(crate) changed: u64,
    /// Turns in a repository that nobody trusts.
    pub(crate) hostile_turns: u64,
    /// Files of it that wait for trust.
    pub(crate) waiting: u64,
    /// Requests to a model that were looked through for a word of it.
    pub(crate) requests: u64,
    pub(crate) judgement: Judgement,
}

impl Guards {
    /// Notes whether something is as it has to be; `what` tells what is not, with what was seen.
    pub(crate) fn judge(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.judgement.judge(holds, what);
    }

    /// Takes in what was seen elsewhere.
    pub(crate) fn add(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.by_program += other.by_program;
        self.waited += other.waited;
        self.cut_off += other.cut_off;
        self.ran += other.ran;
        self.twice += other.twice;
        self.answered += other.answered;
        self.failed += other.failed;
        self.ended += other.ended;
        self.forbidden += other.forbidden;
        self.changed += other.changed;
        self.hostile_turns += other.hostile_turns;
        self.waiting += other.waiting;
        self.requests += other.requests;
        self.judgement.add(other.judgement);
    }

    pub(crate) fn document(&self) -> Value {
        json!({
            "permissions": {
                "allowed": self.allowed, "denied": self.denied, "byProgram": self.by_program, "waited": self.waited,
                "cutOff": self.cut_off, "ran": self.ran, "twice": self.twice,
            },
            "server": { "answered": self.answered, "failed": self.failed, "ended": self.ended },
            "hooks": { "forbidden": self.forbidden, "changed": self.changed },
            "hostile": { "turns": self.hostile_turns, "waiting": self.waiting, "requests": self.requests },
            "judged": self.judgement.judged,
        })
    }
}
