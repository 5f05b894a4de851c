//! What one step leads to, in the making: facts to be kept first, then what announces or does them.

use crate::input::Action;
use leashd_types::{Event, Kept, SessionId, Timestamp};
use std::collections::BTreeMap;

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
    let mut last: BTreeMap<Row, usize> = BTreeMap::new();
    let mut kept: Vec<Option<Kept>> = Vec::with_capacity(facts.len());
    for fact in facts {
        let before = last.insert(row_of(&fact), kept.len());
        if let Some(known) = before.and_then(|index| kept.get_mut(index)) {
            *known = None;
        }
        kept.push(Some(fact));
    }
    let mut kept: Vec<Kept> = kept.into_iter().flatten().collect();
    kept.sort_by_key(rank_of);
    kept
}

/// Names one row: its table and its id there.
type Row = (u8, String, String);

fn row_of(fact: &Kept) -> Row {
    let (first, second) = match fact {
        Kept::Session(row) => (row.session.as_str(), ""),
        Kept::Message(row) => (row.id.as_str(), ""),
        Kept::Ask(row) => (row.ask.id.as_str(), ""),
        Kept::Grant(row) => (row.session.as_str(), row.id.as_str()),
        Kept::Run(row) => (row.run.as_str(), ""),
        Kept::Event(row) => return (rank_of(fact), row.seq.to_string(), String::new()),
    };
    (rank_of(fact), first.to_owned(), second.to_owned())
}

fn rank_of(fact: &Kept) -> u8 {
    match fact {
        Kept::Session(_) => 0,
        Kept::Message(_) => 1,
        Kept::Ask(_) => 2,
        Kept::Grant(_) => 3,
        Kept::Run(_) => 4,
        Kept::Event(_) => 5,
    }
}
