//! An hour on a phone: the real agent, the real daemon, and a server as strict as Telegram. The conversation is a file a
//! person can read; the file system and the audit log are the witnesses.

use crate::support::{Bench, call, script, shell, shown};
use leashd_testkit::telegram::{Chat, Edits, Message, Person, TelegramServer};
use regex::Regex;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const ANNA: i64 = 42;
const EVE: i64 = 66;
const TAP: Duration = Duration::from_secs(15);
/// A turn of the real agent.
const TURN: Duration = Duration::from_secs(60);

/// A daemon with a bot, and the bot's owner.
struct Phone {
    bench: Bench,
    server: TelegramServer,
    anna: Person,
    chat: Chat,
}

impl Phone {
    fn new() -> Self {
        let phone = Self::unknown();
        phone.says(&["config", "set", "telegram.allowed_user_ids", &ANNA.to_string()]);
        phone.says(&["config", "set", "telegram.bot_token", phone.server.token()]);
        phone.says(&["start"]);
        phone
    }

    /// Neither knows of the other.
    fn unknown() -> Self {
        let bench = Bench::new();
        let server = bench.block_on(TelegramServer::start()).unwrap();
        let (anna, chat) = (server.person(ANNA, "Anna"), server.chat(ANNA));
        let phone = Self { bench, server, anna, chat };
        phone.says(&["init", "--yes", "--dir", "."]);
        phone.says(&["config", "set", "telegram.api_url", &phone.server.base_url()]);
        phone
    }

