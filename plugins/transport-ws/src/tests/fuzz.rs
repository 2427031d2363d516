//! Messages that nobody would send.

use serde_json::json;

use super::Served;
use crate::asked::Asked;

/// Numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const WORDS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "null",
    "-1e999",
    "\"type\"",
    "\"chat.send\"",
    "\"chat.subscribe\"",
    "\"conversationId\"",
    "\"message\"",
    "\"after\"",
    "\"0:1:0\"",
    "\"id\"",
    "\\u0000",
    "ü",
    "\u{0}",
    " ",
    "7",
    "\"echo\"",
];

const WHOLE: [&str; 6] = [
    r#"{"type":"chat.send","conversationId":"c","message":"hi","model":"a/b","reasoningEffort":"high"}"#,
    r#"{"type":"chat.subscribe","conversationId":"c","after":"0:12:0","id":"x"}"#,
    r#"{"type":"chat.queue","conversationId":"c","text":"more","delivery":"steer"}"#,
    r#"{"type":"chat.answer","conversationId":"c","questionId":"q","choice":"yes"}"#,
    r#"{"type":"chat.queue.cancel","conversationId":"c","messageId":"m"}"#,
    r#"{"type":"echo","id":1,"a":[{"b":null}]}"#,
];

/// Words in a row, or a message with something cut out and something put in.
fn nonsense(dice: &mut Dice) -> String {
    if dice.roll(2) == 0 {
        return (0..dice.roll(30)).map(|_| dice.pick(&WORDS)).collect();
    }
    let whole: Vec<char> = dice.pick(&WHOLE).chars().collect();
    let (from, length) = (dice.roll(whole.len()), dice.roll(8));
    let head = whole[..from].iter();
    let tail = whole[(from + length).min(whole.len())..].iter();
    let between: Vec<char> = dice.pick(&WORDS).chars().collect();
    head.chain(&between).chain(tail).collect()
}

#[test]
fn nothing_that_is_said_breaks_the_reader() {
    let mut dice = Dice(0x7175_0f01_2345);
    let deep = "[".repeat(100_000);
    let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(100_000));
    for text in [deep.as_str(), long.as_str(), ""] {
        let misread = Asked::read(text, || "new".into()).expect_err("it is none");
        assert!(misread.message.len() < 300, "{}", misread.message);
    }
    let mut read = 0;
    for _ in 0..20_000 {
        match Asked::read(&nonsense(&mut dice), || "new".into()) {
            Ok(_) => read += 1,
            Err(misread) => {
                assert!(!misread.message.is_empty() && misread.message.len() < 500, "{misread:?}")
            }
        }
    }
    assert!(read > 100, "some of it makes sense: {read}");
}

#[tokio::test]
async fn a_connection_outlives_thousands_of_messages_that_are_none() {
    let served = Served::open();
    let mut client = served.client().await;
    let mut dice = Dice(0xc0ffee);
    for round in 0..60 {
        for _ in 0..50 {
            client.send(nonsense(&mut dice)).await;
        }
        client.say(&json!({ "type": "echo", "id": format!("round {round}") })).await;
        let mut said = client.json().await;
        while said["id"] != format!("round {round}") {
            let kind = said["type"].as_str().expect("a type");
            assert!(["error", "chat.error", "reply", "chat.delta"].contains(&kind), "{said}");
            said = client.json().await;
        }
    }
}
