//! [`Pinned`]: the skills that are active in a conversation, as they are stored, and the rule for one more.
//!
//! What is stored is the whole truth. It is written before the conversation's log is, with the ids of the messages that are to stand there,
//! so that whoever comes later, and be it after a crash, can see what is missing there.

use serde::{Deserialize, Serialize};
use transom_agent::message::{Message, Role};
use transom_plugin_api::sabotage::sabotaged;
use uuid::Uuid;

use crate::conflict::{Pair, conflicts};
use crate::instructions::Instructions;

/// Bytes of a token, by which budgets are counted here.
const TOKEN_BYTES: u64 = 4;
/// Tokens of a skill that are worth to be shown when there is no room for all of it.
const WORTH_SHOWING: u64 = 100;

/// How much may be active in a conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Skills.
    pub(crate) most: usize,
    /// Tokens of all of them together.
    pub(crate) tokens: u64,
}

/// The skills of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pinned {
    /// In the order in which they were activated.
    pub(crate) active: Vec<Active>,
    /// Those whose end is still to be said in the conversation.
    pub(crate) leaving: Vec<Leaving>,
}

/// An active skill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Active {
    pub(crate) name: String,
    /// Of the file that was read.
    pub(crate) digest: String,
    /// Milliseconds since the epoch.
    pub(crate) activated_at: i64,
    /// The message with which it has entered.
    pub(crate) message_id: String,
    /// What stands before the instructions there.
    opening: Opening,
    /// The instructions, as the model is shown them.
    pub(crate) shown: String,
    /// Tokens that were cut off.
    pub(crate) left_out: u64,
}

/// The end of an active skill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Leaving {
    name: String,
    message_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Opening {
    Activated,
    Changed,
    Again,
}

/// Why a skill does not become active. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// So many are active already; these.
    TooMany { most: usize, active: Vec<String> },
    /// What forces could overcome: it contradicts active skills (each pair with the skill's name), or does not fit in.
    Unforced { conflicts: Vec<(String, Pair)>, size: Option<Size> },
    /// There is no room that would be worth it.
    NoRoom(Size),
}

/// Tokens of a skill, and how many there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) tokens: u64,
    pub(crate) left: u64,
    pub(crate) of: u64,
}

/// Tokens of a text.
pub(crate) fn tokens(bytes: u64) -> u64 {
    bytes.div_ceil(TOKEN_BYTES)
}

fn tokens_of(text: &str) -> u64 {
    tokens(text.len() as u64)
}

fn message_id() -> String {
    format!("skill/{}", Uuid::new_v4().simple())
}

impl Active {
    /// Tokens of its instructions.
    pub(crate) fn tokens(&self) -> u64 {
        tokens_of(&self.shown)
    }

    /// As it enters the conversation.
    pub(crate) fn message(&self) -> Message {
        let name = &self.name;
        let opening = match self.opening {
            Opening::Activated => {
                format!(
                    "From now on the skill `{name}` applies to this conversation, until it is said that it no longer does."
                )
            }
            Opening::Changed => {
                format!(
                    "The skill `{name}` has changed. From now on this applies, in place of what was said of it before."
                )
            }
            Opening::Again => format!("The skill `{name}` goes on to apply to this conversation."),
        };
        Message::text(self.message_id.as_str(), Role::System, format!("{opening}\n\n{}", self.shown))
    }
}

impl Leaving {
    /// As the end is said.
    pub(crate) fn message(&self) -> Message {
        let text = format!("From now on the skill `{}` no longer applies to this conversation.", self.name);
        Message::text(self.message_id.as_str(), Role::System, text)
    }
}

impl Pinned {
    pub(crate) fn find(&self, name: &str) -> Option<&Active> {
        self.active.iter().find(|active| active.name == name)
    }

    /// Tokens of all active skills.
    pub(crate) fn tokens(&self) -> u64 {
        self.active.iter().map(Active::tokens).sum()
    }

