//! What a person wrote, as a command or as text. Knows the names of commands, not what they do.

/// Characters of a command's name.
const NAME_MAX: usize = 32;

/// A command of the menu. The order is that of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Plan,
    Edit,
    Default,
    Auto,
    Stop,
    Status,
    Inbox,
    Session,
    Resume,
    Clear,
    Dir,
    Ws,
    Git,
    File,
    Grants,
    Audit,
    Explain,
    Task,
    Tasks,
    Cancel,
    Test,
    Help,
    Start,
}

/// Name, word, what it does in the menu and in the help.
pub(crate) const WORDS: [(&str, Word, &str); 23] = [
    ("plan", Word::Plan, "Plan mode: the agent proposes, you approve before it acts"),
    ("edit", Word::Edit, "Edit mode: file edits go unasked"),
    ("default", Word::Default, "Back to the balanced default mode"),
    ("auto", Word::Auto, "Another name for edit mode"),
    ("stop", Word::Stop, "Stop all ongoing work; the session stays"),
    ("status", Word::Status, "Session, mode and directory"),
    ("inbox", Word::Inbox, "What waits for your answer"),
    ("session", Word::Session, "Several conversations in this chat"),
    ("resume", Word::Resume, "Go on with an earlier conversation"),
    ("clear", Word::Clear, "Forget the conversation and start fresh"),
    ("dir", Word::Dir, "Switch the working directory"),
    ("ws", Word::Ws, "Workspaces"),
    ("git", Word::Git, "status, branch, checkout, diff, log, add, commit, merge, push, pull"),
    ("file", Word::File, "Send an approved file or glob"),
    ("grants", Word::Grants, "What you approved for the session"),
    ("audit", Word::Audit, "The latest entries of the audit log"),
    ("explain", Word::Explain, "What the policy would say to a command"),
    ("task", Word::Task, "Autonomous task"),
    ("tasks", Word::Tasks, "Active and recent tasks"),
    ("cancel", Word::Cancel, "Cancel the active task"),
    ("test", Word::Test, "Test workflow"),
    ("help", Word::Help, "This list"),
    ("start", Word::Start, "Hello"),
];

/// A text taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    Text(String),
    Command {
        word: Word,
        arguments: String,
    },
    /// Begins like a command and is none of ours; the name without the slash.
    Unknown(String),
    /// Meant for another bot of the group.
    Elsewhere,
}

/// Takes a text apart; `bot` is our own name without the `@`.
pub(crate) fn parse(text: &str, bot: &str) -> Spoken {
    let text = text.trim();
    let Some(rest) = text.strip_prefix('/') else { return Spoken::Text(text.to_owned()) };
    let (head, arguments) = match rest.split_once(char::is_whitespace) {
        Some((head, arguments)) => (head, arguments.trim()),
        None => (rest, ""),
    };
    let (name, to) = head.split_once('@').map_or((head, None), |(name, to)| (name, Some(to)));
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_name) {
        // A path such as `/etc/hosts is wrong` is something to say.
        return Spoken::Text(text.to_owned());
    }
    if to.is_some_and(|to| !to.eq_ignore_ascii_case(bot)) {
        return Spoken::Elsewhere;
    }
    let name = name.to_ascii_lowercase();
    let alias = if name == "workspace" { "ws" } else { name.as_str() };
    match WORDS.iter().find(|(known, ..)| *known == alias) {
        Some((_, word, _)) => Spoken::Command { word: *word, arguments: arguments.to_owned() },
        None => Spoken::Unknown(name),
    }
}

#[cfg(test)]
mod tests {
    use super::{Spoken, WORDS, Word, parse};

    fn check(text: &str, expected: &Spoken) {
        assert_eq!(parse(text, "leash_bot"), *expected, "{text}");
    }

    #[test]
    fn texts_are_taken_apart() {
        let command = |word, arguments: &str| Spoken::Command { word, arguments: arguments.to_owned() };
        check("/plan", &command(Word::Plan, ""));
        check("  /PLAN  add a\nbutton ", &command(Word::Plan, "add a\nbutton"));
        check("/git@leash_bot commit -m x", &command(Word::Git, "commit -m x"));
        check("/git@Leash_Bot", &command(Word::Git, ""));
        check("/git@other_bot push", &Spoken::Elsewhere);
        check("/workspace exit", &command(Word::Ws, "exit"));
        check("/frobnicate now", &Spoken::Unknown("frobnicate".to_owned()));
        check("/etc/hosts is wrong", &Spoken::Text("/etc/hosts is wrong".to_owned()));
        check("/ stop", &Spoken::Text("/ stop".to_owned()));
        check("stop", &Spoken::Text("stop".to_owned()));
        check("/stop\u{a0}now", &command(Word::Stop, "now"));
    }

    #[test]
    fn the_menu_keeps_to_the_limits_of_telegram() {
        for (index, (name, word, what)) in WORDS.iter().enumerate() {
            check(&format!("/{name}"), &Spoken::Command { word: *word, arguments: String::new() });
            assert!((1..=256).contains(&what.chars().count()), "{name}");
            assert!(!WORDS.iter().skip(index + 1).any(|(other, ..)| other == name), "{name} twice");
        }
    }
}
