//! What a start finds: sessions of our chats, asks that are open, cards of asks that are over.

use super::state::CardPlace;
use super::talk::{Talk, number};
use crate::Query;
use leashd_types::{Answer, Approver, AskId, AskOutcome, AskRow, Decision, SessionId, SessionView};
use std::sync::Arc;

impl Talk {
    /// Brings everything up to date, with the cards that were there before anything happened. Before anything that comes in
    /// is looked at.
    pub(crate) async fn begin(self: &Arc<Self>, cards: Vec<(AskId, CardPlace)>) {
        let sessions = self.query(|reply| Query::Sessions { reply }).await.unwrap_or_default();
        for view in &sessions {
            if let Some(chat) = number(&view.chat) {
                self.memory().arrives(view, chat);
            }
        }
        let Some(open) = self.query(|reply| Query::Asks { reply }).await else { return };
        for (ask, place) in cards {
            if place.receipt.is_some() {
                // Whether Telegram was told, nobody knows.
                self.show_receipt(&ask, &place);
                continue;
            }
            match open.iter().find(|row| row.ask.id == ask) {
                None => self.over_meanwhile(&ask).await,
                Some(row) => {
                    let Some(answer) = answered(row) else { continue };
                    let _ = self.memory().asks(&row.ask, place.chat);
                    self.on_its_way(&ask, &answer);
                }
            }
        }
        for row in open.iter().filter(|row| row.state.is_open()) {
            match self.book.card(&row.ask.id).filter(|place| place.message.is_some()) {
                // The card is there; what it asks is known again.
                Some(place) => drop(self.memory().asks(&row.ask, place.chat)),
                // Perhaps it is there too, but nobody can say where.
                None => self.asked(&row.ask),
            }
        }
        self.save().await;
    }

    /// A session that another screen had goes on in this chat.
    pub(crate) async fn fetch(self: &Arc<Self>, session: &SessionId, chat: i64) {
        let view: Option<SessionView> =
            self.query(|reply| Query::Session { session: session.clone(), reply }).await.flatten();
        let Some(view) = view.filter(|view| number(&view.chat) == Some(chat)) else { return };
        self.memory().arrives(&view, chat);
        for ask in &view.open_asks {
            self.asked(ask);
        }
    }

    async fn over_meanwhile(self: &Arc<Self>, ask: &AskId) {
        let row = self.query(|reply| Query::PastAsk { ask: ask.clone(), reply }).await;
        let outcome = row.and_then(Result::ok).flatten().as_ref().and_then(outcome);
        let outcome = outcome.unwrap_or(AskOutcome {
            decision: Decision::Deny,
            answer: Answer::Withdrawn,
            by: Approver::Nobody,
        });
        self.resolved(ask, &outcome);
    }
}

/// An answer that the agent does not have yet.
fn answered(row: &AskRow) -> Option<Answer> {
    let steps = row.steps.iter().rev();
    steps.filter(|_| !row.state.is_open()).find_map(|step| step.answer.clone())
}

/// How an ask ended, as its steps tell. Of one that did not end, nothing is left after a restart.
fn outcome(row: &AskRow) -> Option<AskOutcome> {
    if !row.state.is_over() {
        return None;
    }
    let last = row.steps.iter().rev();
    let (answer, by) = last.clone().find_map(|step| step.answer.clone().zip(step.by.clone()))?;
    let decision = last.clone().find_map(|step| step.decision).unwrap_or(Decision::Deny);
    Some(AskOutcome { decision, answer, by })
}
