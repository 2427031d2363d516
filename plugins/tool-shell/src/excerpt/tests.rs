//! What an excerpt shows of texts of all sizes.

use super::*;

fn shown(most: usize, text: &str, piece: usize) -> Shown {
    let mut excerpt = Excerpt::of(most);
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.ceil_char_boundary(piece.min(rest.len()));
        excerpt.push(&rest[..end]);
        assert!(excerpt.held() <= most, "{} of {most} bytes", excerpt.held());
        rest = &rest[end..];
    }
    excerpt.shown()
}

/// Lines of growing lengths, with code points of one to four bytes.
fn text_of(bytes: usize) -> String {
    let mut text = String::new();
    for length in 0.. {
        for place in 0..length {
            text.push(['a', 'ä', '€', '🦀'][(place + length) % 4]);
        }
        text.push('\n');
        if text.len() >= bytes {
            break;
        }
    }
    text.truncate(text.floor_char_boundary(bytes));
    text
}

#[test]
fn up_to_the_bound_all_of_it_is_shown_and_beyond_it_both_ends() {
    for most in [16, 17, 18, 19, 64, 101] {
        for bytes in 0..4 * most {
            let text = text_of(bytes);
            for piece in [1, 3, 7, 1_000] {
                check(most, &text, piece);
            }
        }
    }
}

fn check(most: usize, text: &str, piece: usize) {
    let shown = shown(most, text, piece);
    let told = format!("{} of {most} bytes in pieces of {piece}: {shown:?}", text.len());
    let Some(rest) = shown.rest else {
        assert_eq!(shown.head, text, "{told}");
        return;
    };
    assert!(text.len() > most, "{told}");
    assert!(text.starts_with(&shown.head) && text.ends_with(&rest.tail), "{told}");
    assert!(shown.head.len() >= most / 4 - 3 && rest.tail.len() >= most / 4 - 3, "{told}");
    let left_out = &text[shown.head.len()..text.len() - rest.tail.len()];
    assert_eq!(rest.left_out_bytes, left_out.len() as u64, "{told}");
    assert_eq!(rest.left_out_lines, left_out.matches('\n').count() as u64, "{told}");
}

#[test]
fn the_cuts_are_at_ends_of_lines_where_there_are_some() {
    let lines: String = (0..100).map(|number| format!("line {number}\n")).collect();
    let shown = shown(100, &lines, 30);
    let rest = shown.rest.expect("it is too long");
    assert_eq!(shown.head, "line 0\nline 1\nline 2\nline 3\nline 4\nline 5\nline 6\n");
    assert_eq!(rest.tail, "line 94\nline 95\nline 96\nline 97\nline 98\nline 99\n");
    assert_eq!(rest.left_out_lines, 87);
}

#[test]
fn a_gigabyte_leaves_no_more_behind_than_the_bound() {
    let mut excerpt = Excerpt::of(50_000);
    let piece = "0123456789abcde\n".repeat(4_096);
    for _ in 0..(1 << 30) / piece.len() {
        excerpt.push(&piece);
    }
    assert!(excerpt.held() <= 50_000, "{} bytes are held", excerpt.held());
    assert!(excerpt.head.capacity() + excerpt.tail.capacity() <= 4 * 50_000);
    let rest = excerpt.shown().rest.expect("it is too long");
    // 25,000 bytes are 1,562 lines of 16 bytes, and half of one.
    assert_eq!(rest.left_out_lines, (1 << 26) - 2 * 1_562);
}
