//! `/git`: what is asked of git, and what it says, with buttons for what usually comes next. Runs nothing itself; the
//! daemon does, contained and recorded.

mod words;

use crate::Query;
use crate::telegram::cards::Sheet;
use crate::telegram::markup::{clip, code, escape, fit};
use crate::telegram::options::Privacy;
use crate::telegram::press::{Choices, GitPress, Press, choice};
use crate::telegram::talk::{From, Stopped, Talk};
use crate::telegram::wire::MessageId;
use leashd_types::{
    Command, Form, GitBranch, GitChanges, GitEnd, GitOrder, GitSaid, Mode, SessionId, visible,
};
use std::path::PathBuf;
use std::sync::Arc;
use words::{Here, Wish, changed, matching, proposed, wish};

/// UTF-16 units of one page of a diff.
const PAGE: usize = 3000;
/// UTF-16 units of git's other output.
const TEXT: usize = 2500;
/// Branches and files with a button.
const BUTTONS: usize = 10;
const LABEL: usize = 50;
const NO_ANSWER: &str = "✗ leashd cannot run git now; try again in a moment.";

/// A git command that goes on beside the conversation.
#[derive(Clone, Debug)]
struct Running {
    from: From,
    session: SessionId,
}

impl Talk {
    pub(crate) async fn git(self: &Arc<Self>, from: From, arguments: &str) -> Result<(), Stopped> {
        self.knock(from, Form::Command).await?;
        let session = self.session(from, Form::Command).await?;
        let running = Running { from, session };
        match wish(arguments) {
            Wish::Help => {
                let lines: Vec<_> = words::HELP
                    .iter()
                    .map(|(name, what)| format!("{} — {}", code(&format!("/git {name}")), escape(what)))
                    .collect();
                self.say(from, &lines.join("\n"));
            }
            Wish::Unknown(what) => {
                let line = format!(
                    "✗ {} is not something leashd does; /git help lists what is.",
                    code(&clip(&format!("git {what}"), 200))
                );
                self.say(from, &line);
            }
            wish => {
                if let Wish::Order(order) = &wish
                    && changes(order)
                {
                    self.begins(from).await?;
                }
                self.beside(running, wish);
            }
        }
        Ok(())
    }

    /// Git may take minutes; the conversation goes on meanwhile.
    fn beside(self: &Arc<Self>, running: Running, wish: Wish) {
        let talk = Arc::clone(self);
        tokio::spawn(async move { talk.run_git(running, wish).await });
    }

    async fn run_git(self: Arc<Self>, running: Running, wish: Wish) {
        match wish {
            Wish::Order(GitOrder::Status) => self.git_status(&running).await,
            Wish::Order(GitOrder::Checkout { branch, which }) => self.checkout(&running, branch, which).await,
            Wish::Order(GitOrder::Merge { branch }) => self.merge(&running, branch).await,
            Wish::Order(order) => {
                if let Some(said) = self.ordered(&running, order.clone()).await {
                    let html = format!("{}{}", done_line(&order, said.end), self.output(&said, TEXT));
                    self.present(running.from, Sheet::new(html, after(&running.session, &order, said.end)));
                }
            }
            Wish::Branches { query } => self.branches(&running, &query).await,
            Wish::Diff { changes, paths } => self.diff(&running, (changes, paths), 0, None).await,
            Wish::PickFiles => self.pick_files(&running).await,
            Wish::AskMessage => self.ask_message(&running).await,
            Wish::Push { remote, branch } => {
                self.confirm_push(&running, GitOrder::PushTarget { remote, branch }).await;
            }
            Wish::Help | Wish::Unknown(_) => {}
        }
    }

    /// What git said; whoever asked is told if it was not begun.
    async fn ordered(&self, running: &Running, order: GitOrder) -> Option<GitSaid> {
        let (session, from) = (running.session.clone(), running.from.speaker());
        let said = self.query(|reply| Query::Git { session, order, from, reply }).await;
        match said {
            None => self.say(running.from, NO_ANSWER),
            Some(Err(why)) => self.say(running.from, &format!("✗ {}", escape(&clip(&self.clean(&why), 800)))),
            Some(Ok(said)) => return Some(said),
        }
        None
    }

