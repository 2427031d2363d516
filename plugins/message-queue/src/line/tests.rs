//! What a line answers, without any world around it.

use super::*;
use crate::rows;
use transom_agent::storage::{StorageRow, StorageWrite};

fn waiting(id: &str, delivery: Delivery) -> Waiting {
    let message = QueuedMessage { id: id.into(), text: id.into(), delivery, queued_at: 7 };
    Waiting { message, workspace_id: Maybe::None }
}

fn line(ids: &[&str]) -> Line {
    let mut line = Line::default();
    for id in ids {
        let delivery = if id.starts_with('s') { Delivery::Steer } else { Delivery::Queue };
        line.join(line.next_number(), waiting(id, delivery))
            .into_iter()
            .for_each(|change| line.apply(change));
    }
    line
}

fn new_id() -> Text {
    "new".into()
}

#[test]
fn a_batch_of_one_keeps_its_name_and_one_of_several_gets_another() {
    let batch = line(&["a"]).send_all(new_id).unwrap();
    assert_eq!(batch, Batch { id: "a".into(), messages: vec![1] });
    let several = line(&["a", "s", "b"]);
    let batch = several.send_all(new_id).unwrap();
    assert_eq!((batch.id.as_str(), several.words(&batch).as_str()), ("new", "a\n\ns\n\nb"));
    assert_eq!(several.send_steering(new_id).unwrap().id, "s");
    assert_eq!(line(&["a"]).send_steering(new_id), None);
    assert_eq!(line(&[]).send_all(new_id), None);
}

#[test]
fn what_is_on_its_way_is_in_no_second_batch_and_cannot_be_changed() {
    let mut line = line(&["a", "s"]);
    let steering = line.send_steering(new_id).unwrap();
    line.apply(Change::Batch(Way::Steering, Some(steering)));
    assert_eq!(line.send_all(new_id).unwrap().messages, [1]);
    assert_eq!(line.change("s", None).unwrap(), []);
    assert_eq!(line.change("a", None).unwrap(), [Change::Message(1, None)]);
}

#[test]
fn numbers_go_up_while_anything_waits() {
    let mut line = line(&["a", "b"]);
    line.apply(Change::Message(1, None));
    assert_eq!(line.next_number(), 3);
    line.apply(Change::Message(u64::MAX, Some(waiting("z", Delivery::Queue))));
    assert_eq!(line.next_number(), u64::MAX, "as far as they go");
}

#[test]
fn a_line_is_read_as_it_was_written() {
    let mut written = line(&["a", "s", "b"]);
    let mut changes: Vec<Change> =
        written.waiting.clone().into_iter().map(|(n, w)| Change::Message(n, Some(w))).collect();
    changes.push(Change::Batch(Way::Steering, written.send_steering(new_id)));
    changes.push(Change::Batch(Way::Turn, Some(Batch { id: "t".into(), messages: vec![1, 3] })));
    changes.push(Change::Held(true));
    let mut read = Line::default();
    for change in changes {
        let StorageWrite { key, value } = rows::write("c", &change).unwrap();
        assert!(key.starts_with("c/c/") && key.as_str() < rows::behind("c").as_str());
        rows::read(&StorageRow { key, value: value.unwrap_or_default() }, &mut read).unwrap();
        written.apply(change);
    }
    assert_eq!(read, written);
}

#[test]
fn what_a_later_revision_has_stored_is_left_out() {
    let mut line = Line::default();
    rows::read(&StorageRow { key: "c/c/mood".into(), value: Default::default() }, &mut line).unwrap();
    assert_eq!(line, Line::default());
}

#[test]
fn what_goes_away_is_written_as_absent() {
    for change in [Change::Message(1, None), Change::Batch(Way::Turn, None), Change::Held(false)] {
        assert!(rows::write("c", &change).unwrap().value.is_none());
    }
}
