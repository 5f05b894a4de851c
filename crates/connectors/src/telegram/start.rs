//! What a start finds: sessions of our chats, asks that are open, cards of asks that are over.

use super::talk::{Talk, number};
use crate::Query;
use leashd_types::{Answer, Approver, AskId, AskOutcome, AskRow, Decision, SessionId, SessionView};
use std::sync::Arc;

impl Talk {
    /// Brings everything up to date. Before anything that comes in is looked at.
    pub(crate) async fn begin(self: &Arc<Self>) {
        let sessions = self.query(|reply| Query::Sessions { reply }).await.unwrap_or_default();
        for view in &sessions {
            if let Some(chat) = number(&view.chat) {
                self.memory().arrives(view, chat);
            }
        }
        let Some(open) = self.query(|reply| Query::Asks { reply }).await else { return };
        for (ask, _) in self.book.cards() {
            if !open.iter().any(|row| row.ask.id == ask && row.state.is_open()) {
                self.over_meanwhile(&ask).await;
            }
        }
        for row in open.iter().filter(|row| row.state.is_open()) {
            match self.book.card(&row.ask.id) {
                // The card is there; what it asks is known again.
                Some(place) => drop(self.memory().asks(&row.ask, place.chat)),
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

/// How an ask ended, as its steps tell.
fn outcome(row: &AskRow) -> Option<AskOutcome> {
    let last = row.steps.iter().rev();
    let (answer, by) = last.clone().find_map(|step| step.answer.clone().zip(step.by.clone()))?;
    let decision = last.clone().find_map(|step| step.decision).unwrap_or(Decision::Deny);
    Some(AskOutcome { decision, answer, by })
}
