//! How skills are told: as JSON for clients and programs, as lines for people.

use std::fmt::Write;

use serde_json::{Value, json};
use transom_agent::refusal::shown;
use transom_plugin_api::sabotage::sabotaged;

use crate::active::{Active, Limits, Size, Unfit, tokens};
use crate::conflict::Pair;
use crate::pins::Outlook;
use crate::standing::Standing;
use crate::view::{LeftOut, Listed, Survey};

/// Characters of a summary, and of what is wrong, on a line.
const SHOWN: usize = 100;

/// Everything, as JSON.
pub(crate) fn told(conversation_id: Option<&str>, outlook: &Outlook, limits: Limits) -> Value {
    let Outlook { cwd, survey, pinned } = outlook;
    let mut told = json!({
        "cwd": cwd.as_str(),
        "skills": survey.listed.iter().map(|listed| skill(listed, outlook)).collect::<Value>(),
        "leftOut": survey.left_out.iter().map(left_out).collect::<Value>(),
    });
    if let Some(id) = conversation_id {
        told["conversationId"] = id.into();
        told["active"] = pinned.active.iter().map(|active| pin(active, survey)).collect();
        told["activeTokens"] = pinned.tokens().into();
        told["mostActiveTokens"] = limits.tokens.into();
        told["mostActive"] = limits.most.into();
    }
    told
}

fn skill(listed: &Listed, outlook: &Outlook) -> Value {
    let mut told = json!({
        "name": listed.name,
        "summary": listed.skill.summary,
        "file": listed.file.display().to_string(),
        "tokens": tokens(listed.skill.bytes),
        "active": outlook.pinned.find(&listed.name).is_some(),
    });
    if let Some(problem) = listed.skill.problem.as_ref().filter(|_| !sabotaged("keep-problems-to-oneself")) {
        told["problem"] = problem.as_str().into();
    }
    told
}

fn left_out(LeftOut { name, standing, skills }: &LeftOut) -> Value {
    let state = if *standing == Standing::Refused { "refused" } else { "untrusted" };
    let mut told = json!({"name": name, "state": state, "skills": skills});
    if let Standing::Unasked(reason) = standing {
        told["reason"] = reason.as_str().into();
    }
    told
}

fn pin(active: &Active, survey: &Survey) -> Value {
    let mut told = json!({
        "name": active.name,
        "state": state(active, survey),
        "digest": active.digest,
        "activatedAt": active.activated_at,
        "messageId": active.message_id,
        "tokens": active.tokens(),
    });
    if active.left_out > 0 {
        told["tokensLeftOut"] = active.left_out.into();
    }
    told
}

/// How the file is by now by which a skill is active.
fn state(active: &Active, survey: &Survey) -> &'static str {
    match survey.digests.get(&active.name) {
        Some(digest) if *digest == active.digest => "current",
        Some(_) => "changed",
        None => "gone",
    }
}

/// Why a skill is not activated, as JSON with a sentence in `error`, and as a client may branch on it in `reason`.
pub(crate) fn refusal(name: &str, unfit: &Unfit) -> Value {
    let error = sentence(name, unfit);
    match unfit {
        Unfit::TooMany { most, active } => {
            json!({"error": error, "reason": "too-many", "mostActive": most, "active": active})
        }
        Unfit::NoRoom(size) => with_size(json!({"error": error, "reason": "no-room"}), *size),
        Unfit::Unforced { conflicts, size } => {
            let reason = if conflicts.is_empty() { "too-long" } else { "conflict" };
            let mut told = json!({"error": error, "reason": reason});
            if !conflicts.is_empty() {
                let pair = |(skill, pair): &(String, Pair)| json!({"line": pair.line, "skill": skill, "contradicts": pair.other});
                told["conflicts"] = conflicts.iter().map(pair).collect();
            }
            match size {
                Some(size) => with_size(told, *size),
                None => told,
            }
        }
    }
}

fn with_size(mut told: Value, size: Size) -> Value {
    (told["tokens"], told["tokensLeft"], told["mostActiveTokens"]) =
        (size.tokens.into(), size.left.into(), size.of.into());
    told
}

