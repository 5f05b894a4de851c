//! An ask as a person sees it. Every line is computed by leashd from what will run; the agent's own words come last and
//! quoted. One card for all screens; how it is drawn is the screen's business.

use leashd_types::{
    Ask, AskKind, CodeSource, Containment, Depth, Direction, Effect, Force, GitOperation, Host, PathText,
    Question, ToolCall, Verdict, visible,
};

/// Lines of a command, a file or a diff shown on a card; what is cut is counted.
const BODY_LINES_MAX: usize = 40;
/// Characters of one line shown.
const LINE_CHARS_MAX: usize = 500;

/// What a person needs to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Verb and object: `DELETE build/`.
    pub headline: String,
    /// Band, the one reason, the rule.
    pub reason: String,
    /// One line per effect, deletions first.
    pub effects: Vec<String>,
    /// The exact command, the diff, the plan or the questions.
    pub body: Vec<String>,
    /// Session, directory, what happens on timeout.
    pub place: String,
    /// The agent's own words, if it gave any.
    pub agent_says: Option<String>,
}

/// The card of an ask.
#[must_use]
pub fn card(ask: &Ask) -> Card {
    match &ask.kind {
        AskKind::Approval { call, verdict, session_rule: _, containment } => {
            let card = approval(ask, call, verdict);
            match containment {
                Containment::Proven => card,
                Containment::NotProven => Card { place: format!("{} · not contained", card.place), ..card },
            }
        }
        AskKind::PlanReview { call, plan } => Card {
            headline: "REVIEW a plan".to_owned(),
            reason: "nothing is carried out before you answer".to_owned(),
            effects: Vec::new(),
            body: cut(plan.lines()),
            place: place(ask, call),
            agent_says: None,
        },
        AskKind::Question { call, questions } => Card {
            headline: match questions.len() {
                1 => "ANSWER a question".to_owned(),
                count => format!("ANSWER {count} questions"),
            },
            reason: "the agent wants to know".to_owned(),
            effects: Vec::new(),
            body: cut(questions
                .iter()
                .flat_map(question_lines)
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)),
            place: place(ask, call),
            agent_says: None,
        },
        AskKind::Confirmation { what } => Card {
            headline: visible(what),
            reason: "leashd itself would do this".to_owned(),
            effects: Vec::new(),
            body: Vec::new(),
            place: format!("session {}", short(ask.session.as_str())),
            agent_says: None,
        },
    }
}

fn approval(ask: &Ask, call: &ToolCall, verdict: &Verdict) -> Card {
    let mut effects: Vec<&Effect> = verdict.effects.iter().collect();
    effects.sort_by_key(|effect| !matches!(effect, Effect::Delete { .. }));
    effects.dedup();
    Card {
        headline: headline(call, &effects),
        reason: format!("{} · {} · {}", verdict.band, visible(&verdict.reason), verdict.rule),
        effects: effects.iter().map(|effect| effect_line(effect)).collect(),
        body: body(call),
        place: place(ask, call),
        agent_says: call.text("description").map(|text| clip(&visible(text))),
    }
}

fn place(ask: &Ask, call: &ToolCall) -> String {
    let wait = ask.expires.since(ask.created).as_secs();
    let subagent = if call.subagent.is_some() { " · from a subagent" } else { "" };
    format!(
        "session {} · {}{subagent} · denied if nobody answers in {wait} s",
        short(ask.session.as_str()),
        visible(&call.cwd.display().to_string())
    )
}