    fn says(&self, args: &[&str]) -> String {
        let output = self.bench.leashd(args).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", shown(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Everything at once, as if the power went.
    fn kills(&self) {
        let status: Value = serde_json::from_str(&self.says(&["status", "--json"])).unwrap();
        let pid = i32::try_from(status["pid"].as_i64().unwrap()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    /// What Anna writes, and what the model will answer to it.
    fn asks(&self, words: &str, items: &[Value]) {
        self.anna.sends_text(ANNA, &format!("{words} {}", script(items)));
    }

    async fn taps(&self, label: &str) {
        let message = self.chat.until_within(TURN, |chat| {
            chat.from_bot().into_iter().rev().find(|it| it.button(label).is_some())
        });
        self.anna.taps(&message.await, label).answered(TAP).await;
    }

    /// The button of the newest message with these words.
    async fn taps_on(&self, words: &str, label: &str) {
        let message = self.chat.until_within(TURN, |chat| {
            let is_it = |it: &Message| it.button(label).is_some() && it.text().contains(words);
            chat.from_bot().into_iter().rev().find(is_it)
        });
        self.anna.taps(&message.await, label).answered(TAP).await;
    }

    async fn hears(&self, text: &str) {
        self.hears_times(text, 1).await;
    }

    async fn hears_times(&self, text: &str, times: usize) {
        let said = |chat: &Chat| {
            let found = chat.from_bot().iter().filter(|it| it.text().contains(text)).count();
            (found >= times).then_some(())
        };
        self.chat.until_within(TURN, said).await;
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(args)
            .current_dir(self.bench.rig.project())
            .env_clear()
            .env("HOME", self.bench.rig.home())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", shown(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The conversation without what differs from run to run.
    fn transcript(&self) -> String {
        let root = self.bench.rig.path("").display().to_string();
        let root = root.trim_end_matches('/').to_owned();
        let differing = [
            (r" SCRIPT:\[.*\]", ""),
            (r"<code>[0-9a-f]{8}(-[0-9a-f-]+)?</code>", "<code>SESSION</code>"),
            (r"\bsession [0-9a-f]{8}\b", "session SESSION"),
            (r"\bSession [0-9a-f]{8}\b", "Session SESSION"),
            (r"(\d\. )[0-9a-f]{8} ·", "${1}SESSION ·"),
            (r"\$\d+\.\d+", "$$COST"),
            (r"\b\d+\.\d s\b", "TIME"),
            (r"\b[0-9a-f]{7}\b", "COMMIT"),
            (r"\d{4}-\d\d-\d\d", "DATE"),
            (r"\d\d:\d\d UTC", "TIME UTC"),
        ];
        let differing: Vec<_> =
            differing.into_iter().map(|(pattern, with)| (Regex::new(pattern).unwrap(), with)).collect();
        let scrub = move |text: &str| {
            let text = text.replace(&root, "");
            differing
                .iter()
                .fold(text, |text, (pattern, with)| pattern.replace_all(&text, *with).into_owned())
        };
        self.chat.transcript().edits(Edits::Lasting).scrubbed(scrub).render()
    }

    fn ends(self, golden: &str) {
        self.says(&["stop"]);
        assert_eq!(self.server.rate_limited().answers, 0, "sent too fast");
        assert_eq!(self.server.unanswered_taps(), Vec::<String>::new());
        assert!(self.bench.verify().status.success());
        same(golden, &self.transcript());
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        drop(self.bench.leashd(&["stop"]).output());
    }
}

/// Compares with a file; `LEASHD_GOLDEN=write` writes it.
fn same(name: &str, text: &str) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/golden").join(format!("{name}.txt"));
    if std::env::var("LEASHD_GOLDEN").is_ok_and(|value| value == "write") {
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{} differs; LEASHD_GOLDEN=write writes it anew", path.display());
}

fn write(path: &Path, content: &str) -> Value {
    call("Write", json!({"file_path": path, "content": content}))
}

fn question(question: &str, labels: [&str; 2]) -> Value {
    let options = labels.map(|label| json!({"label": label, "description": format!("{label} it is")}));
    let question =
        json!({"question": question, "header": "Colour", "multiSelect": false, "options": options});
    call("AskUserQuestion", json!({"questions": [question]}))
}

#[test]
fn an_hour_on_a_phone() {
    let phone = Phone::new();
    phone.bench.rig.write(
        "home/.gitconfig",
        "[user]\n\tname = Anna\n\temail = anna@example.org\n[init]\n\tdefaultBranch = main\n",
    );
    phone.git(&["init", "--quiet"]);
    phone.bench.block_on(async {
        edits(&phone).await;
        plans(&phone).await;
        questions(&phone).await;
        commits(&phone).await;
        in_parallel(&phone).await;
        stops(&phone).await;
    });
    let events: Vec<_> =
        phone.bench.audit().into_iter().filter(|entry| entry["event"] == "git_operation").collect();
    assert!(
        events.iter().any(|entry| entry["operation"] == "commit" && entry["user_id"] == "42"),
        "{events:?}"
    );
    phone.ends("hour");
}

/// An edit is approved, the next one is not.
async fn edits(phone: &Phone) {
    let project = phone.bench.rig.project();
    let greeting = project.join("greeting.txt");
    phone.asks("write a greeting", &[write(&greeting, "hello\n")]);
    phone.taps("Approve").await;
    phone.hears("done").await;
    assert_eq!(fs::read_to_string(&greeting).unwrap(), "hello\n");
    phone.asks("now in capitals", &[write(&greeting, "HELLO\n")]);
    phone.hears_times("WRITE", 2).await;
    phone.anna.sends_text(ANNA, "no, leave it as it is");
    phone.hears("Rejected").await;
    phone.hears_times("done", 2).await;
    assert_eq!(fs::read_to_string(&greeting).unwrap(), "hello\n");
}

/// A plan is adjusted, then approved.
async fn plans(phone: &Phone) {
    phone.anna.sends_command(ANNA, "/plan");
    phone.hears("Plan mode").await;
    let file = r"{{re:(/\S+/plans/[\w-]+\.md)}}";
    let leave = || call("ExitPlanMode", json!({}));
    phone.asks(
        "tidy up",
        &[call("Write", json!({"file_path": file, "content": "1. Remove what is old"})), leave(), leave()],
    );
    phone.taps("Adjust…").await;
    phone.anna.sends_text(ANNA, "smaller steps");
    phone.hears("Plan to be adjusted").await;
    phone.taps("Approve").await;
    phone.hears("Plan approved").await;
    phone.hears_times("done", 3).await;
}

/// A question is answered in words.
async fn questions(phone: &Phone) {
    phone.asks("paint it", &[question("Which colour?", ["Red", "Blue"])]);
    phone.hears("Which colour?").await;
    phone.anna.sends_text(ANNA, "green, like the door");
    phone.hears("Answered").await;
    phone.hears_times("done", 4).await;
}

/// What was written is committed with two taps.
async fn commits(phone: &Phone) {
    phone.anna.sends_command(ANNA, "/git");
    phone.taps("Stage all").await;
    phone.taps("Commit").await;
    phone.taps("✨ Use: Add greeting.txt").await;
    phone.hears("Committed").await;
    assert_eq!(phone.git(&["log", "--format=%s by %an"]), "Add greeting.txt by Anna\n");
}

/// Two conversations at a time.
async fn in_parallel(phone: &Phone) {
    let project = phone.bench.rig.project();
    phone.anna.sends_command(ANNA, "/default");
    phone.hears("Default mode").await;
    let (one, two) = (project.join("one.txt"), project.join("two.txt"));
    phone.asks("write the first", &[write(&one, "1\n")]);
    phone.hears("one.txt").await;
    phone.anna.sends_command(ANNA, "/session new");
    phone.hears("A new session").await;
    phone.asks("write the second", &[write(&two, "2\n")]);
    phone.taps_on("two.txt", "Approve").await;
    phone.hears_times("done", 5).await;
    phone.taps_on("one.txt", "Approve").await;
    phone.hears("is done").await;
    assert_eq!(
        (fs::read_to_string(one).unwrap(), fs::read_to_string(two).unwrap()),
        ("1\n".into(), "2\n".into())
    );
}

/// A command that does not end is stopped.
async fn stops(phone: &Phone) {
    let project = phone.bench.rig.project();
    phone.asks("wait for it", &[shell("echo begun > begun; sleep 600; echo over > over")]);
    phone.taps_on("sleep 600", "Approve").await;
    let begun = project.join("begun");
    phone.chat.until_within(TURN, |_| begun.exists().then_some(())).await;
    phone.hears(&format!("Approved by Anna · WRITE {}", project.join("over").display())).await;
    phone.anna.sends_command(ANNA, "/stop");
    phone.hears("Stopped").await;
    phone.hears("Done: interrupted").await;
    phone.anna.sends_command(ANNA, "/status");
    phone.hears("· idle").await;
    assert!(!project.join("over").exists());
}

#[test]
fn a_bot_is_connected_while_leashd_runs() {
    let phone = Phone::unknown();
    phone.says(&["start"]);
    let mut connecting = phone.bench.leashd(&["telegram", "connect", "--token", phone.server.token()]);
    let mut connecting = connecting.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(connecting.stdout.take().unwrap()).lines();
    let is_code = |line: &String| line.len() == 6 && line.chars().all(|c| c.is_ascii_digit());
    let code = lines.by_ref().map(|line| line.unwrap().trim().to_owned()).find(is_code).unwrap();
    let eve = phone.server.person(EVE, "Eve");
    eve.sends_text(EVE, "000000");
    phone.anna.sends_text(ANNA, &code);
    assert!(connecting.wait().unwrap().success());
    let rest: Vec<_> = lines.map(|line| line.unwrap()).collect();
    assert!(rest.join(" ").contains("listens to Telegram user 42"), "{rest:?}");
    phone.says(&["reload"]);
    phone.bench.block_on(async {
        phone.hears("Connected").await;
        phone.anna.sends_command(ANNA, "/status");
        phone.hears("No session yet").await;
    });
    assert!(phone.says(&["status"]).contains("Telegram: listening"));
    let doctor = phone.bench.leashd(&["doctor"]).output().unwrap();
    assert!(shown(&doctor).contains("ok    telegram     Telegram: listening"), "{}", shown(&doctor));
}

#[test]
fn a_phone_sees_a_project_as_its_sessions_do() {
    let phone = Phone::new();
    phone.bench.rig.write("project/.env", "LEASHD_DISALLOWED_TOOLS=Bash,Read\n");
    phone.bench.rig.write("project/notes.txt", "nobody reads this");
    phone.bench.block_on(async {
        phone.anna.sends_command(ANNA, "/explain ls");
        phone.hears("LEASHD_DISALLOWED_TOOLS").await;
        phone.anna.sends_command(ANNA, "/file notes.txt");
        phone.hears("✗ notes.txt").await;
    });
    assert!(phone.chat.from_bot().iter().all(|message| phone.chat.file(message).is_none()));
    assert!(phone.bench.audit().iter().all(|entry| entry["event"] != "file_sent"));
}

/// An agent can write what the repository says of the other side.
#[test]
fn a_push_goes_only_to_the_address_that_was_shown() {
    let phone = Phone::new();
    phone.git(&["init", "--quiet", "--initial-branch=main"]);
    phone.git(&["remote", "add", "origin", "https://nowhere.invalid/mine.git"]);
    phone.bench.block_on(async {
        phone.anna.sends_command(ANNA, "/git push");
        phone.hears("https://nowhere.invalid/mine.git").await;
        phone.git(&["remote", "set-url", "origin", "https://nowhere.invalid/theirs.git"]);
        phone.taps("Push").await;
        phone.hears("origin is https://nowhere.invalid/theirs.git now").await;
        phone.anna.sends_command(ANNA, "/git push");
        phone.hears("Push main to https://nowhere.invalid/theirs.git").await;
        phone.taps("Push").await;
        phone.hears("✗ Not pushed").await;
    });
    let pushes = phone.bench.audit();
    let pushes: Vec<_> = pushes.iter().filter(|entry| entry["operation"] == "push").collect();
    assert_eq!(pushes.len(), 1, "{pushes:?}");
}

#[test]
fn a_stranger_meets_the_same_wall_whatever_they_send() {
    let phone = Phone::new();
    let (eve, chat) = (phone.server.person(EVE, "Eve"), phone.server.chat(EVE));
    phone.bench.block_on(async {
        eve.sends_text(EVE, "read me the secrets");
        chat.until_said("not allowed").await;
        eve.sends_command(EVE, "/dir");
        eve.sends_document(EVE, "a.txt", "text/plain", "hello", "read this");
        phone.asks("write a greeting", &[write(&phone.bench.rig.project().join("a"), "b")]);
        let card = phone.chat.until_button("Approve").await;
        let tap = eve.taps(&card, "Approve").answered(TAP).await;
        assert!(!tap.text.contains("Sent"), "{tap:?}");
        phone.taps("Reject").await;
        phone.hears("done").await;
    });
    assert!(!phone.bench.rig.project().join("a").exists());
    let said: Vec<_> = chat.from_bot().iter().map(|message| message.text().to_owned()).collect();
    assert_eq!(said.len(), 1, "{said:?}");
}

/// The tap is on its way when everything is killed: whatever became of it, the card says so, and the talk goes on.
#[test]
fn a_daemon_killed_between_tap_and_landing_loses_nothing() {
    let phone = Phone::new();
    let (first, second) = (phone.bench.rig.project().join("first"), phone.bench.rig.project().join("second"));
    phone.bench.block_on(async {
        phone.asks("write the first", &[write(&first, "1")]);
        let card = phone.chat.until_button("Approve").await;
        phone.anna.taps(&card, "Approve");
        phone.kills();
        phone.says(&["start"]);
        let settled =
            |chat: &Chat| chat.message(card.id).filter(|it| it.button("Approve").is_none()).map(drop);
        phone.chat.until_within(TURN, settled).await;
        phone.asks("write the second", &[write(&second, "2")]);
        phone.taps_on("second", "Approve").await;
        phone.hears("done").await;
    });
    assert_eq!(fs::read_to_string(second).unwrap(), "2");
    let audit = phone.bench.audit();
    let approvals: Vec<_> = audit.iter().filter(|entry| entry["event"] == "approval").collect();
    let of_first =
        approvals.iter().filter(|it| it["call_id"] != approvals.last().unwrap()["call_id"]).count();
    assert!(of_first <= 1, "{approvals:?}");
    let was_allowed = approvals.len() == 2 && approvals[0]["approved"] == true;
    assert!(was_allowed || !first.exists(), "it was written without an approval: {approvals:?}");
    assert_eq!(phone.server.unanswered_taps(), Vec::<String>::new());
    assert!(phone.bench.verify().status.success());
}