    async fn git_status(self: &Arc<Self>, running: &Running) {
        let Some(said) = self.ordered(running, GitOrder::Status).await else { return };
        let files = changed(&said.text);
        let press = |press| Press::Git { session: running.session.clone(), press };
        let mut row = Vec::new();
        if files.iter().any(words::Changed::is_open) {
            row.push(choice("Stage all", press(GitPress::AddAll)));
        }
        if !files.is_empty() {
            row.push(choice("Diff", press(GitPress::Diff { page: 0 })));
        }
        if files.iter().any(words::Changed::is_staged) {
            row.push(choice("Commit", press(GitPress::Commit)));
        }
        let clean = if files.is_empty() { "\n✓ Nothing is changed." } else { "" };
        let html = format!("{}{clean}", self.output(&said, TEXT).trim_start());
        self.present(running.from, Sheet::new(html, if row.is_empty() { Vec::new() } else { vec![row] }));
    }

    async fn branches(self: &Arc<Self>, running: &Running, query: &str) {
        let Some(said) = self.ordered(running, GitOrder::Branches).await else { return };
        let found = matching(&said.text, query);
        if found.is_empty() {
            self.say(running.from, &format!("✗ No branch has {} in its name.", code(&clip(query, 100))));
            return;
        }
        if self.options.privacy == Privacy::Private {
            let html = format!("🌿 {} branches; they are not named here (privacy).", found.len());
            return self.say(running.from, &html);
        }
        let more = found.len().saturating_sub(BUTTONS);
        let more = if more > 0 {
            format!("\n… and {more} more; add letters: <code>/git branch fea</code>")
        } else {
            String::new()
        };
        let html = format!("🌿 {} branches{more}", found.len());
        let choices = found.iter().take(BUTTONS).map(|branch| {
            let sign = if branch.here == Here::CheckedOut { "✅ " } else { "" };
            let press = GitPress::Checkout { branch: branch.name.clone() };
            vec![choice(
                clip(&format!("{sign}{}", self.clean(&branch.name)), LABEL),
                Press::Git { session: running.session.clone(), press },
            )]
        });
        self.present(running.from, Sheet::new(html, choices.collect()));
    }

    async fn checkout(self: &Arc<Self>, running: &Running, branch: String, which: GitBranch) {
        let order = GitOrder::Checkout { branch: branch.clone(), which };
        let Some(said) = self.ordered(running, order.clone()).await else { return };
        self.present(
            running.from,
            Sheet::new(format!("{}{}", done_line(&order, said.end), self.output(&said, TEXT)), Vec::new()),
        );
        if said.end != GitEnd::Done && which == GitBranch::Existing {
            // Perhaps it is spelt otherwise.
            self.branches(running, &branch).await;
        }
    }

    async fn diff(
        self: &Arc<Self>,
        running: &Running,
        (changes, paths): (GitChanges, Vec<PathBuf>),
        page: usize,
        shown: Option<MessageId>,
    ) {
        let Some(said) = self.ordered(running, GitOrder::Diff { changes, paths }).await else { return };
        if self.options.privacy != Privacy::Full {
            let html = format!(
                "{} lines are changed; they are not shown here (privacy).",
                said.text.lines().count()
            );
            self.say(running.from, &html);
            return;
        }
        if said.text.trim().is_empty() {
            self.say(running.from, "✓ Nothing is changed.");
            return;
        }
        let pages = self.pages(&said.text);
        let count = pages.len();
        let page = page.min(count.saturating_sub(1));
        let text = pages.get(page).map(|lines| lines.join("\n")).unwrap_or_default();
        let mut html = format!("<pre><code class=\"language-diff\">{}</code></pre>", escape(&text));
        let mut row = Vec::new();
        if count > 1 {
            html.push_str(&format!("\npage {} of {count}", page.saturating_add(1)));
            let turn = |label: &str, page| {
                choice(label, Press::Git { session: running.session.clone(), press: GitPress::Diff { page } })
            };
            row.extend(page.checked_sub(1).map(|before| turn("◀", before)));
            row.extend(Some(page.saturating_add(1)).filter(|next| *next < count).map(|next| turn("▶", next)));
        }
        if said.cut > 0 {
            html.push_str(&format!("\n… and {} more bytes", said.cut));
        }
        let sheet = Sheet::new(html, if row.is_empty() { Vec::new() } else { vec![row] });
        match shown {
            Some(message) => {
                self.become_sheet(running.from, message, sheet, crate::telegram::wire::Priority::Reply).await
            }
            None => self.present(running.from, sheet),
        }
    }