fn short(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

/// Verb and object of the effect that matters most.
fn headline(call: &ToolCall, effects: &[&Effect]) -> String {
    if let (true, Some(target)) = (call.is_for_host(), call.text("url")) {
        return clip(&format!("CONNECT {}", visible(target)));
    }
    let strongest = effects.iter().max_by_key(|effect| weight(effect));
    match strongest {
        Some(effect) if weight(effect) > 0 => effect_line(effect),
        Some(_) | None => match call.tool.as_str() {
            "Bash" => "RUN a command".to_owned(),
            tool => format!("USE {}", visible(tool)),
        },
    }
}

/// How much an effect matters to somebody reading one line.
fn weight(effect: &Effect) -> u8 {
    match effect {
        Effect::Privilege { .. } | Effect::System { .. } => 10,
        Effect::Delete { .. } => 9,
        Effect::Secret { .. } => 8,
        Effect::Git {
            operation: GitOperation::Push | GitOperation::Rewrite | GitOperation::Discard, ..
        } => 8,
        Effect::Publishes { .. } | Effect::Database { .. } | Effect::Service { .. } => 7,
        Effect::Network { .. } => 6,
        Effect::Permissions { .. } | Effect::Environment { .. } => 5,
        Effect::Git {
            operation: GitOperation::Commit | GitOperation::Configure | GitOperation::Unknown,
            ..
        } => 5,
        Effect::Runs { .. } | Effect::UnknownProgram { .. } => 4,
        Effect::Write { .. } => 3,
        Effect::Git { .. } => 2,
        Effect::Read { .. } => 1,
    }
}

/// One effect on one line, the verb first.
#[must_use]
pub(crate) fn effect_line(effect: &Effect) -> String {
    let line = match effect {
        Effect::Read { path } => format!("READ {}", path_text(path)),
        Effect::Write { path } => format!("WRITE {}", path_text(path)),
        Effect::Delete { path, depth, force: _ } => match depth {
            Depth::Recursive => format!("DELETE {} and everything below it", path_text(path)),
            Depth::Single => format!("DELETE {}", path_text(path)),
        },
        Effect::Permissions { path, .. } => format!("CHANGE PERMISSIONS of {}", path_text(path)),
        Effect::Network { host, direction } => match direction {
            Direction::Fetch => format!("FETCH from {}", host_text(host)),
            Direction::Send => format!("SEND to {}", host_text(host)),
            Direction::Listen => format!("LISTEN on {}", host_text(host)),
        },
        Effect::Runs { code } => format!("RUN {}", code_text(code)),
        Effect::Privilege { via } => format!("BECOME another user through {via}"),
        Effect::Git { operation, force, target } => {
            let forced = if *force == Force::Forced { " FORCED" } else { "" };
            let target = target.as_deref().map(|target| format!(" → {target}")).unwrap_or_default();
            format!("GIT {}{forced}{target}", format!("{operation:?}").to_uppercase())
        }
        Effect::Publishes { what } => format!("PUBLISH {what}"),
        Effect::Database { statement } => format!("DATABASE {}", lower(statement)),
        Effect::Service { name, action } => format!("SERVICE {name} {}", lower(action)),
        Effect::System { change } => format!("SYSTEM {}", lower(change)),
        Effect::Secret { what } => format!("REVEAL {what}"),
        Effect::Environment { name } => format!("SET {name}, which changes what later commands run"),
        Effect::UnknownProgram { name } => format!("RUN {name}, a program leashd does not know"),
    };
    clip(&visible(&line))
}

/// The name of one of our own closed sets, as a word in a sentence.
fn lower(name: &impl std::fmt::Debug) -> String {
    format!("{name:?}").to_lowercase()
}

fn path_text(path: &PathText) -> String {
    match path {
        PathText::Exact(path) => path.clone(),
        PathText::Glob { directory, pattern } => format!("{}/{pattern}", directory.trim_end_matches('/')),
        PathText::Unknown(why) => format!("a path that cannot be told ({why})"),
    }
}

fn host_text(host: &Host) -> String {
    match host {
        Host::Named(name) => name.clone(),
        Host::Configured(what) => what.clone(),
        Host::Unknown(why) => format!("a host that cannot be told ({why})"),
    }
}

fn code_text(code: &CodeSource) -> String {
    match code {
        CodeSource::Inline { language, text: _ } => format!("{language} code given on the command line"),
        CodeSource::File { path } => path_text(path),
        CodeSource::Project { tool, at } => format!("what {} defines for {tool}", path_text(at)),
        CodeSource::Package { name } => format!("the package {name} from its registry"),
        CodeSource::Piped { interpreter, origin } => format!("{origin} in {interpreter}"),
        CodeSource::Unknown { why } => format!("code that cannot be told ({why})"),
    }
}

/// What will run or change, exactly. An argument that no tool of this name has is shown as well: the agent chooses
/// them, and one that looks like another tool's must not stand in front of what counts.
fn body(call: &ToolCall) -> Vec<String> {
    let (lines, shown): (Vec<String>, &[&str]) =
        match (call.tool.as_str(), call.text("command"), call.text("new_string"), call.text("content")) {
            ("Bash", Some(command), _, _) => (owned(command, ""), &["command", "description"]),
            (_, _, _, _) if call.is_for_host() => {
                let command = call.text("asked_by").unwrap_or_default();
                (owned(command, "for: "), if command.is_empty() { &["url"] } else { &["url", "asked_by"] })
            }
            ("Edit", _, Some(new), _) => {
                let old = call.text("old_string").unwrap_or_default();
                let lines = owned(old, "- ").into_iter().chain(owned(new, "+ ")).collect();
                (lines, &["file_path", "old_string", "new_string"])
            }
            ("Write", _, _, Some(content)) => (owned(content, "+ "), &["file_path", "content"]),
            _ => {
                let input = serde_json::to_string_pretty(&call.input).unwrap_or_default();
                return cut(input.lines());
            }
        };
    let mut body = cut(lines.iter().map(String::as_str));
    let rest = call.input.as_object().into_iter().flatten();
    let rest: Vec<String> = rest
        .filter(|(name, _)| !shown.contains(&name.as_str()))
        .map(|(name, value)| format!("with {name}: {value}"))
        .collect();
    body.extend(cut(rest.iter().map(String::as_str)));
    body
}

fn owned(text: &str, mark: &str) -> Vec<String> {
    text.lines().map(|line| format!("{mark}{line}")).collect()
}

fn question_lines(question: &Question) -> Vec<String> {
    let mut lines = vec![question.question.clone()];
    for (index, option) in question.options.iter().enumerate() {
        let description = match option.description.as_str() {
            "" => String::new(),
            text => format!(" — {text}"),
        };
        lines.push(format!("  {}. {}{description}", index + 1, option.label));
    }
    lines
}

/// At most `BODY_LINES_MAX` lines, hidden characters shown; the rest is counted.
fn cut<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut shown = Vec::new();
    let mut more = 0_usize;
    for line in lines {
        if shown.len() < BODY_LINES_MAX {
            shown.push(clip(&visible(line)));
        } else {
            more += 1;
        }
    }
    if more > 0 {
        shown.push(format!("… and {more} more lines"));
    }
    shown
}

