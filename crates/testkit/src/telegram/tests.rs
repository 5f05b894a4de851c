//! Markup, pace and the queue of updates, each on its own.

use super::entity::{Entity, Formatted, Style, settle};
use super::html;
use super::pace::{Meter, Pace};
use super::updates::Updates;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

/// `html` is parsed to this text and these entities, as `style offset+length`; or the error is this.
#[track_caller]
fn check(markup: &str, expected: Result<(&str, &[&str]), &str>) {
    let parsed = html::parse(markup).map(|it| {
        let (formatted, _) = settle(&it.text, it.entities);
        let entities =
            formatted.entities.iter().map(|it| format!("{} {}+{}", it.style.name(), it.offset, it.length));
        (formatted.text.clone(), entities.collect::<Vec<_>>())
    });
    let expected = expected
        .map(|(text, entities)| {
            (text.to_owned(), entities.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
        })
        .map_err(str::to_owned);
    assert_eq!(parsed, expected, "{markup}");
}

#[test]
fn markup_is_read() {
    check("plain", Ok(("plain", &[])));
    check("<b>x</b> <strong>y</strong>", Ok(("x y", &["bold 0+1", "bold 2+1"])));
    check("<i>a<u>b</u></i>", Ok(("ab", &["italic 0+2", "underline 1+1"])));
    check(
        "<s>a</s><strike>b</strike><del>c</del>",
        Ok(("abc", &["strikethrough 0+1", "strikethrough 1+1", "strikethrough 2+1"])),
    );
    check(
        "<tg-spoiler>a</tg-spoiler><span class=\"tg-spoiler\">b</span>",
        Ok(("ab", &["spoiler 0+1", "spoiler 1+1"])),
    );
    check("<pre>a\nb</pre>", Ok(("a\nb", &["pre 0+3"])));
    check("<pre><code class=\"language-rust\">fn</code></pre>", Ok(("fn", &["pre 0+2"])));
    check(
        "<blockquote>a</blockquote><blockquote expandable>b</blockquote>",
        Ok(("ab", &["blockquote 0+1", "expandable_blockquote 1+1"])),
    );
    check("<a href=\"https://example.com/x\">l</a>", Ok(("l", &["text_link 0+1"])));
    check("<a href=\"nowhere\">l</a>", Ok(("l", &[])));
    check("&lt;b&gt; &amp; &quot; &#65; &#x42; &nbsp; &copy", Ok(("<b> & \" A B &nbsp; &copy", &[])));
    check("a & b &amp", Ok(("a & b &", &[])));
    check("<B>x</>", Ok(("x", &["bold 0+1"])));
    // Units, not characters and not bytes.
    check("😀<b>ß</b>&#128512;<i>x</i>", Ok(("😀ß😀x", &["bold 2+1", "italic 5+1"])));
    check("<b></b>x", Ok(("x", &[])));
    check("1 > 0", Ok(("1 > 0", &[])));
}

#[test]
fn markup_is_refused() {
    check("a <x>b</x>", Err("Unsupported start tag \"x\" at byte offset 2"));
    check("ä<br/>", Err("Unsupported start tag \"br/\" at byte offset 2"));
    check("1 < 2", Err("Unsupported start tag \"\" at byte offset 2"));
    check("1 <2", Err("Unclosed start tag at byte offset 2"));
    check("<b", Err("Unclosed start tag at byte offset 0"));
    check("<b>x", Err("Can't find end tag corresponding to start tag b"));
    check("x</b>", Err("Unexpected end tag at byte offset 1"));
    check("<b>x</i>", Err("Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\""));
    check("<b><i>x</b></i>", Err("Unmatched end tag at byte offset 7, expected \"</i>\", found \"</b>\""));
    check("<b>x</b", Err("Unclosed end tag at byte offset 4"));
    check("<a href=>x</a>", Ok(("x", &[])));
    check("<a href=\"x", Err("Unclosed start tag at byte offset 0"));
    check("<a =x>y</a>", Err("Empty attribute name in the tag \"a\" at byte offset 0"));
    check("<a href", Err("Unclosed start tag \"a\" at byte offset 0"));
    check("<a href=x_y>z</a>", Err("Unexpected end of name token at byte offset 8"));
    check("<span>x</span>", Err("Tag \"span\" must have class \"tg-spoiler\" at byte offset 0"));
    check("<tg-emoji emoji-id=\"no\">x</tg-emoji>", Err("Invalid custom emoji identifier specified"));
    check(
        "&#xd83d;",
        Err(
            "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units",
        ),
    );
}

#[test]
fn texts_are_cleaned_and_trimmed() {
    check("  <b>x</b> \n\n", Ok(("x", &["bold 0+1"])));
    check("<b>x \n</b>", Ok(("x", &["bold 0+1"])));
    // White space in front stays where formatting begins with it.
    check("<pre>  x</pre>", Ok(("  x", &["pre 0+3"])));
    check("a\r\nb\tc\u{202e}d<b>e</b>", Ok(("a\nb cde", &["bold 6+1"])));
    check(" \n ", Ok(("", &[])));
}

#[test]
fn formatting_that_may_not_nest_is_lost() {
    let lost = |markup: &str| {
        let parsed = html::parse(markup).unwrap();
        settle(&parsed.text, parsed.entities)
    };
    let (formatted, said) = lost("<b>a<code>b</code>c</b>");
    assert_eq!(said, ["bold and code over the same text"]);
    assert_eq!(html::write(&formatted), "<b>a</b><code>b</code><b>c</b>");
    assert_eq!(lost("<code>a<b>b</b></code>").1.len(), 1);
    assert_eq!(
        lost("<blockquote>a<blockquote>b</blockquote></blockquote>").1,
        ["blockquote inside another one"]
    );
    assert_eq!(lost("<blockquote>a<code>b</code></blockquote>").1, Vec::<String>::new());
    assert_eq!(lost("<b>a<i>b</i></b>").1, Vec::<String>::new());
    let many = "<b>x</b> ".repeat(101);
    assert_eq!(lost(&many).1, ["101 entities: those after the first 100 are dropped"]);
}

#[test]
fn the_server_finds_commands_and_addresses() {
    let found = |text: &str| {
        let mut formatted = Formatted { text: text.to_owned(), entities: Vec::new() };
        super::entity::find(&mut formatted);
        formatted
            .entities
            .iter()
            .map(|it| format!("{} {}+{}", it.style.name(), it.offset, it.length))
            .collect::<Vec<_>>()
    };
    assert_eq!(found("/status"), ["bot_command 0+7"]);
    assert_eq!(found("/git@leashd_test_bot add"), ["bot_command 0+20"]);
    assert_eq!(found("see /tmp/x and src/lib.rs"), Vec::<String>::new());
    assert_eq!(found("😀 (https://example.com)."), ["url 4+19"]);
    assert_eq!(found("ask @somebody"), ["mention 4+9"]);
}

proptest! {
    #[test]
    fn no_markup_makes_it_panic(markup in ".{0,60}", tags in "(<|>|</|b|code|pre|a|=|\"| |&|#|x|1|;|é|😀){0,30}") {
        for markup in [markup, tags] {
            if let Ok(parsed) = html::parse(&markup) {
                let units = parsed.text.encode_utf16().count();
                for entity in &parsed.entities {
                    prop_assert!(entity.end() <= units);
                }
                let (settled, _) = settle(&parsed.text, parsed.entities);
                // What is written is read as the same again.
                let written = html::write(&settled);
                let again = html::parse(&written).unwrap();
                let (again, lost) = settle(&again.text, again.entities);
                prop_assert_eq!(&again.text, &settled.text);
                prop_assert_eq!(lost, Vec::<String>::new());
            }
        }
    }

    #[test]
    fn no_entities_make_it_panic(text in ".{0,20}", offset in 0usize..50, length in 0usize..50) {
        let entities = vec![
            Entity { style: Style::Bold, offset, length },
            Entity { style: Style::Code, offset: length, length: offset },
        ];
        let (settled, _) = settle(&text, entities);
        let units = settled.text.encode_utf16().count();
        prop_assert!(settled.entities.iter().all(|it| it.end() <= units && it.length > 0));
    }
}

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn a_chat_takes_one_message_a_second() {
    let mut meter = Meter::default();
    assert_eq!(meter.admit(1, at(0)), Ok(()));
    assert_eq!(meter.admit(2, at(0)), Ok(()), "another chat");
    assert_eq!(meter.admit(1, at(900)), Err(1));
    // It was told to wait a second from then.
    assert_eq!(meter.admit(1, at(1000)), Err(1));
    assert_eq!(meter.limited.impatient, 1);
    assert_eq!(meter.admit(1, at(1900)), Ok(()));
    // A little early is in time.
    assert_eq!(meter.admit(1, at(2850)), Ok(()));
    assert_eq!(meter.limited.answers, 2);
    assert_eq!(meter.limited.by_chat, 1);
}

#[test]
fn a_group_takes_twenty_a_minute_and_everybody_thirty_a_second() {
    let mut meter = Meter::default();
    for second in 0..20 {
        assert_eq!(meter.admit(-1, at(second * 1000)), Ok(()));
    }
    assert_eq!(meter.admit(-1, at(20_000)), Err(40));
    assert_eq!(meter.limited.by_group, 1);
    assert_eq!(meter.admit(-1, at(60_000)), Ok(()));

    let mut meter = Meter::default();
    for chat in 1..=30 {
        assert_eq!(meter.admit(chat, at(0)), Ok(()));
    }
    assert_eq!(meter.admit(31, at(10)), Err(1));
    assert_eq!(meter.limited.overall, 1);
    assert_eq!(meter.admit(32, at(1000)), Ok(()));

    let mut meter = Meter::default();
    meter.pace = Pace::unlimited();
    for _ in 0..1000 {
        assert_eq!(meter.admit(-1, at(0)), Ok(()));
    }
}

#[test]
fn the_busiest_window_is_found() {
    let times = [at(0), at(100), at(950), at(1000), at(1050), at(3000)];
    assert_eq!(Meter::busiest(&times, at(1000)), 4);
    assert_eq!(Meter::busiest(&times, at(100)), 2);
    assert_eq!(Meter::busiest(&[], at(1000)), 0);
}

fn ids(batch: &[Value]) -> Vec<i64> {
    batch.iter().map(|it| it["update_id"].as_i64().unwrap()).collect()
}

#[test]
fn offsets_acknowledge() {
    let mut updates = Updates::new(10);
    for _ in 0..5 {
        updates.add("message", json!({}), at(0));
    }
    let mut time = 0;
    let mut poll = |updates: &mut Updates, offset| {
        time += 5000;
        let limit = updates.open(offset, 100, 0, None, at(time)).limit;
        ids(&updates.batch(limit))
    };
    assert_eq!(poll(&mut updates, 0), [10, 11, 12, 13, 14]);
    assert_eq!(poll(&mut updates, 0), [10, 11, 12, 13, 14], "nothing was acknowledged");
    assert_eq!(poll(&mut updates, 12), [12, 13, 14]);
    assert_eq!(poll(&mut updates, -1), [14], "the last one, the others are forgotten");
    assert_eq!(poll(&mut updates, 99), [14], "an offset from the future acknowledges nothing");
    assert_eq!(poll(&mut updates, 15), Vec::<i64>::new());
    updates.restart_ids(3);
    updates.add("message", json!({}), at(40_000));
    assert_eq!(poll(&mut updates, 15), [3], "ids that started anew");
}

#[test]
fn updates_are_kept_for_a_day() {
    let mut updates = Updates::new(1);
    let hour = Duration::from_secs(60 * 60);
    updates.add("message", json!({}), Duration::ZERO);
    updates.add("message", json!({}), hour);
    assert_eq!(updates.pending(hour * 23), 2);
    assert_eq!(updates.pending(hour * 24), 1);
    assert_eq!(updates.pending(hour * 25), 0);
    assert_eq!(updates.expired, 2);
}

#[test]
fn kinds_come_as_asked_for() {
    let mut updates = Updates::new(1);
    updates.add("message_reaction", json!({}), at(0));
    assert_eq!(updates.pending(at(0)), 0, "only for those who ask");
    updates.open(0, 100, 0, Some(vec!["message_reaction".into()]), at(0));
    updates.add("message_reaction", json!({}), at(0));
    updates.add("message", json!({}), at(0));
    assert_eq!(updates.pending(at(0)), 1);
    updates.open(0, 100, 0, Some(Vec::new()), at(0));
    updates.add("message", json!({}), at(0));
    assert_eq!(updates.pending(at(0)), 2, "an empty list is the usual list");
}

#[test]
fn a_poller_that_hurries_is_calmed() {
    let mut updates = Updates::new(1);
    assert_eq!(updates.open(0, 100, 0, None, at(0)).until, at(0));
    let poll = updates.open(0, 100, 0, None, at(100));
    assert_eq!((poll.limit, poll.until), (1, at(3100)));
    let poll = updates.open(0, 100, 0, None, at(4000));
    assert_eq!((poll.limit, poll.until), (100, at(4000)));
    assert_eq!(updates.open(5, 100, 90, None, at(4000)).until, at(54_000));
}