    /// Makes a skill active that is not yet, or was by another version of its file.
    ///
    /// # Errors
    /// Why it cannot be; `force` overcomes what can be overcome.
    pub(crate) fn admit(
        &mut self,
        skill: &Instructions,
        shown: &str,
        limits: Limits,
        force: bool,
        now: i64,
    ) -> Result<&Active, Unfit> {
        let others: Vec<_> = self.active.iter().filter(|active| active.name != skill.name).collect();
        if others.len() >= limits.most && !sabotaged("activate-any-number") {
            let active = others.into_iter().map(|active| active.name.clone()).collect();
            return Err(Unfit::TooMany { most: limits.most, active });
        }
        let taken = others.iter().map(|active| active.tokens()).sum();
        let size =
            Size { tokens: tokens_of(shown), left: limits.tokens.saturating_sub(taken), of: limits.tokens };
        let is_too_long = size.tokens > size.left && !sabotaged("activate-any-length");
        if is_too_long && size.left < WORTH_SHOWING {
            return Err(Unfit::NoRoom(size));
        }
        if !force && !sabotaged("activate-what-contradicts") {
            let conflicts: Vec<_> = others.iter().flat_map(|active| against(active, shown)).collect();
            if is_too_long || !conflicts.is_empty() {
                return Err(Unfit::Unforced { conflicts, size: is_too_long.then_some(size) });
            }
        }
        let (shown, left_out) = if is_too_long { cut(shown, size) } else { (shown.to_owned(), 0) };
        let opening = if self.find(&skill.name).is_some() { Opening::Changed } else { Opening::Activated };
        self.active.retain(|active| active.name != skill.name);
        let (name, digest) = (skill.name.clone(), skill.digest.clone());
        self.active.push(Active {
            name,
            digest,
            activated_at: now,
            message_id: message_id(),
            opening,
            shown,
            left_out,
        });
        Ok(self.active.last().expect("it was just put there"))
    }

    /// Lets a skill go; nothing when it is not active.
    pub(crate) fn let_go(&mut self, name: &str) -> bool {
        let before = self.active.len();
        self.active.retain(|active| active.name != name);
        let was_active = self.active.len() < before;
        if was_active {
            self.leaving.push(Leaving { name: name.to_owned(), message_id: message_id() });
        }
        was_active
    }

    /// Has those enter once more whose messages are not shown any more, and answers how they do.
    pub(crate) fn enter_again(&mut self, is_shown: impl Fn(&str) -> bool) -> Vec<Message> {
        let gone = self.active.iter_mut().filter(|active| !is_shown(&active.message_id));
        gone.map(|active| {
            (active.message_id, active.opening) = (message_id(), Opening::Again);
            active.message()
        })
        .collect()
    }
}

fn against(active: &Active, shown: &str) -> impl Iterator<Item = (String, Pair)> {
    conflicts(shown, &active.shown).into_iter().map(|pair| (active.name.clone(), pair))
}

/// As much of a skill as there is room for, up to the end of a line, with a note on what is left out; and how many tokens that is.
fn cut(shown: &str, size: Size) -> (String, u64) {
    let note = |left_out: u64| {
        let of = size.tokens;
        format!(
            "\n\n[about {left_out} of {of} tokens of this skill are left out here; `load_skill` tells all of it]\n"
        )
    };
    let room = usize::try_from(size.left * TOKEN_BYTES).unwrap_or(usize::MAX);
    let kept = &shown[..shown.floor_char_boundary(room.saturating_sub(note(size.tokens).len()))];
    let kept = kept.rfind('\n').map_or(kept, |end| &kept[..end]);
    let left_out = tokens((shown.len() - kept.len()) as u64);
    (format!("{kept}{}", note(left_out)), left_out)
}

#[cfg(test)]
mod tests {
    use transom_agent::message::Chunk;

    use super::*;

    const LIMITS: Limits = Limits { most: 3, tokens: 400 };

    fn skill(name: &str, digest: &str) -> Instructions {
        Instructions { name: name.to_owned(), shown: None, digest: digest.to_owned() }
    }

    fn admit(pinned: &mut Pinned, name: &str, shown: &str, force: bool) -> Result<String, Unfit> {
        pinned.admit(&skill(name, "1"), shown, LIMITS, force, 7).map(|active| active.shown.clone())
    }

    fn text(message: &Message) -> String {
        let [Chunk::Text { text }] = &message.chunks[..] else { panic!("one text") };
        text.to_string()
    }

    #[test]
    fn a_skill_enters_as_it_is_shown_behind_a_line_that_says_from_when_it_applies() {
        let mut pinned = Pinned::default();
        admit(&mut pinned, "a", "Do it so.\n", false).unwrap();
        let active = &pinned.active[0];
        let told = "From now on the skill `a` applies to this conversation, until it is said that it no longer does.\n\nDo it so.\n";
        assert_eq!((text(&active.message()).as_str(), active.message().role), (told, Role::System));
        assert!(active.message_id.starts_with("skill/") && active.message().id == active.message_id.as_str());
        assert_eq!((active.activated_at, active.left_out, active.tokens()), (7, 0, 3));
    }