    fn pages(&self, text: &str) -> Vec<Vec<String>> {
        let lines = self.clean_lines(text, PAGE / 2);
        let mut pages = Vec::new();
        let mut rest = lines.as_slice();
        while !rest.is_empty() {
            let (page, _) = fit(rest, PAGE);
            let taken = page.len().max(1);
            pages.push(page);
            rest = rest.get(taken..).unwrap_or_default();
        }
        pages
    }

    async fn pick_files(self: &Arc<Self>, running: &Running) {
        let Some(said) = self.ordered(running, GitOrder::Status).await else { return };
        let files: Vec<_> = changed(&said.text).into_iter().filter(words::Changed::is_open).collect();
        if files.is_empty() {
            self.say(running.from, "✓ There is nothing to stage.");
            return;
        }
        let press = |press| Press::Git { session: running.session.clone(), press };
        if self.options.privacy == Privacy::Private {
            let html =
                format!("➕ {} files could be staged; they are not named here (privacy).", files.len());
            let all = choice("Stage all", press(GitPress::AddAll));
            return self.present(running.from, Sheet::new(html, vec![vec![all]]));
        }
        let mut choices: Choices = files
            .iter()
            .take(BUTTONS)
            .map(|file| {
                let label = clip(&self.clean(&file.path), LABEL);
                vec![choice(label, press(GitPress::Add { path: PathBuf::from(&file.path) }))]
            })
            .collect();
        choices.push(vec![choice("Stage all", press(GitPress::AddAll))]);
        let names: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        self.present(
            running.from,
            Sheet::new(format!("➕ What should be staged?\n{}", self.lines_block(&names)), choices),
        );
    }

    async fn ask_message(self: &Arc<Self>, running: &Running) {
        let Some(said) = self.ordered(running, GitOrder::Status).await else { return };
        let Some(proposal) = proposed(&changed(&said.text)) else {
            self.say(running.from, "✗ Nothing is staged; /git add stages files.");
            return;
        };
        let From { chat, person, .. } = running.from;
        self.memory().expect_commit(chat.0, person, &running.session);
        let press = |press| Press::Git { session: running.session.clone(), press };
        if self.options.privacy == Privacy::Private {
            // A proposal names files.
            let row = vec![choice("Cancel", press(GitPress::Cancel))];
            return self.present(running.from, Sheet::new("✍️ Write the message of the commit.", vec![row]));
        }
        let html = format!("✍️ Write the message of the commit, or use: {}", code(&self.clean(&proposal)));
        let label = clip(&format!("✨ Use: {}", self.clean(&proposal)), LABEL);
        let row = vec![
            choice(label, press(GitPress::CommitAs { message: proposal })),
            choice("Cancel", press(GitPress::Cancel)),
        ];
        self.present(running.from, Sheet::new(html, vec![row]));
    }

