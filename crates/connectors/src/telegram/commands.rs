//! The commands of the menu but `/git` and `/file`. Each says in one line what it did.

use super::cards::Sheet;
use super::markup::{block, bold, clip, code, escape, fit};
use super::options::Privacy;
use super::press::{Choices, Press, choice};
use super::talk::{From, Stopped, Talk, chat};
use super::tap::short;
use super::wire::{Post, Priority};
use super::word::{WORDS, Word};
use crate::{Query, explain};
use leashd_types::{AgentKind, Chat, Command, Form, Mode, OpenSession, SessionId, SessionView};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Buttons of a list.
const LISTED_MAX: usize = 30;
/// UTF-16 units of a text in a block.
const BLOCK_MAX: usize = 3500;
const AUDIT_LINES: usize = 15;
/// Messages looked through for earlier conversations.
const LOOK_BACK: usize = 200;
const RESUMED_MAX: usize = 8;

const NO_RUNS: &str =
    "Autonomous runs are not there yet. Write what should be done, and the agent does it here.";
const NO_ANSWER: &str = "✗ leashd cannot tell that now; try again in a moment.";
const HELLO: &str =
    "Write what the agent should do. What it may not do by itself it asks here. /help lists the commands.";

impl Talk {
    pub(crate) async fn command(
        self: &Arc<Self>,
        from: From,
        word: Word,
        arguments: &str,
    ) -> Result<(), Stopped> {
        self.memory().forget_commit(from.chat.0);
        match word {
            Word::Plan => self.mode(from, Mode::Plan, arguments).await,
            Word::Edit | Word::Auto => self.mode(from, Mode::Edit, arguments).await,
            Word::Default => self.mode(from, Mode::Default, arguments).await,
            Word::Stop => self.stop(from).await,
            Word::Clear => self.clear(from).await,
            Word::Dir => self.directory(from, arguments).await,
            Word::Ws => self.workspace(from, arguments).await,
            Word::Session => self.sessions(from, arguments).await,
            Word::Resume => self.resume(from, arguments).await,
            Word::Git => self.git(from, arguments).await,
            Word::File => self.send_files(from, arguments).await,
            Word::Explain => self.explained(from, arguments).await,
            Word::Status | Word::Inbox | Word::Grants | Word::Audit => {
                self.knock(from, Form::Command).await?;
                self.look(from, word, arguments).await
            }
            Word::Task | Word::Tasks | Word::Test | Word::Cancel | Word::Help | Word::Start => {
                self.knock(from, Form::Command).await?;
                self.say(from, &plain_answer(word));
                Ok(())
            }
        }
    }

    async fn look(self: &Arc<Self>, from: From, word: Word, arguments: &str) -> Result<(), Stopped> {
        match word {
            Word::Status => self.status(from).await,
            Word::Inbox => self.inbox(from).await,
            Word::Grants => self.grants(from).await,
            _ => self.audit(from, arguments).await,
        }
    }

    async fn mode(self: &Arc<Self>, from: From, mode: Mode, text: &str) -> Result<(), Stopped> {
        let session = self.session(from, Form::Command).await?;
        let order = Command::SetMode { session: session.clone(), mode };
        self.order(from, Form::Command, order).await?;
        self.say(from, mode_line(mode));
        match text {
            "" => Ok(()),
            text => self.say_in(from, Form::Command, session, (text.to_owned(), Vec::new())).await,
        }
    }

    /// Goes before everything else that is to be said.
    async fn stop(&self, from: From) -> Result<(), Stopped> {
        let Some(session) = self.memory().current(from.chat.0) else {
            self.knock(from, Form::Command).await?;
            self.say(from, "Nothing is running.");
            return Ok(());
        };
        self.order(from, Form::Command, Command::Stop { session }).await?;
        let html = "⏹ Stopped. The session stays; what waited is dropped.";
        let post = Post { priority: Priority::Stop, reply_to: from.message, ..self.post(from.chat, html) };
        drop(self.outbox.send(post));
        Ok(())
    }

