//! Who lives with the daemon: two chats that say things and change their minds, one who answers what is asked (sometimes
//! two at once), one who reloads. Each goes on until the daemon is gone, at a person's pace made quick.

use crate::chance::Chance;
use crate::ledger::{Known, Said};
use crate::life::Day;
use crate::witness;
use leashd_types::{AgentKind, Answer, AskRow, Attended, Command, OpenSession, Receipt, Refusal, SessionId};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::Scope;
use std::time::Duration;

const CHATS: [&str; 2] = ["morning", "evening"];
/// The longest pauses.
const SPEAKER: Duration = Duration::from_millis(900);
const ANSWERER: Duration = Duration::from_millis(25);
const OPERATOR: Duration = Duration::from_millis(500);

/// What was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Message,
    Answer,
}

/// What everybody needs.
#[derive(Clone)]
pub(crate) struct Company<'a> {
    pub(crate) day: &'a Day,
    pub(crate) over: &'a AtomicBool,
    /// Told of each acknowledgement.
    pub(crate) acknowledged: Sender<Deed>,
    /// Not waited for before everybody has left: the number is its own.
    pub(crate) daemon: Pid,
}

pub(crate) fn gather<'scope>(
    scope: &'scope Scope<'scope, '_>,
    company: &Company<'scope>,
    mut chance: Chance,
) {
    for chat in CHATS {
        let (company, mut chance) = (company.clone(), chance.fork());
        scope.spawn(move || {
            while company.goes_on(&mut chance, SPEAKER) {
                company.speak(chat, &mut chance);
            }
        });
    }
    answerer(scope, company, chance.fork());
    let company = company.clone();
    scope.spawn(move || {
        while company.goes_on(&mut chance, OPERATOR) {
            company.reload(&mut chance);
        }
    });
}

pub(crate) fn answerer<'scope>(
    scope: &'scope Scope<'scope, '_>,
    company: &Company<'scope>,
    mut chance: Chance,
) {
    let company = company.clone();
    scope.spawn(move || {
        while company.goes_on(&mut chance, ANSWERER) {
            company.answer_what_is_asked(&mut chance);
        }
    });
}

impl<'a> Company<'a> {
    fn goes_on(&self, chance: &mut Chance, pause: Duration) -> bool {
        std::thread::sleep(chance.up_to(pause));
        !self.over.load(Ordering::Acquire)
    }

    /// Hands a command in; what became of it, if anybody said so.
    fn send(&self, chat: &str, command: &Command) -> Option<Receipt> {
        let receipt = self.day.door.send(chat, command)?;
        let deed = match command {
            Command::Say { .. } => Some(Deed::Message),
            Command::Answer { .. } => Some(Deed::Answer),
            _ => None,
        };
        if let (Receipt::Accepted { .. }, Some(deed)) = (&receipt, deed) {
            // Nobody may be waiting for it.
            self.acknowledged.send(deed).ok();
        }
        Some(receipt)
    }

    fn speak(&self, chat: &str, chance: &mut Chance) {
        let Some(session) = self.session(chat) else { return };
        let unsure = self.day.ledger().unsure(chat, &session);
        if let Some((key, said)) = unsure {
            return self.say(&key, said);
        }
        match chance.below(40) {
            0 => drop(self.send(chat, &Command::Interrupt { session })),
            1 => drop(self.send(chat, &Command::Stop { session })),
            2 => drop(self.send(chat, &Command::Clear { session })),
            3 => {
                // Whether it is closed or not, nobody speaks there again.
                self.day.ledger().sessions.remove(chat);
                drop(self.send(chat, &Command::Close { session }));
            }
            _ => {
                let key = self.day.ledger().name();
                let text = witness::deeds(&self.day.bench.rig.project(), &key, chance);
                let said = Said { chat: chat.to_owned(), session, text, known: Known::Nothing };
                self.day.ledger().said.insert(key.clone(), said.clone());
                if chance.one_in(8) {
                    // A connector that is not sure says it again, at the same time too.
                    std::thread::scope(|scope| {
                        scope.spawn(|| self.say(&key, said.clone()));
                        self.say(&key, said.clone());
                    });
                } else {
                    self.say(&key, said);
                }
            }
        }
    }