    /// The text of a person was the message of a commit.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        from: From,
        form: Form,
        session: SessionId,
        message: String,
    ) -> Result<(), Stopped> {
        self.knock(from, form).await?;
        self.begins(from).await?;
        self.beside(Running { from, session }, Wish::Order(GitOrder::Commit { message }));
        Ok(())
    }

    /// What the repository says of the other side is what a person has to see: an agent can write it.
    async fn confirm_push(self: &Arc<Self>, running: &Running, order: GitOrder) {
        let Some(said) = self.ordered(running, order).await else { return };
        let mut lines = said.text.lines().map(str::to_owned);
        let (Some(remote), Some(branch), Some(address)) = (lines.next(), lines.next(), lines.next()) else {
            return self.say(running.from, NO_ANSWER);
        };
        let question = match self.options.privacy {
            Privacy::Private => "⬆️ Push to where the branch belongs?".to_owned(),
            Privacy::Full | Privacy::Summary => {
                let shown = |text: &str| code(&clip(&self.clean(text), 200));
                format!("⬆️ Push {} to {} ({})?", shown(&branch), shown(&address), shown(&remote))
            }
        };
        let press = |press| Press::Git { session: running.session.clone(), press };
        let push = GitPress::Push { remote: Some(remote), branch: Some(branch), address: Some(address) };
        let row = vec![choice("Push", press(push)), choice("Cancel", press(GitPress::Cancel))];
        self.present(running.from, Sheet::new(question, vec![row]));
    }

    async fn merge(self: &Arc<Self>, running: &Running, branch: String) {
        let order = GitOrder::Merge { branch: branch.clone() };
        let Some(said) = self.ordered(running, order.clone()).await else { return };
        let html = format!("{}{}", done_line(&order, said.end), self.output(&said, TEXT));
        let press = |press| Press::Git { session: running.session.clone(), press };
        let choices = match said.end {
            GitEnd::Conflict => vec![vec![
                choice("🤖 Resolve", press(GitPress::Resolve { branch })),
                choice("❌ Abort merge", press(GitPress::MergeAbort)),
            ]],
            GitEnd::Done | GitEnd::Refused => Vec::new(),
        };
        self.present(running.from, Sheet::new(html, choices));
    }

    /// A button below something of git. The person was let in.
    pub(crate) async fn git_pressed(
        self: &Arc<Self>,
        at: From,
        session: SessionId,
        press: GitPress,
    ) -> Result<(), Stopped> {
        let running = Running { from: at, session };
        if press.changes() {
            self.begins(at).await?;
        }
        let once = |line: &str| {
            let message = at.message.map_or(0, |message| message.0);
            self.book.retire_message(at.chat.0, message, "That is done already.");
            self.become_line(at.chat.0, message, line);
        };
        match press {
            GitPress::Status => self.beside(running, Wish::Order(GitOrder::Status)),
            GitPress::Diff { page } => {
                let talk = Arc::clone(self);
                // A page is turned in place; the first one is a message of its own.
                let shown = at.message.filter(|_| page > 0);
                tokio::spawn(
                    async move { talk.diff(&running, (GitChanges::All, Vec::new()), page, shown).await },
                );
            }
            GitPress::AddAll => self.beside(running, Wish::Order(GitOrder::Add { paths: Vec::new() })),
            GitPress::Add { path } => self.beside(running, Wish::Order(GitOrder::Add { paths: vec![path] })),
            GitPress::Checkout { branch } => {
                let order = GitOrder::Checkout { branch, which: GitBranch::Existing };
                self.beside(running, Wish::Order(order));
            }
            GitPress::Commit => self.beside(running, Wish::AskMessage),
            GitPress::CommitAs { message } => {
                once(&format!("✍️ {}", code(&self.clean(&message))));
                self.memory().forget_commit(at.chat.0);
                self.beside(running, Wish::Order(GitOrder::Commit { message }));
            }
            GitPress::Push { remote, branch, address } => {
                once("⬆️ Pushing…");
                self.beside(running, Wish::Order(GitOrder::Push { remote, branch, address }));
            }
            GitPress::MergeAbort => {
                once("❌ Merge to be aborted");
                self.beside(running, Wish::Order(GitOrder::MergeAbort));
            }
            GitPress::Resolve { branch } => {
                once("🤖 The agent settles the conflicts");
                let session = running.session.clone();
                self.order(
                    at,
                    Form::Button,
                    Command::SetMode { session: session.clone(), mode: Mode::Merge },
                )
                .await?;
                let text = resolve(&branch);
                let key = at.update.map(|update| format!("telegram:update:{update}"));
                self.order(at, Form::Button, Command::Say { session, text, attachments: Vec::new(), key })
                    .await?;
            }
            GitPress::Cancel => {
                self.memory().forget_commit(at.chat.0);
                once("Cancelled; nothing was done");
            }
        }
        Ok(())
    }

    /// A secret may have several lines, so it is taken out before they are told apart.
    fn clean_lines(&self, text: &str, most: usize) -> Vec<String> {
        self.options.redact.text(text).lines().map(|line| clip(&visible(line), most)).collect()
    }

    /// What git said, as a block; without file contents where they are to stay.
    fn output(&self, said: &GitSaid, most: usize) -> String {
        if said.text.trim().is_empty() || self.options.privacy == Privacy::Private {
            return String::new();
        }
        let lines = self.clean_lines(&said.text, most / 2);
        let (shown, more) = fit(&lines, most);
        let more = if more > 0 { format!("\n… and {more} more lines") } else { String::new() };
        format!("\n{}{more}", crate::telegram::markup::block(&shown.join("\n")))
    }
}