    #[test]
    fn another_version_takes_the_place_of_the_one_before() {
        let mut pinned = Pinned::default();
        admit(&mut pinned, "a", "Always write unit tests", false).unwrap();
        let first = pinned.active[0].message_id.clone();
        pinned
            .admit(&skill("a", "2"), "Never write unit tests", LIMITS, false, 8)
            .expect("it contradicts only itself");
        let [active] = &pinned.active[..] else { panic!("one") };
        assert!(
            active.message_id != first && text(&active.message()).starts_with("The skill `a` has changed.")
        );
    }

    #[test]
    fn a_fourth_is_refused_also_by_force_and_changes_nothing() {
        let mut pinned = Pinned::default();
        for name in ["a", "b", "c"] {
            admit(&mut pinned, name, name, false).unwrap();
        }
        let before = pinned.clone();
        let active = ["a", "b", "c"].map(str::to_owned).into();
        assert_eq!(admit(&mut pinned, "d", "d", true), Err(Unfit::TooMany { most: 3, active }));
        assert_eq!(pinned, before);
    }

    #[test]
    fn what_contradicts_an_active_skill_is_told_and_changes_nothing_unless_it_is_forced() {
        let mut pinned = Pinned::default();
        admit(&mut pinned, "a", "Always write unit tests", false).unwrap();
        let before = pinned.clone();
        let pair =
            Pair { line: "Never write unit tests".to_owned(), other: "Always write unit tests".to_owned() };
        let told = Unfit::Unforced { conflicts: vec![("a".to_owned(), pair)], size: None };
        assert_eq!(admit(&mut pinned, "b", "Never write unit tests", false), Err(told));
        assert_eq!(pinned, before);
        admit(&mut pinned, "b", "Never write unit tests", true).unwrap();
        assert_eq!(pinned.active.len(), 2);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_numbers_and_by_force_cut_with_a_note() {
        let mut pinned = Pinned::default();
        admit(&mut pinned, "a", &"x".repeat(800), false).unwrap();
        let long = "A line of some words.\n".repeat(100);
        let size = Size { tokens: 550, left: 200, of: 400 };
        let told = Unfit::Unforced { conflicts: Vec::new(), size: Some(size) };
        assert_eq!(admit(&mut pinned, "b", &long, false), Err(told));
        let shown = admit(&mut pinned, "b", &long, true).unwrap();
        let left_out = pinned.active[1].left_out;
        let note = format!(
            "some words.\n\n[about {left_out} of 550 tokens of this skill are left out here; `load_skill` tells all of it]\n"
        );
        assert!(shown.ends_with(&note) && (370..390).contains(&left_out), "{shown}");
        assert!(pinned.tokens() <= 400, "{}", pinned.tokens());
        let size = Size { tokens: 550, left: 400 - pinned.tokens(), of: 400 };
        assert_eq!(admit(&mut pinned, "c", &long, true), Err(Unfit::NoRoom(size)));
    }

    #[test]
    fn one_long_line_is_cut_between_characters() {
        let (shown, left_out) = cut(&"é".repeat(1_000), Size { tokens: 500, left: 200, of: 200 });
        assert!(shown.len() <= 800 && shown.starts_with("éé") && left_out > 300, "{}", shown.len());
    }

    #[test]
    fn what_leaves_is_said_once_and_what_is_not_active_cannot_leave() {
        let mut pinned = Pinned::default();
        admit(&mut pinned, "a", "x", false).unwrap();
        assert!(pinned.let_go("a") && !pinned.let_go("a"));
        let [leaving] = &pinned.leaving[..] else { panic!("one") };
        assert_eq!(
            text(&leaving.message()),
            "From now on the skill `a` no longer applies to this conversation."
        );
    }

    #[test]
    fn those_that_are_not_shown_any_more_enter_again() {
        let mut pinned = Pinned::default();
        admit(&mut pinned, "a", "x", false).unwrap();
        admit(&mut pinned, "b", "y", false).unwrap();
        let kept = pinned.active[1].message_id.clone();
        let again = pinned.enter_again(|id| id == kept);
        let [message] = &again[..] else { panic!("one") };
        assert_eq!(text(message), "The skill `a` goes on to apply to this conversation.\n\nx");
        assert_eq!(
            (message.id.as_str(), &pinned.active[1].message_id),
            (pinned.active[0].message_id.as_str(), &kept)
        );
        assert_eq!(pinned.enter_again(|_| true), []);
    }

    #[test]
    fn what_is_stored_is_read_as_it_was() {
        let mut pinned = Pinned::default();
        admit(&mut pinned, "a", "x", false).unwrap();
        pinned.let_go("a");
        admit(&mut pinned, "b", "\u{1b}\"é", false).unwrap();
        let stored = serde_json::to_value(&pinned).unwrap();
        assert_eq!(serde_json::from_value::<Pinned>(stored).unwrap(), pinned);
    }
}