    /// The session of the chat, opened if there is none.
    fn session(&self, chat: &str) -> Option<SessionId> {
        if let Some(session) = self.day.ledger().sessions.get(chat) {
            return Some(session.clone());
        }
        let order = OpenSession {
            agent: AgentKind::Claude,
            directory: Some(self.day.bench.rig.project()),
            policy: vec![self.day.policy.display().to_string()],
            attended: Attended::Somebody,
            ..OpenSession::default()
        };
        match self.send(chat, &Command::Open { order })? {
            Receipt::Accepted { session } => {
                let session = session.expect("an opened session has a name");
                self.day.ledger().sessions.insert(chat.to_owned(), session.clone());
                Some(session)
            }
            other => panic!("{other:?}"),
        }
    }

    fn say(&self, key: &str, said: Said) {
        let command = Command::Say {
            session: said.session,
            text: said.text,
            attachments: Vec::new(),
            key: Some(key.to_owned()),
        };
        let receipt = self.send(&said.chat, &command);
        let mut ledger = self.day.ledger();
        let known = &mut ledger.said.get_mut(key).unwrap().known;
        match receipt {
            None if *known == Known::Acknowledged => {}
            None => *known = Known::Doubtful,
            Some(Receipt::Accepted { .. } | Receipt::Duplicate) => *known = Known::Acknowledged,
            Some(Receipt::Refused { refusal: Refusal::Rejected { .. } | Refusal::Unknown { .. } }) => {
                // One that was in doubt before may be there all the same.
                *known = if *known == Known::Nothing { Known::Refused } else { *known };
            }
            Some(Receipt::Refused { refusal }) => panic!("{key}: {refusal:?}"),
        }
    }

    fn answer_what_is_asked(&self, chance: &mut Chance) {
        let asks: Vec<AskRow> = self.day.door.get("/v1/asks").unwrap_or_default();
        for row in asks.iter().filter(|row| row.state.is_open()) {
            if chance.one_in(3) {
                // They let it wait.
                continue;
            }
            let (first, second) = (answer(chance), answer(chance));
            if chance.one_in(3) {
                std::thread::scope(|scope| {
                    scope.spawn(|| self.answer(row, first.clone()));
                    self.answer(row, second.clone());
                });
            } else {
                self.answer(row, first);
            }
            if chance.one_in(4) {
                self.answer(row, second);
            }
        }
    }

    fn answer(&self, row: &AskRow, answer: Answer) {
        let command =
            Command::Answer { ask: row.ask.id.clone(), answer: answer.clone(), digest: row.ask.digest };
        if let Some(Receipt::Accepted { .. }) = self.send("desk", &command) {
            self.day.ledger().answers.entry(row.ask.id.clone()).or_default().push(answer);
        }
    }

    /// Writes the settings, now and then only half of them, and has them read.
    fn reload(&self, chance: &mut Chance) {
        let text = match chance.one_in(4) {
            true => "max_turns: 10\napproved_directories: [\"/tm".to_owned(),
            false => format!("max_turns: {}\n", 50 + chance.below(100)),
        };
        self.day.configure(&text);
        if chance.one_in(2) {
            self.day.door.post("/v1/reload");
        } else {
            for _ in 0..=chance.below(5) {
                kill_process(self.daemon, Signal::HUP).unwrap();
            }
        }
    }
}

fn answer(chance: &mut Chance) -> Answer {
    match chance.below(10) {
        0..5 => Answer::AllowOnce,
        5 => Answer::AllowSession,
        6..9 => Answer::Deny,
        _ => Answer::DenyWith { instructions: "not now".to_owned() },
    }
}
