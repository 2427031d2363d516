//! [`Berth`]: a conversation that works in a folder of its own, and is looked at from outside.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::Lines;
use crate::ledger::Manner;
use crate::log::Log;
use crate::scene::Scene;
use crate::ship::{Ship, eventually};

/// A conversation with its folder.
#[derive(Debug)]
pub(super) struct Berth<'a> {
    pub(super) ship: &'a Ship,
    pub(super) conversation: String,
    /// Without symlinks in it, as the host names it.
    pub(super) folder: PathBuf,
}

impl<'a> Berth<'a> {
    /// Makes the folder, and a conversation that will work there.
    ///
    /// # Errors
    /// When one of them cannot be.
    pub(super) async fn of(scene: &Scene<'a>, name: &str) -> Result<Self, String> {
        let conversation = format!("night-{}-{name}", scene.number);
        let folder = scene.ship.stage.work().join(&conversation);
        let made = std::fs::create_dir(&folder).and_then(|()| folder.canonicalize());
        let folder = made.map_err(|error| format!("`{}`: {error}", folder.display()))?;
        let berth = Self { ship: scene.ship, conversation, folder };
        berth.put("cwd", &json!({ "cwd": berth.folder })).await?;
        // It says what it is told, also where that has no directives in it.
        berth.put("model", &json!({ "model": "scripted/echo" })).await?;
        Ok(berth)
    }

    /// Writes a file of the folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, path: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(path);
        let folder = std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")));
        let written = folder.and_then(|()| std::fs::write(&path, text));
        written.map_err(|error| format!("`{}`: {error}", path.display()))
    }

    /// One turn, to its seal.
    ///
    /// # Errors
    /// When it does not begin, or is not sealed.
    pub(super) async fn turn(&self, script: &str) -> Result<(), String> {
        let lines = self.begin(script).await?;
        self.end(lines).await
    }

    /// Begins a turn.
    pub(super) async fn begin(&self, script: &str) -> Result<Lines, String> {
        let words = self.ship.ledger.words(&self.conversation);
        let lines = self.ship.client.chat(&self.conversation, &format!("{words} {script}")).await?;
        self.ship.ledger.acknowledge(&self.conversation, &words, Manner::Spoken);
        Ok(lines)
    }

    /// Waits for the seal.
    pub(super) async fn end(&self, mut lines: Lines) -> Result<(), String> {
        while let Some(frame) = lines.frame().await? {
            if frame.kind == "turn-sealed" {
                return Ok(());
            }
        }
        Err(format!("a turn of {} was not sealed", self.conversation))
    }

    /// What the conversation asks a person.
    ///
    /// # Errors
    /// When it asks nothing for too long.
    pub(super) async fn question(&self) -> Result<Question, String> {
        let path = format!("/questions?conversationId={}", self.conversation);
        let asked = async || {
            let open = self.ship.client.get(&path).await.ok()?;
            Some(open["questions"][0].clone()).filter(|question| !question.is_null())
        };
        let asked = eventually(&format!("a question of {}", self.conversation), asked).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let choices: Vec<String> = asked["choices"].as_array().into_iter().flatten().map(text).collect();
        let [allow, .., deny] = &choices[..] else { return Err(format!("it has no choices: {asked}")) };
        Ok(Question { id: text(&asked["questionId"]), allow: allow.clone(), deny: deny.clone() })
    }

    /// Answers it over HTTP; when this returns the answer is durable.
    ///
    /// # Errors
    /// When it is not taken.
    pub(super) async fn answer(&self, question: &Question, choice: &str) -> Result<(), String> {
        self.post("answer", &json!({ "questionId": question.id, "choice": choice })).await?;
        self.ship.ledger.answer(&self.conversation, &question.id, choice);
        Ok(())
    }

    /// The log, once no turn runs or waits.
    ///
    /// # Errors
    /// When one does for too long.
    pub(super) async fn log_at_rest(&self) -> Result<Log, String> {
        let rests = async || self.get("status").await.ok().filter(|status| status["isActive"] == false);
        eventually(&format!("the end of a turn of {}", self.conversation), rests).await?;
        Log::of(&self.ship.client, &self.conversation).await
    }

    /// One turn with one call; what the tool answered.
    ///
    /// # Errors
    /// When the turn has no end, or no result.
    pub(super) async fn call(&self, tool: &str, input: &Value) -> Result<Value, String> {
        self.turn(&script_of(tool, input)).await?;
        let log = self.log_at_rest().await?;
        let last = log.of_type("tool-result").last().cloned();
        last.ok_or_else(|| format!("a call of `{tool}` has no result in {}", self.conversation))
    }

    /// The lines of a file of the folder; none where there is no such file.
    pub(super) fn lines(&self, path: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join(path)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(super) async fn get(&self, what: &str) -> Result<Value, String> {
        Ok(self.ship.client.get(&self.path(what)).await?)
    }

    pub(super) async fn post(&self, what: &str, body: &Value) -> Result<Value, String> {
        Ok(self.ship.client.post(&self.path(what), body).await?)
    }

    pub(super) async fn put(&self, what: &str, body: &Value) -> Result<Value, String> {
        Ok(self.ship.client.put(&self.path(what), body).await?)
    }

    fn path(&self, what: &str) -> String {
        format!("/conversations/{}/{what}", self.conversation)
    }

    /// The requests of one purpose, as `GET …/cache` tells them, as soon as there are so many, each with its end.
    ///
    /// # Errors
    /// When there are fewer for too long.
    pub(super) async fn requests(&self, purpose: &str, count: usize) -> Result<Vec<Value>, String> {
        let told = async || {
            let document = self.get("cache").await.ok()?;
            let all = document["requests"].as_array()?.iter();
            let of_purpose: Vec<Value> =
                all.filter(|request| request["purpose"] == purpose && is_known(request)).cloned().collect();
            (of_purpose.len() >= count).then_some(of_purpose)
        };
        let what = format!("{count} requests for `{purpose}` in {}", self.conversation);
        eventually(&what, told).await
    }

    /// Words that the model was shown in the last of so many requests of turns: what a scripted model tells as its tokens.
    ///
    /// # Errors
    /// When there are fewer for too long.
    pub(super) async fn words_shown(&self, count: usize) -> Result<u64, String> {
        let requests = self.requests("turn", count).await?;
        Ok(requests.last().and_then(|last| last["inputTokens"].as_u64()).unwrap_or_default())
    }
}

/// A question that waits for a person.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) id: String,
    /// The choice that lets the call run.
    pub(super) allow: String,
    /// The one that does not.
    pub(super) deny: String,
}

/// What has a scripted model call a tool, and then say a word.
pub(super) fn script_of(tool: &str, input: &Value) -> String {
    format!("[[pace: 0]] [[tool: {tool} {input}]] [[step]] [[say: aye]]")
}

/// Whether it has been looked at, and has ended.
fn is_known(request: &Value) -> bool {
    !request["fingerprints"].is_null() && !request["end"].is_null()
}

/// Words as a model counts them.
pub(super) fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}
