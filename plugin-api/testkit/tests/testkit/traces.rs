//! What is logged on a stand.

use transom_testkit::{Level, LogLine, Stand, fault, json};

use super::parrot::{ASK, Parrot, TEACH};

async fn stand_that_asks(words: &str) -> Stand {
    let stand = Stand::new().plugin::<Parrot>(json!({"tick_s": 7}));
    stand.serve(TEACH, fault::never_answers());
    stand.start().await.expect("it starts");
    stand.caller(ASK).call(words.into()).await.expect("it answers");
    stand
}

fn of_the_plugin(stand: &Stand) -> Vec<LogLine> {
    let lines = stand.log().into_iter();
    lines.filter(|line| line.target.starts_with("testkit::testkit::parrot")).collect()
}

#[tokio::test]
async fn the_log_of_a_start_and_of_a_handler_is_kept_with_fields_and_spans() {
    let stand = stand_that_asks("hello").await;
    let lines = of_the_plugin(&stand);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!((lines[0].level, lines[0].message.as_str()), (Level::INFO, "wakes up tick_s=7"));
    assert_eq!((lines[1].level, lines[1].message.as_str()), (Level::WARN, "test asks hello"));
    assert_eq!(lines[1].spans, ["answer"]);
    stand.stop().await;
}

#[test]
fn the_logs_of_tests_that_run_side_by_side_are_kept_apart() {
    let run = |words: &'static str| {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("made");
            runtime.block_on(async {
                let stand = stand_that_asks(words).await;
                let lines = of_the_plugin(&stand);
                stand.stop().await;
                lines.into_iter().filter(|line| line.level == Level::WARN).map(|line| line.message).collect()
            })
        })
    };
    let (one, other) = (run("one"), run("other"));
    let lines: [Vec<String>; 2] = [one, other].map(|thread| thread.join().expect("it runs"));
    assert_eq!(lines, [["test asks one"], ["test asks other"]]);
}
