//! Changes of a text: what stands around them stays, and what would change more than was meant is refused by the caller.

use crate::settings::config_file;
use crate::settings::edit::lines;
use crate::settings::value::Raw;

enum Change {
    Set(&'static str),
    Unset,
}
use Change::{Set, Unset};

fn changed(text: &str, key: &str, change: &Change) -> String {
    let entries = config_file::read("x", text).unwrap();
    let entry = entries.iter().find(|entry| entry.spelled == key || entry.row.key() == key);
    match (entry, change) {
        (Some(entry), Set(yaml)) => lines::replace(text, &entry.place, yaml),
        (Some(entry), Unset) => lines::remove(text, &entry.place),
        (None, Set(yaml)) => lines::add(text, key, yaml),
        (None, Unset) => text.to_owned(),
    }
}

#[test]
fn comments_and_order_stay() {
    for (before, key, change, after) in [
        ("", "max_turns", Set("5"), "max_turns: 5\n"),
        (
            "# mine\nmax_turns: 1 # few\nsandbox: auto\n",
            "max_turns",
            Set("5"),
            "# mine\nmax_turns: 5  # few\nsandbox: auto\n",
        ),
        ("LEASHD_MAX_TURNS: 1\n", "max_turns", Set("5"), "LEASHD_MAX_TURNS: 5\n"),
        ("max_turns: 1\nsandbox: auto", "max_turns", Unset, "sandbox: auto\n"),
        (
            "approved_directories:\n- /a # one\n# between\n- /b\n\n# next\nmax_turns: 1\n",
            "approved_directories",
            Set("[/c]"),
            "approved_directories: [/c]\n\n# next\nmax_turns: 1\n",
        ),
        (
            "approved_directories: [/a,\n  /b]\nmax_turns: 1\n",
            "approved_directories",
            Unset,
            "max_turns: 1\n",
        ),
        (
            "system_prompt: |\n  be\n\n  kind\nmax_turns: 1\n",
            "system_prompt",
            Set("\"x\""),
            "system_prompt: \"x\"\nmax_turns: 1\n",
        ),
        ("system_prompt: \"a # b\" # c\n", "system_prompt", Set("x"), "system_prompt: x  # c\n"),
        (
            "telegram:\n    bot_token: t\n\n# next\nmax_turns: 1\n",
            "telegram.privacy",
            Set("full"),
            "telegram:\n    bot_token: t\n    privacy: full\n\n# next\nmax_turns: 1\n",
        ),
        ("max_turns: 1\n", "telegram.privacy", Set("full"), "max_turns: 1\ntelegram:\n  privacy: full\n"),
        ("telegram:\n  bot_token: t\nmax_turns: 1\n", "telegram.bot_token", Unset, "max_turns: 1\n"),
        (
            "telegram:\n  bot_token: t\n  privacy: full\n",
            "telegram.bot_token",
            Unset,
            "telegram:\n  privacy: full\n",
        ),
    ] {
        assert_eq!(changed(before, key, &change), after, "{before:?} {key}");
    }
}

#[test]
fn a_hash_inside_a_value_is_no_comment() {
    let text = changed("system_prompt: one\n", "system_prompt", &Set("\"a # b\""));
    let entries = config_file::read("x", &text).unwrap();
    assert_eq!(entries.first().map(|entry| entry.raw.clone()), Some(Raw::text("a # b")));
}