    async fn clear(&self, from: From) -> Result<(), Stopped> {
        let Some(session) = self.memory().current(from.chat.0) else {
            self.knock(from, Form::Command).await?;
            self.say(from, "There is no conversation to forget.");
            return Ok(());
        };
        self.order(from, Form::Command, Command::Clear { session }).await?;
        self.say(
            from,
            "🧹 The conversation is forgotten, tasks are cancelled; what you write next begins a new one.",
        );
        Ok(())
    }

    async fn directory(self: &Arc<Self>, from: From, name: &str) -> Result<(), Stopped> {
        self.knock(from, Form::Command).await?;
        let Some(places) = self.query(|reply| Query::Directories { reply }).await else {
            self.say(from, NO_ANSWER);
            return Ok(());
        };
        let session = self.session(from, Form::Command).await?;
        let here =
            self.memory().talking(&session).map(|talking| talking.directory.clone()).unwrap_or_default();
        if !name.is_empty() {
            let found = places.iter().find(|place| place.name == name || place.path == Path::new(name));
            let Some(place) = found else {
                self.say(from, &format!("✗ There is no approved directory {}; /dir lists them.", code(name)));
                return Ok(());
            };
            return self.goes_to(from, session, (place.path.clone(), None)).await;
        }
        if places.is_empty() {
            let line = format!(
                "📁 {}\nNo directory is approved; <code>leashd add-dir</code> approves one.",
                self.path(&here)
            );
            self.say(from, &line);
            return Ok(());
        }
        let choices = places.iter().take(LISTED_MAX).map(|place| {
            let sign = if place.path == here { "✅ " } else { "" };
            let press =
                Press::GoTo { session: session.clone(), directory: place.path.clone(), workspace: None };
            vec![choice(clip(&format!("{sign}{}", self.clean(&place.name)), 60), press)]
        });
        let line = format!(
            "📁 {}\nWhere should the agent work? The conversation begins anew there.",
            self.path(&here)
        );
        self.present(from, Sheet::new(line, choices.collect()));
        Ok(())
    }

    async fn goes_to(
        &self,
        from: From,
        session: SessionId,
        (directory, workspace): (PathBuf, Option<String>),
    ) -> Result<(), Stopped> {
        let line = format!("📁 Now in {}; a fresh conversation begins.", self.path(&directory));
        self.order(from, Form::Command, Command::SetDirectory { session, directory, workspace }).await?;
        self.say(from, &line);
        Ok(())
    }

    async fn workspace(self: &Arc<Self>, from: From, name: &str) -> Result<(), Stopped> {
        self.knock(from, Form::Command).await?;
        let Some(workspaces) = self.query(|reply| Query::Workspaces { reply }).await else {
            self.say(from, NO_ANSWER);
            return Ok(());
        };
        let session = self.session(from, Form::Command).await?;
        let (here, current) = self
            .memory()
            .talking(&session)
            .map(|talking| (talking.directory.clone(), talking.workspace.clone()))
            .unwrap_or_default();
        if name == "exit" {
            return self.goes_to(from, session, (here, None)).await;
        }
        if !name.is_empty() {
            let found = workspaces.iter().find(|workspace| workspace.name == name);
            let Some(first) = found.and_then(|workspace| workspace.directories.first()) else {
                self.say(from, &format!("✗ There is no workspace {}; /ws lists them.", code(name)));
                return Ok(());
            };
            return self.goes_to(from, session, (first.clone(), Some(name.to_owned()))).await;
        }
        if workspaces.is_empty() {
            self.say(from, "There is no workspace; <code>leashd ws add</code> makes one.");
            return Ok(());
        }
        let mut html = "🗂 Workspaces".to_owned();
        let mut choices: Choices = Vec::new();
        for workspace in workspaces.iter().take(LISTED_MAX) {
            let sign = if current.as_ref() == Some(&workspace.name) { "✅ " } else { "" };
            html.push_str(&format!(
                "\n{sign}{} {}",
                bold(&self.clean(&workspace.name)),
                escape(&self.clean(&workspace.description))
            ));
            for directory in &workspace.directories {
                html.push_str(&format!("\n  └ {}", self.path(directory)));
            }
            let Some(first) = workspace.directories.first() else { continue };
            let (directory, workspace) = (first.clone(), workspace.name.clone());
            let label = clip(&format!("{sign}{}", self.clean(&workspace)), 60);
            let press = Press::GoTo { session: session.clone(), directory, workspace: Some(workspace) };
            choices.push(vec![choice(label, press)]);
        }
        if current.is_some() {
            let press = Press::GoTo { session, directory: here, workspace: None };
            choices.push(vec![choice("Leave the workspace", press)]);
        }
        self.present(from, Sheet::new(cut_html(html), choices));
        Ok(())
    }

