//! Bytes that no client would send, and requests with something wrong in them: each is answered in HTTP or not at all.
//!
//! `TRANSOM_CAMPAIGN` says how many connections, `TRANSOM_SEED` which bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use transom_entrance::{Guard, Server, Times};

use super::fake::Fake;
use super::{BOUND, Served};
use crate::app::{Desk, Limits};
use crate::viewings::tests::viewings;

/// Connections when nobody says.
const CONNECTIONS: u64 = 1_000;
/// Connections at a time.
const AT_ONCE: usize = 64;
/// How long the server waits for what does not come.
const HASTE: Duration = Duration::from_millis(200);
/// Bytes of an answer, at most: what was sent, said back with a few words.
const LONGEST: usize = 1 << 20;

/// Numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// Requests that make sense; `{}` stands for the host.
const WHOLE: [&str; 8] = [
    "GET /health HTTP/1.1\r\nhost: {}\r\n\r\n",
    "GET /openapi.json HTTP/1.1\r\nhost: {}\r\naccept: application/json\r\n\r\n",
    "HEAD /echo/a%20b?x=1&y=%C3%A4 HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
    "POST /echo HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"a\":[1,null]}",
    "PUT /echo HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n",
    "DELETE /echo/7 HTTP/1.1\r\nhost: {}\r\norigin: http://{}\r\nauthorization: Bearer x\r\n\r\n",
    "OPTIONS /echo HTTP/1.1\r\nhost: {}\r\norigin: https://app.example\r\naccess-control-request-method: POST\r\n\r\n",
    "GET /made HTTP/1.1\r\nhost: {}\r\nlast-event-id: 0:1:0\r\ntraceparent: 00-0-0-00\r\nexpect: 100-continue\r\n\r\n",
];

/// Pieces that mean something somewhere.
const PIECES: [&[u8]; 22] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b": ",
    b"%",
    b"%zz",
    b"%00",
    b"/../",
    b"?",
    b"&a=b",
    b"HTTP/1.1",
    b"HTTP/9.9",
    b"content-length: 18446744073709551616\r\n",
    b"content-length: 5\r\n",
    b"transfer-encoding: chunked\r\n",
    b"host: evil.example\r\n",
    b"upgrade: h2c\r\nconnection: upgrade\r\n",
    b"ffffffffffffffff\r\n",
    b"{\"a\":1,\"a\":2}",
    b"\xff\xfe",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

/// Bytes of no kind, or one or two requests in which something was cut out, put in, changed or said again.
fn nonsense(dice: &mut Dice, host: &str) -> Vec<u8> {
    if dice.below(6) == 0 {
        return dice.bytes(400);
    }
    let mut bytes = Vec::new();
    for _ in 0..=dice.below(2) {
        bytes.extend(WHOLE[dice.below(WHOLE.len())].replace("{}", host).into_bytes());
    }
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        let end = (at + dice.below(40)).min(bytes.len());
        match dice.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.splice(at..at, PIECES[dice.below(PIECES.len())].iter().copied()).for_each(drop),
            2 => bytes.splice(at..at, vec![b'x'; dice.below(20_000)]).for_each(drop),
            3 => bytes.truncate(at),
            4 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << dice.below(8)),
        }
    }
    bytes
}

/// A server that waits for nothing long.
fn hasty() -> Served {
    let mut served = Served::with(None, Times { head: HASTE, grace: HASTE });
    let limits = Limits { body_bytes: 4_096, body_time: HASTE };
    let fake = Arc::new(Fake::default());
    let desk = Desk::new(fake.clone(), Guard::new(served.address, None), limits, viewings().0);
    (served.desk, served.fake) = (Arc::new(desk), fake);
    served.server = Arc::new(Server::new(Times { head: HASTE, grace: HASTE }));
    assert!(served.opens());
    served
}

/// Everything that is answered to these bytes until the server closes.
async fn answered(address: SocketAddr, bytes: Vec<u8>) -> Vec<u8> {
    let (mut reading, mut writing) = TcpStream::connect(address).await.expect("it listens").into_split();
    // Whoever is refused may be cut off while it still speaks.
    let saying = async {
        let _ = writing.write_all(&bytes).await;
    };
    let mut answer = Vec::new();
    let hearing = async {
        let mut piece = [0; 4_096];
        while let Ok(read @ 1..) = reading.read(&mut piece).await {
            answer.extend_from_slice(&piece[..read]);
            assert!(answer.len() < LONGEST, "it goes on and on");
        }
    };
    let both = async { tokio::join!(saying, hearing) };
    timeout(BOUND, both).await.expect("it answers or closes");
    answer
}

/// Whether it begins as an answer does; nothing at all is a close.
fn is_http(answer: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&answer[..answer.len().min(16)]).into_owned();
    let status = head.strip_prefix("HTTP/1.1 ").or(head.strip_prefix("HTTP/1.0 "));
    let status = status.and_then(|rest| rest.get(..3)).and_then(|status| status.parse::<u16>().ok());
    answer.is_empty() || status.is_some_and(|status| (100..505).contains(&status) && status != 500)
}

fn from_environment(name: &str, usual: u64) -> u64 {
    let asked = std::env::var(name).ok();
    asked.map_or(usual, |asked| asked.parse().unwrap_or_else(|_| panic!("`{name}` is to be a number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_is_answered_in_http_or_not_at_all() {
    let (seed, connections) =
        (from_environment("TRANSOM_SEED", 1), from_environment("TRANSOM_CAMPAIGN", CONNECTIONS));
    let served = hasty();
    let (address, host) = (served.address, served.address.to_string());
    let (mut under_way, mut answers) = (JoinSet::new(), 0_u64);
    for seed in seed..seed + connections {
        if under_way.len() >= AT_ONCE {
            answers += under_way.join_next().await.expect("some are under way").expect("no panic");
        }
        let bytes = nonsense(&mut Dice(seed), &host);
        under_way.spawn(async move {
            let answer = answered(address, bytes).await;
            let shown = String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned();
            assert!(
                is_http(&answer),
                "{shown:?}; these bytes are those of TRANSOM_SEED={seed} TRANSOM_CAMPAIGN=1"
            );
            u64::from(!answer.is_empty())
        });
    }
    while let Some(answered) = under_way.join_next().await {
        answers += answered.expect("no panic");
    }
    assert!(answers > connections / 3, "only {answers} of {connections} were answered");
    assert_eq!(served.get("/health").await.status, 200, "it serves on");
    assert_eq!(served.post("/echo", "{}").await.status, 200);
    timeout(BOUND, served.server.stop()).await.expect("no connection is left");
}