fn sentence(name: &str, unfit: &Unfit) -> String {
    match unfit {
        Unfit::TooMany { most, active } => {
            let active = active.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            format!(
                "skill `{name}` is not activated: {most} may be active at once, and {active} are; let one of them go"
            )
        }
        Unfit::NoRoom(size) => {
            format!("skill `{name}` is not activated: {}; let another one go", counted(*size))
        }
        Unfit::Unforced { conflicts, size } => {
            let mut why = Vec::new();
            if let Some((skill, pair)) = conflicts.first() {
                let more = if conflicts.len() > 1 {
                    format!(", and {} more", conflicts.len() - 1)
                } else {
                    String::new()
                };
                why.push(format!(
                    "`{}` contradicts `{}` of active skill `{skill}`{more}",
                    pair.line, pair.other
                ));
            }
            why.extend(size.map(|size| format!("{}, by force it enters without its end", counted(size))));
            format!("skill `{name}` is not activated: {}; force it if that is meant", why.join("; "))
        }
    }
}

fn counted(size: Size) -> String {
    format!("it has {} tokens, and {} of {} are left", size.tokens, size.left, size.of)
}

/// Everything, for a person.
pub(crate) fn printed(outlook: &Outlook, limits: Option<Limits>) -> String {
    let Outlook { cwd, survey, pinned } = outlook;
    let mut text = format!("skills in {}\n", shown(cwd, usize::MAX));
    if let Some(limits) = limits {
        let (active, tokens) = (pinned.active.len(), pinned.tokens());
        line(&mut text, &format!("{active} of {} active, {tokens} of {} tokens", limits.most, limits.tokens));
    }
    for LeftOut { name, standing, skills } in &survey.left_out {
        let skills = if *skills == 1 { "1 skill".to_owned() } else { format!("{skills} skills") };
        line(&mut text, &format!("`{}` holds {skills} and {}", shown(name, SHOWN), standing.sentence()));
    }
    if survey.listed.is_empty() {
        line(&mut text, "there are none");
    }
    for Listed { name, skill, .. } in &survey.listed {
        let mark = if pinned.find(name).is_some() { '*' } else { ' ' };
        let about = match &skill.problem {
            // All of it, since its end says what to do.
            Some(problem) => shown(&format!("! {problem}"), usize::MAX),
            None => shown(&skill.summary, SHOWN),
        };
        line(&mut text, &format!("{mark} {:<24} {:>6}  {about}", shown(name, SHOWN), tokens(skill.bytes)));
    }
    for active in pinned.active.iter().filter(|active| state(active, survey) != "current") {
        let what = if state(active, survey) == "gone" { "is gone" } else { "has changed since" };
        line(&mut text, &format!("`{}` is active, and its file {what}", shown(&active.name, SHOWN)));
    }
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{}", line.trim_end()).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_is_in_the_way_and_what_helps() {
        let size = Size { tokens: 550, left: 200, of: 400 };
        let pair = Pair { line: "Use tabs".to_owned(), other: "Avoid tabs".to_owned() };
        let conflicts = vec![("b".to_owned(), pair.clone()), ("b".to_owned(), pair)];
        for (unfit, reason, told) in [
            (
                Unfit::TooMany { most: 1, active: vec!["b".to_owned()] },
                "too-many",
                "skill `a` is not activated: 1 may be active at once, and `b` are; let one of them go",
            ),
            (
                Unfit::NoRoom(Size { left: 3, ..size }),
                "no-room",
                "skill `a` is not activated: it has 550 tokens, and 3 of 400 are left; let another one go",
            ),
            (
                Unfit::Unforced { conflicts: Vec::new(), size: Some(size) },
                "too-long",
                "skill `a` is not activated: it has 550 tokens, and 200 of 400 are left, by force it enters without its end; force it if that is meant",
            ),
            (
                Unfit::Unforced { conflicts, size: None },
                "conflict",
                "skill `a` is not activated: `Use tabs` contradicts `Avoid tabs` of active skill `b`, and 1 more; force it if that is meant",
            ),
        ] {
            let refusal = refusal("a", &unfit);
            assert_eq!((&refusal["reason"], &refusal["error"]), (&json!(reason), &json!(told)));
        }
    }
}