    /// The sessions of this chat, the current one first.
    pub(crate) async fn own_sessions(&self, from: From) -> Vec<SessionView> {
        let here: Chat = chat(from.chat);
        let mut views = self.query(|reply| Query::Sessions { reply }).await.unwrap_or_default();
        views.retain(|view| view.chat == here);
        views.sort_by_key(|view| (!view.current, std::cmp::Reverse(view.last_used)));
        views
    }

    async fn status(self: &Arc<Self>, from: From) -> Result<(), Stopped> {
        let views = self.own_sessions(from).await;
        let Some(view) = views.iter().find(|view| view.current) else {
            self.say(from, "No session yet: write what the agent should do, and one begins.");
            return Ok(());
        };
        let doing = match (view.running_since, view.queued) {
            (None, _) => "idle".to_owned(),
            (Some(_), 0) => "at work".to_owned(),
            (Some(_), waiting) => format!("at work, {waiting} waiting"),
        };
        let mut lines = vec![
            format!("Session: {} · {doing}", code(&short(view.session.as_str()))),
            format!("Mode: {}", mode_name(view.mode)),
            format!("Directory: {}", self.path(&view.directory)),
        ];
        if let Some(workspace) = &view.workspace {
            lines.push(format!("Workspace: {}", escape(&self.clean(workspace))));
        }
        lines.push(format!("Messages: {} · {}", view.messages, view.total_cost));
        if !view.containment.is_empty() {
            lines.push(format!("Held by: {}", escape(&self.clean(&view.containment))));
        }
        let asks: usize = views.iter().map(|view| view.open_asks.len()).sum();
        if asks > 0 {
            lines.push(format!("{asks} waiting for your answer: /inbox"));
        }
        if views.len() > 1 {
            lines.push(format!("{} sessions in this chat: /session", views.len()));
        }
        self.say(from, &lines.join("\n"));
        Ok(())
    }

    async fn inbox(self: &Arc<Self>, from: From) -> Result<(), Stopped> {
        let views = self.own_sessions(from).await;
        let asks: Vec<_> = views.iter().flat_map(|view| &view.open_asks).collect();
        if asks.is_empty() {
            self.say(from, "📭 Nothing waits for you.");
            return Ok(());
        }
        let mut html = format!("📬 {} waiting for your answer", asks.len());
        let mut choices: Choices = Vec::new();
        for (index, ask) in asks.iter().enumerate().take(LISTED_MAX) {
            let number = index.saturating_add(1);
            let headline = super::cards::headline(ask, &self.options);
            html.push_str(&format!(
                "\n{number}. {} · session {}",
                escape(&clip(&headline, 80)),
                escape(&short(ask.session.as_str()))
            ));
            choices.push(vec![choice(format!("Show {number}"), Press::ShowAsk { ask: ask.id.clone() })]);
        }
        self.present(from, Sheet::new(html, choices));
        Ok(())
    }