fn clip(line: &str) -> String {
    let length = line.chars().count();
    if length <= LINE_CHARS_MAX {
        return line.to_owned();
    }
    let start: String = line.chars().take(LINE_CHARS_MAX).collect();
    format!("{start}… and {} more characters", length - LINE_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::{BODY_LINES_MAX, body};
    use leashd_types::{AgentKind, CallId, SessionId, ToolCall};
    use serde_json::{Value, json};

    #[track_caller]
    fn check(tool: &str, input: Value, expected: &[&str]) {
        check_of(AgentKind::Claude, tool, input, expected);
    }

    #[track_caller]
    fn check_of(agent: AgentKind, tool: &str, input: Value, expected: &[&str]) {
        let call = ToolCall {
            agent,
            session: SessionId::new("s"),
            tool: tool.to_owned(),
            input,
            cwd: "/p".into(),
            id: CallId::new("c"),
            subagent: None,
        };
        assert_eq!(body(&call), expected);
    }

    #[test]
    fn no_argument_hides_another() {
        check("Bash", json!({"command": "ls\nid", "description": "looks"}), &["ls", "id"]);
        check("Bash", json!({"command": "ls", "content": "x"}), &["ls", "with content: \"x\""]);
        check("Edit", json!({"file_path": "/p/a", "old_string": "a", "new_string": "b"}), &["- a", "+ b"]);
        check(
            "Edit",
            json!({"file_path": "/p/a", "old_string": "a", "new_string": "b", "replace_all": true}),
            &["- a", "+ b", "with replace_all: true"],
        );
        check("Write", json!({"file_path": "/p/a", "content": "x"}), &["+ x"]);
        check(
            "mcp__db__query",
            json!({"content": "harmless", "new_string": "harmless", "sql": "DROP TABLE t"}),
            &[
                "{",
                "  \"content\": \"harmless\",",
                "  \"new_string\": \"harmless\",",
                "  \"sql\": \"DROP TABLE t\"",
                "}",
            ],
        );
        let long = "x\n".repeat(BODY_LINES_MAX + 1);
        let mut shown = vec!["x"; BODY_LINES_MAX];
        shown.extend(["… and 1 more lines", "with run_in_background: true"]);
        check("Bash", json!({"command": long, "run_in_background": true}), &shown);
    }

    #[test]
    fn a_host_is_shown_with_the_command_that_wants_it() {
        let target = "a.example:443";
        let asked_by = json!({"url": target, "asked_by": "make x\u{1b}[2J"});
        check_of(AgentKind::Leashd, "Network", asked_by, &["for: make x\\u{1b}[2J"]);
        check_of(AgentKind::Leashd, "Network", json!({ "url": target }), &[]);
        // An agent's own tool of that name is shown as it is.
        let lines = ["{", "  \"asked_by\": \"make\",", "  \"url\": \"a.example:443\"", "}"];
        check("Network", json!({"url": target, "asked_by": "make"}), &lines);
    }
}
