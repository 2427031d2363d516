//! The rule, without a storage around it.

use super::*;

const FILE: &str = "AGENTS.md";

fn digest(of: char) -> String {
    of.to_string().repeat(64)
}

fn content(folder: &str, of: char) -> Subject {
    Subject::new(folder, Some(FILE), Some(&digest(of))).expect("it is one")
}

fn look(book: &mut Book, folder: &str, of: char) -> Trust {
    book.look(&content(folder, of), "instructions", 0).trust
}

fn answer(book: &mut Book, subject: &Subject, trusted: bool) {
    book.answer(subject.clone(), Answer { trusted, at: 0 });
}

#[test]
fn an_answer_holds_for_the_content_it_is_about_and_no_other() {
    let mut book = Book::default();
    assert_eq!(look(&mut book, "/f", 'a'), Trust::Unanswered);
    answer(&mut book, &content("/f", 'a'), true);
    assert!(book.waiting().is_empty());
    assert_eq!(look(&mut book, "/f", 'a'), Trust::Trusted);
    for (folder, of) in [("/f", 'b'), ("/g", 'a'), ("/f/g", 'a'), ("/", 'a')] {
        assert_eq!(look(&mut book, folder, of), Trust::Unanswered, "{folder} {of}");
    }
    answer(&mut book, &content("/f", 'b'), false);
    assert_eq!((look(&mut book, "/f", 'b'), look(&mut book, "/f", 'a')), (Trust::Refused, Trust::Trusted));
}

#[test]
fn a_wider_answer_holds_for_whatever_comes_and_takes_the_place_of_narrower_ones() {
    let [_, file, folder] = content("/f", 'a').and_wider();
    for wider in [file, folder] {
        let mut book = Book::default();
        answer(&mut book, &content("/f", 'a'), false);
        answer(&mut book, &wider, true);
        assert_eq!(book.answers().len(), 1, "{wider:?}");
        for of in ['a', 'b'] {
            assert_eq!(look(&mut book, "/f", of), Trust::Trusted, "{wider:?}");
        }
        answer(&mut book, &content("/f", 'b'), false);
        assert_eq!(
            (look(&mut book, "/f", 'b'), look(&mut book, "/f", 'c')),
            (Trust::Refused, Trust::Trusted)
        );
        assert_eq!(look(&mut book, "/f/below", 'a'), Trust::Unanswered, "a folder is answered for itself");
    }
}

#[test]
fn what_is_below_a_folder_of_the_settings_is_trusted_unless_it_was_refused() {
    let mut book = Book::new(vec![PathBuf::from("/home/a")]);
    for (folder, trust) in [
        ("/home/a", Trust::Trusted),
        ("/home/a/b/c", Trust::Trusted),
        ("/home/ab", Trust::Unanswered),
        ("/home", Trust::Unanswered),
    ] {
        assert_eq!(look(&mut book, folder, 'a'), trust, "{folder}");
    }
    answer(&mut book, &content("/home/a", 'a'), false);
    assert_eq!(look(&mut book, "/home/a", 'a'), Trust::Refused);
}

#[test]
fn one_is_asked_once_for_each_content() {
    let mut book = Book::default();
    let is_new =
        |book: &mut Book, of: char, now: i64| book.look(&content("/f", of), "instructions", now).is_new;
    assert!(is_new(&mut book, 'a', 1) && !is_new(&mut book, 'a', 2));
    assert!(is_new(&mut book, 'b', 3), "it has changed");
    let waits: Vec<_> =
        book.waiting().values().map(|waiting| (waiting.sha256.clone(), waiting.since)).collect();
    assert_eq!(waits, [(digest('b'), 3)], "the last content waits");
    assert!(is_new(&mut book, 'a', 4), "and back");
}

#[test]
fn what_waits_is_gone_when_the_file_says_again_what_was_answered() {
    let mut book = Book::default();
    answer(&mut book, &content("/f", 'a'), true);
    look(&mut book, "/f", 'b');
    let looked = book.look(&content("/f", 'a'), "instructions", 0);
    assert_eq!((looked.trust, looked.is_new, looked.changed.len()), (Trust::Trusted, false, 1));
    assert!(book.waiting().is_empty());
}

#[test]
fn an_answer_about_a_content_leaves_one_that_came_meanwhile_waiting() {
    let mut book = Book::default();
    look(&mut book, "/f", 'a');
    book.list();
    look(&mut book, "/f", 'b');
    assert!(book.waiting().values().all(Waiting::has_changed));
    answer(&mut book, &content("/f", 'a'), true);
    assert_eq!(book.waiting().len(), 1);
    assert_eq!(look(&mut book, "/f", 'b'), Trust::Unanswered);
    book.list();
    assert!(!book.waiting().values().any(Waiting::has_changed));
}

#[test]
fn what_has_waited_longest_is_forgotten_when_too_much_waits() {
    let mut book = Book::default();
    for number in 0..=MOST_WAITING {
        book.look(&content(&format!("/{number}"), 'a'), "instructions", number as i64);
    }
    assert_eq!(book.waiting().len(), MOST_WAITING);
    assert!(book.waiting().keys().all(|file| file.folder != "/0"));
    // By a clock that goes backwards, too.
    let looked = book.look(&content("/new", 'a'), "instructions", -1);
    assert_eq!((looked.changed[0].folder.as_str(), looked.changed[1].folder.as_str()), ("/new", "/1"));
}

#[test]
fn what_is_forgotten_is_asked_again() {
    let mut book = Book::default();
    answer(&mut book, &content("/f", 'a'), true);
    answer(&mut book, &content("/f", 'b'), false);
    let [_, file, _] = content("/f", 'a').and_wider();
    let within = book.answered_within(&file);
    assert_eq!(within.len(), 2);
    within.iter().for_each(|answered| book.forget(answered));
    assert_eq!(look(&mut book, "/f", 'a'), Trust::Unanswered);
}