/// Whether something is otherwise afterwards.
fn changes(order: &GitOrder) -> bool {
    match order {
        GitOrder::Status
        | GitOrder::Branches
        | GitOrder::Diff { .. }
        | GitOrder::Log { .. }
        | GitOrder::PushTarget { .. } => false,
        GitOrder::Checkout { .. }
        | GitOrder::Add { .. }
        | GitOrder::Commit { .. }
        | GitOrder::Merge { .. }
        | GitOrder::MergeAbort
        | GitOrder::Push { .. }
        | GitOrder::Pull { .. } => true,
    }
}

fn resolve(branch: &str) -> String {
    format!(
        "Merging `{branch}` stopped at conflicts. Look at every conflicted file, understand both sides, settle the \
         conflicts so that both intentions are kept, run the tests if there are any, and tell me what you did. Do not commit."
    )
}

fn done_line(order: &GitOrder, end: GitEnd) -> String {
    let (did, what) = match order {
        GitOrder::Status => ("Status", String::new()),
        GitOrder::Branches => ("Branches", String::new()),
        GitOrder::Checkout { branch, .. } => ("Checked out", format!(" {}", code(&clip(branch, 100)))),
        GitOrder::Diff { .. } => ("Diff", String::new()),
        GitOrder::Log { .. } => ("Log", String::new()),
        GitOrder::Add { .. } => ("Staged", String::new()),
        GitOrder::Commit { message } => ("Committed", format!(": {}", escape(&clip(message, 200)))),
        GitOrder::Merge { branch } => ("Merged", format!(" {}", code(&clip(branch, 100)))),
        GitOrder::MergeAbort => ("Merge aborted", String::new()),
        GitOrder::PushTarget { .. } => ("Looked", String::new()),
        GitOrder::Push { .. } => ("Pushed", String::new()),
        GitOrder::Pull { .. } => ("Pulled", String::new()),
    };
    match end {
        GitEnd::Done => format!("✓ {did}{what}"),
        GitEnd::Refused => format!("✗ Not {}{what}", did.to_lowercase()),
        GitEnd::Conflict => format!("⚠️ Conflicts, not {}{what}", did.to_lowercase()),
    }
}

/// What usually comes next.
fn after(session: &SessionId, order: &GitOrder, end: GitEnd) -> Choices {
    let press = |press| Press::Git { session: session.clone(), press };
    match (order, end) {
        (GitOrder::Add { .. }, GitEnd::Done) => {
            vec![vec![choice("Commit", press(GitPress::Commit)), choice("Status", press(GitPress::Status))]]
        }
        _ => Vec::new(),
    }
}