    async fn grants(self: &Arc<Self>, from: From) -> Result<(), Stopped> {
        let own: BTreeSet<SessionId> =
            self.own_sessions(from).await.into_iter().map(|view| view.session).collect();
        let mut grants = self.query(|reply| Query::Grants { reply }).await.unwrap_or_default();
        grants.retain(|grant| own.contains(&grant.session) && grant.revoked.is_none());
        if grants.is_empty() {
            self.say(from, "🔒 Nothing is approved beyond single calls.");
            return Ok(());
        }
        for grant in grants.iter().take(LISTED_MAX) {
            let rule = escape(&clip(&self.clean(&grant.rule), 800));
            let html = format!("🔓 {rule}\nfor session {}", escape(&short(grant.session.as_str())));
            let press = Press::Revoke { grant: grant.id.clone() };
            self.present(from, Sheet::new(html, vec![vec![choice("Take back", press)]]));
        }
        Ok(())
    }

    async fn audit(&self, from: From, words: &str) -> Result<(), Stopped> {
        if self.options.privacy == Privacy::Private {
            self.say(from, "Read it on the machine: <code>leashd audit tail</code> (privacy: private).");
            return Ok(());
        }
        let Some(session) = self.memory().current(from.chat.0) else {
            self.say(from, "No session yet, so there is nothing about one in the audit log.");
            return Ok(());
        };
        let words = (!words.is_empty()).then(|| words.to_owned());
        let found = self.query(|reply| Query::Audit { session, words, limit: AUDIT_LINES, reply }).await;
        match found {
            None => self.say(from, NO_ANSWER),
            Some(Err(why)) => self.say(from, &format!("✗ {}", escape(&self.clean(&why)))),
            Some(Ok(lines)) if lines.is_empty() => {
                self.say(from, "Nothing of this session stands in the audit log.")
            }
            Some(Ok(lines)) => self.say(from, &self.lines_block(&lines)),
        }
        Ok(())
    }

    async fn explained(&self, from: From, line: &str) -> Result<(), Stopped> {
        if line.is_empty() {
            self.knock(from, Form::Command).await?;
            self.say(from, "Write the command after it: <code>/explain rm -rf build</code>");
            return Ok(());
        }
        let session = self.session(from, Form::Command).await?;
        self.knock(from, Form::Command).await?;
        let line = line.to_owned();
        match self.query(|reply| Query::Explain { session, line, reply }).await {
            None => self.say(from, NO_ANSWER),
            Some(Err(why)) => self.say(from, &format!("✗ {}", escape(&self.clean(&why)))),
            Some(Ok(verdict)) => self.say(from, &self.lines_block(&explain(&verdict))),
        }
        Ok(())
    }

    async fn sessions(self: &Arc<Self>, from: From, arguments: &str) -> Result<(), Stopped> {
        if arguments == "new" {
            let order = OpenSession { agent: AgentKind::Claude, ..OpenSession::default() };
            let opened = self.order(from, Form::Command, Command::Open { order }).await?;
            self.memory().room(from.chat.0).current = opened;
            self.say(from, "💬 A new session; what you write goes there.");
            return Ok(());
        }
        self.knock(from, Form::Command).await?;
        let views = self.own_sessions(from).await;
        let mut choices: Choices = Vec::new();
        let mut html = format!("💬 {} sessions in this chat", views.len());
        for (index, view) in views.iter().enumerate().take(LISTED_MAX) {
            let number = index.saturating_add(1);
            let id = short(view.session.as_str());
            let current = if view.current { " ✅" } else { "" };
            let doing = if view.running_since.is_some() { "at work" } else { "idle" };
            let needs = if view.open_asks.is_empty() { "" } else { " · needs you" };
            html.push_str(&format!(
                "\n{number}. {} · {} · {doing}{needs}{current}",
                escape(&id),
                self.path(&view.directory)
            ));
            let close = choice(format!("Close {number}"), Press::Close { session: view.session.clone() });
            let switch = choice(format!("Go to {number}"), Press::Switch { session: view.session.clone() });
            choices.push(if view.current { vec![close] } else { vec![switch, close] });
        }
        choices.push(vec![choice("New session", Press::NewSession)]);
        self.present(from, Sheet::new(cut_html(html), choices));
        Ok(())
    }

