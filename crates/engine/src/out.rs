//! What one step leads to, in the making: facts to be kept first, then what announces or does them.

use crate::input::Action;
use leashd_types::{Event, Kept, SessionId, Timestamp};

#[derive(Debug)]
pub(crate) struct Out {
    pub(crate) now: Timestamp,
    pub(crate) facts: Vec<Kept>,
    pub(crate) actions: Vec<Action>,
    /// Sessions whose timer may have to change.
    pub(crate) touched: Vec<SessionId>,
}

impl Out {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self { now, facts: Vec::new(), actions: Vec::new(), touched: Vec::new() }
    }

    pub(crate) fn keep(&mut self, fact: Kept) {
        self.facts.push(fact);
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub(crate) fn show(&mut self, event: Event) {
        self.actions.push(Action::Show(event));
    }

    pub(crate) fn warn(&mut self, session: &SessionId, message: impl Into<String>) {
        self.show(Event::Warning { session: session.clone(), message: message.into() });
    }

    pub(crate) fn touch(&mut self, session: &SessionId) {
        if !self.touched.contains(session) {
            self.touched.push(session.clone());
        }
    }
}

/// The last word on each row, sessions before what belongs to them.
pub(crate) fn condensed(facts: Vec<Kept>) -> Vec<Kept> {
    let mut kept: Vec<Kept> = Vec::with_capacity(facts.len());
    for fact in facts {
        match kept.iter_mut().find(|known| is_same_row(known, &fact)) {
            Some(known) => *known = fact,
            None => kept.push(fact),
        }
    }
    kept.sort_by_key(|fact| match fact {
        Kept::Session(_) => 0,
        Kept::Message(_) => 1,
        Kept::Ask(_) => 2,
        Kept::Grant(_) => 3,
        Kept::Run(_) => 4,
        Kept::Event(_) => 5,
    });
    kept
}

fn is_same_row(left: &Kept, right: &Kept) -> bool {
    match (left, right) {
        (Kept::Session(left), Kept::Session(right)) => left.session == right.session,
        (Kept::Message(left), Kept::Message(right)) => left.id == right.id,
        (Kept::Ask(left), Kept::Ask(right)) => left.ask.id == right.ask.id,
        (Kept::Grant(left), Kept::Grant(right)) => left.id == right.id && left.session == right.session,
        (Kept::Run(left), Kept::Run(right)) => left.run == right.run,
        (Kept::Event(left), Kept::Event(right)) => left.seq == right.seq,
        (
            Kept::Session(_)
            | Kept::Message(_)
            | Kept::Ask(_)
            | Kept::Grant(_)
            | Kept::Run(_)
            | Kept::Event(_),
            _,
        ) => false,
    }
}