    async fn resume(self: &Arc<Self>, from: From, id: &str) -> Result<(), Stopped> {
        if !id.is_empty() {
            let order = OpenSession { resume: Some(SessionId::new(id)), ..OpenSession::default() };
            let opened = self.order(from, Form::Command, Command::Open { order }).await?;
            self.memory().room(from.chat.0).current = opened;
            self.say(from, &format!("💬 Going on in session {}", escape(&short(id))));
            return Ok(());
        }
        self.knock(from, Form::Command).await?;
        let here = chat(from.chat);
        let rows =
            self.query(|reply| Query::Messages { session: None, words: None, limit: LOOK_BACK, reply }).await;
        let rows = rows.and_then(Result::ok).unwrap_or_default();
        let current = self.memory().current(from.chat.0);
        let mut seen = BTreeSet::new();
        let mut html = "💬 Earlier conversations of this chat".to_owned();
        let mut choices: Choices = Vec::new();
        for row in rows.iter().filter(|row| row.chat == here && Some(&row.session) != current.as_ref()) {
            if seen.len() >= RESUMED_MAX || !seen.insert(row.session.clone()) {
                continue;
            }
            let number = seen.len();
            let said = match self.options.privacy {
                Privacy::Full | Privacy::Summary => self.clean(super::show::first_line(&row.text)),
                Privacy::Private => String::new(),
            };
            html.push_str(&format!(
                "\n{number}. {} · {}",
                escape(&short(row.session.as_str())),
                escape(&clip(&said, 80))
            ));
            choices.push(vec![choice(
                format!("Go on with {number}"),
                Press::Resume { session: row.session.clone() },
            )]);
        }
        if choices.is_empty() {
            self.say(from, "There is no earlier conversation in this chat.");
            return Ok(());
        }
        self.present(from, Sheet::new(html, choices));
        Ok(())
    }

    /// The card again, as a new message.
    pub(crate) fn show_again(self: &Arc<Self>, ask: &leashd_types::AskId) {
        let mut memory = self.memory();
        let Some(pending) = memory.ask(ask).cloned() else { return };
        drop(memory);
        if let Some(place) = self.book.drop_card(ask) {
            for message in place.messages() {
                self.book.retire_message(place.chat, message, "It is shown again further down.");
                self.become_line(place.chat, message, "⤵️ Shown again further down");
            }
        }
        self.card_again(pending);
    }

    pub(crate) fn path(&self, path: &Path) -> String {
        code(&self.clean(&path.display().to_string()))
    }

    pub(crate) fn lines_block(&self, lines: &[String]) -> String {
        let lines: Vec<String> = lines.iter().map(|line| self.clean(line)).collect();
        let (shown, more) = fit(&lines, BLOCK_MAX);
        let more = if more > 0 { format!("\n… and {more} more lines") } else { String::new() };
        format!("{}{more}", block(&shown.join("\n")))
    }
}

/// A message has an end.
fn cut_html(html: String) -> String {
    if super::markup::units(&html) <= BLOCK_MAX {
        html
    } else {
        escape(&clip(&super::markup::without_markup(&html), BLOCK_MAX))
    }
}

fn plain_answer(word: Word) -> String {
    match word {
        Word::Help => {
            let lines = WORDS.iter().filter(|(_, word, _)| *word != Word::Start);
            let lines: Vec<_> = lines.map(|(name, _, what)| format!("/{name} — {}", escape(what))).collect();
            lines.join("\n")
        }
        Word::Start => HELLO.to_owned(),
        Word::Cancel => format!("No task is active. {NO_RUNS} /stop ends what the agent does."),
        _ => NO_RUNS.to_owned(),
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Default => "default",
        Mode::Plan => "plan",
        Mode::Edit => "edit",
        Mode::Test => "test",
        Mode::Merge => "merge",
    }
}

fn mode_line(mode: Mode) -> &'static str {
    match mode {
        Mode::Plan => "📝 Plan mode: the agent proposes, you approve before it acts.",
        Mode::Edit => "✏️ Edit mode: file edits in approved directories go unasked.",
        Mode::Default => "⚖️ Default mode: the policy decides what is asked.",
        Mode::Test => "🧪 Test mode.",
        Mode::Merge => "🔀 Merge mode.",
    }
}
