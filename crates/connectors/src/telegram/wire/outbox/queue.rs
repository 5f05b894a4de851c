//! What waits, in which order it goes, and when. Knows time only as it is told, and makes no request.

use super::super::failure::Failure;
use super::super::model::{ChatId, MessageId};
use super::job::{Cost, Job, Outcome, Work};
use super::pace::{Limits, Log, When};
use super::{Change, Priority, Shown};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Requests that may be under way at once.
const UNDER_WAY_MAX: usize = 64;
/// After the first failure, and at most.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(30);
/// How long a message waits for a network, and for a server that says nothing sensible.
const UNREACHABLE_FOR: Duration = Duration::from_secs(24 * 60 * 60);
const SENSELESS_FOR: Duration = Duration::from_secs(60 * 60);
/// A person has stopped looking at the button by then, and Telegram takes no answer any more.
const TAP_FOR: Duration = Duration::from_secs(60);
/// Clocks differ: what Telegram wants to wait is waited a little longer.
const THROTTLE_MARGIN: Duration = Duration::from_millis(100);
/// Chats that are remembered for their pace before those that rest are forgotten.
const CHATS_KEPT: usize = 256;

/// How urgent, and when it came.
type Place = (Priority, u64);

/// What may go.
#[derive(Clone, Copy, Debug)]
enum Ready {
    Job(ChatId, Place),
    Typing(ChatId),
    /// Not before then.
    Nothing(Option<Instant>),
}

/// All chats.
#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    taps: VecDeque<Job>,
    lines: BTreeMap<ChatId, Line>,
    /// Messages and edits in all chats.
    sent: Log,
    /// All requests, and those of them that count.
    under_way: usize,
    counted: usize,
    waiting: usize,
    waiting_bytes: usize,
    /// Telegram wants the whole bot to wait.
    paused: Option<Instant>,
    trouble: Trouble,
    next: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing more comes; what waits is sent.
    Closing,
    /// Nothing is sent any more.
    Ended,
}

/// Telegram cannot be reached, or answers senselessly.
#[derive(Clone, Copy, Debug, Default)]
struct Trouble {
    failures: u32,
    until: Option<Instant>,
}

/// One chat: one request at a time, so that nothing overtakes.
#[derive(Debug, Default)]
struct Line {
    jobs: BTreeMap<Place, Job>,
    typing: Option<Job>,
    state: LineState,
    sent: Log,
    /// Telegram wants this chat to wait.
    throttled: Option<Instant>,
    trouble: Trouble,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LineState {
    #[default]
    Idle,
    Busy,
}

/// Which place a job had, for when it comes back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    chat: Option<ChatId>,
    place: Place,
    cost: Cost,
}

#[derive(Debug)]
pub(super) enum Next {
    Go(Ticket, Job),
    /// Until then, or until something comes or is done.
    Wait(Option<Instant>),
    Over,
}

impl Trouble {
    /// Several requests that fail together are one failure.
    fn grow(&mut self, now: Instant) {
        if self.until.is_some_and(|it| it > now) {
            return;
        }
        let wait = RETRY_FIRST.saturating_mul(1 << self.failures.min(10)).min(RETRY_LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + wait);
    }
}

impl Line {
    fn edit_of(&self, message: MessageId) -> Option<Place> {
        let same = |job: &Job| matches!(&job.work, Work::Edit(edit, _) if edit.message == message);
        self.jobs.iter().find(|it| same(it.1)).map(|it| *it.0)
    }

    /// Until when nothing goes into this chat.
    fn rests(&self) -> Option<Instant> {
        self.throttled.max(self.trouble.until)
    }

    fn is_forgettable(&self, longest: Duration, now: Instant) -> bool {
        let over = |it: Option<Instant>| it.is_none_or(|it| it <= now);
        self.jobs.is_empty()
            && self.typing.is_none()
            && self.state == LineState::Idle
            && over(self.rests())
            && self.sent.is_over(longest, now)
    }
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            taps: VecDeque::new(),
            lines: BTreeMap::new(),
            sent: Log::default(),
            under_way: 0,
            counted: 0,
            waiting: 0,
            waiting_bytes: 0,
            paused: None,
            trouble: Trouble::default(),
            next: 0,
            state: State::Open,
        }
    }

    /// Nothing more comes.
    pub(super) fn close(&mut self) {
        if self.state == State::Open {
            self.state = State::Closing;
        }
    }

    /// Nobody carries any more: whoever waits is told.
    pub(super) fn end(&mut self) {
        self.state = State::Ended;
        self.taps.clear();
        self.lines.clear();
        (self.waiting, self.waiting_bytes, self.under_way, self.counted) = (0, 0, 0, 0);
    }

    /// What waits or is under way, signs of typing aside.
    pub(super) fn len(&self) -> usize {
        self.waiting + self.under_way
    }

    /// Takes a job, or tells whoever wants it why not.
    pub(super) fn put(&mut self, job: Job, now: Instant) {
        if self.state == State::Ended {
            return job.tell(Outcome::Failed(Failure::Closed));
        }
        if let Work::Typing(chat) = job.work {
            return self.put_typing(chat, job, now);
        }
        let Some(job) = self.supersede(job) else { return };
        if !self.has_room(&job) {
            return job.tell(Outcome::Failed(Failure::Full { waiting: self.waiting }));
        }
        self.waiting += 1;
        self.waiting_bytes += job.bytes();
        self.next += 1;
        match job.chat() {
            None => self.taps.push_back(job),
            Some(chat) => {
                let place = (job.priority(), self.next);
                self.lines.entry(chat).or_default().jobs.insert(place, job);
            }
        }
        if self.lines.len() > CHATS_KEPT {
            let longest = self.longest();
            self.lines.retain(|_, line| !line.is_forgettable(longest, now));
        }
    }

    /// A sign of typing is worth nothing later.
    fn put_typing(&mut self, chat: ChatId, job: Job, now: Instant) {
        let line = self.lines.entry(chat).or_default();
        let rests = line.rests().max(self.paused).max(self.trouble.until);
        if rests.is_none_or(|it| it <= now) {
            line.typing = Some(job);
        }
    }

    /// An edit takes the place of one of the same message that waits. `None`: it did.
    fn supersede(&mut self, job: Job) -> Option<Job> {
        let Work::Edit(edit, _) = &job.work else { return Some(job) };
        let Some(line) = self.lines.get_mut(&edit.chat) else { return Some(job) };
        let Some(place) = line.edit_of(edit.message) else { return Some(job) };
        let Some(older) = line.jobs.remove(&place) else { return Some(job) };
        // It keeps its place in line: a text that changes all the time is shown all the same.
        let place = (place.0.min(edit.priority), place.1);
        line.jobs.insert(place, newer(older, job));
        None
    }

    /// The last fifth is for what is urgent.
    fn has_room(&self, job: &Job) -> bool {
        let part = |limit: usize| match job.priority() {
            Priority::Stop | Priority::Card => limit,
            Priority::Reply | Priority::Stream => limit - limit / 5,
        };
        let line = job.chat().and_then(|it| self.lines.get(&it)).map_or(0, |it| it.jobs.len());
        self.waiting < part(self.limits.waiting)
            && line < part(self.limits.waiting_each)
            && self.waiting_bytes.saturating_add(job.bytes()) <= self.limits.waiting_bytes
    }

    fn longest(&self) -> Duration {
        let Limits { each_chat, each_group, overall, .. } = self.limits;
        each_chat.within.max(each_group.within).max(overall.within)
    }

    /// What is to be done now.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        if self.state != State::Open && self.len() == 0 {
            return Next::Over;
        }
        if let Some(until) = self.paused.max(self.trouble.until).filter(|it| *it > now) {
            return Next::Wait(Some(until));
        }
        // After a failure one request finds out whether it is over.
        let most = if self.trouble.failures > 0 { 1 } else { UNDER_WAY_MAX };
        if self.under_way >= most {
            return Next::Wait(None);
        }
        if let Some(job) = self.taps.pop_front() {
            return self.go(None, (Priority::Stop, 0), job);
        }
        match self.look(now) {
            Ready::Job(chat, place) => {
                let job = self.lines.get_mut(&chat).and_then(|it| it.jobs.remove(&place));
                job.map_or(Next::Wait(None), |job| self.go(Some(chat), place, job))
            }
            Ready::Typing(chat) => {
                let job = self.lines.get_mut(&chat).and_then(|it| it.typing.take());
                // It is not counted among what waits.
                self.waiting += usize::from(job.is_some());
                job.map_or(Next::Wait(None), |job| self.go(Some(chat), (Priority::Stream, 0), job))
            }
            Ready::Nothing(until) => Next::Wait(until),
        }
    }

    /// The most urgent job that may go, else a sign of typing, else when the first job may.
    fn look(&self, now: Instant) -> Ready {
        let mut best: Option<(ChatId, Place)> = None;
        let mut typing = None;
        let mut soonest: Option<Instant> = None;
        for (chat, line) in self.lines.iter().filter(|it| it.1.state == LineState::Idle) {
            if line.typing.is_some() && line.rests().is_none_or(|it| it <= now) {
                typing = Some(*chat);
            }
            let Some((place, job)) = line.jobs.first_key_value() else { continue };
            let more_urgent = best.is_none_or(|it| *place < it.1);
            match self.ready(*chat, line, job) {
                When::SomethingArrived => {}
                When::At(at) if at > now => soonest = Some(soonest.map_or(at, |it| it.min(at))),
                When::Now | When::At(_) if more_urgent => best = Some((*chat, *place)),
                When::Now | When::At(_) => {}
            }
        }
        match (best, typing) {
            (Some((chat, place)), _) => Ready::Job(chat, place),
            (None, Some(chat)) => Ready::Typing(chat),
            (None, None) => Ready::Nothing(soonest),
        }
    }

    fn ready(&self, chat: ChatId, line: &Line, job: &Job) -> When {
        let rests = When::from(line.rests());
        if job.cost() == Cost::Free {
            return rests;
        }
        let Limits { each_chat, each_group, overall, .. } = self.limits;
        let priority = job.priority();
        let own = line.sent.free(each_chat, 0);
        let group = if chat.is_group() { line.sent.free(each_group.of(priority), 0) } else { When::Now };
        let all = self.sent.free(overall.of(priority), self.counted);
        rests.max(own).max(group).max(all)
    }

    fn go(&mut self, chat: Option<ChatId>, place: Place, job: Job) -> Next {
        let cost = job.cost();
        self.waiting = self.waiting.saturating_sub(1);
        self.waiting_bytes = self.waiting_bytes.saturating_sub(job.bytes());
        self.under_way += 1;
        self.counted += usize::from(cost == Cost::Message);
        if let Some(line) = chat.and_then(|it| self.lines.get_mut(&it)) {
            line.state = LineState::Busy;
        }
        Next::Go(Ticket { chat, place, cost }, job)
    }

    /// A request has ended. `job` is nothing if it was lost on the way.
    pub(super) fn finished(&mut self, ticket: Ticket, job: Option<(Job, Outcome)>, now: Instant) {
        if self.state == State::Ended {
            return;
        }
        self.under_way = self.under_way.saturating_sub(1);
        let longest = self.longest();
        if ticket.cost == Cost::Message {
            self.counted = self.counted.saturating_sub(1);
            self.sent.add(now, longest);
        }
        if let Some(line) = ticket.chat.and_then(|it| self.lines.get_mut(&it)) {
            line.state = LineState::Idle;
            if ticket.cost == Cost::Message {
                line.sent.add(now, longest);
            }
        }
        match job {
            Some((job, Outcome::Failed(failure))) => self.failed(ticket, job, failure, now),
            Some((job, outcome)) => {
                self.trouble = Trouble::default();
                if let Some(line) = ticket.chat.and_then(|it| self.lines.get_mut(&it)) {
                    line.trouble = Trouble::default();
                }
                job.tell(outcome);
            }
            None => {}
        }
    }

    fn failed(&mut self, ticket: Ticket, job: Job, failure: Failure, now: Instant) {
        let patience = match &failure {
            Failure::Throttled { retry_after, .. } => {
                self.trouble = Trouble::default();
                self.throttle(ticket.chat, now + *retry_after + THROTTLE_MARGIN, now);
                UNREACHABLE_FOR
            }
            Failure::Network { .. } | Failure::TooSlow { .. } => {
                self.trouble.grow(now);
                UNREACHABLE_FOR
            }
            passing if passing.is_passing() => {
                match ticket.chat.and_then(|it| self.lines.get_mut(&it)) {
                    // Something answered, and may answer others better.
                    Some(line) => {
                        self.trouble = Trouble::default();
                        line.trouble.grow(now);
                    }
                    None => self.trouble.grow(now),
                }
                SENSELESS_FOR
            }
            // It was reached, and said no.
            _ => {
                self.trouble = Trouble::default();
                return job.tell(Outcome::Failed(failure));
            }
        };
        let patience = if matches!(job.work, Work::Tap { .. }) { TAP_FOR } else { patience };
        if now.saturating_duration_since(job.since) >= patience {
            return job.tell(Outcome::Failed(failure));
        }
        self.put_back(ticket, job);
    }

    /// Telegram does not say whether it means the chat or the bot. When a second chat is told so, it means the bot.
    fn throttle(&mut self, chat: Option<ChatId>, until: Instant, now: Instant) {
        let others = self
            .lines
            .iter()
            .any(|(id, line)| Some(*id) != chat && line.throttled.is_some_and(|it| it > now));
        if others || chat.is_none() {
            self.paused = self.paused.max(Some(until));
        }
        if let Some(line) = chat.and_then(|it| self.lines.get_mut(&it)) {
            line.throttled = line.throttled.max(Some(until));
        }
    }

    /// Into its old place, whatever waits there already.
    fn put_back(&mut self, ticket: Ticket, job: Job) {
        if matches!(job.work, Work::Typing(_)) {
            return;
        }
        let Some(chat) = ticket.chat else {
            self.waiting += 1;
            return self.taps.push_front(job);
        };
        let line = self.lines.entry(chat).or_default();
        let waiting = if let Work::Edit(edit, _) = &job.work { line.edit_of(edit.message) } else { None };
        match waiting.and_then(|place| line.jobs.remove(&place)) {
            Some(younger) => {
                line.jobs.insert(ticket.place.min(waiting.unwrap_or(ticket.place)), newer(job, younger));
            }
            None => {
                self.waiting += 1;
                self.waiting_bytes += job.bytes();
                line.jobs.insert(ticket.place, job);
            }
        }
    }
}

/// What two edits of one message become. New buttons alone go below the text that waits.
fn newer(older: Job, younger: Job) -> Job {
    match (older.work, younger.work) {
        (Work::Edit(old, tell_old), Work::Edit(mut new, tell)) => {
            if let (Change::Text { text, .. }, Change::Keyboard(keyboard)) = (old.change, &new.change) {
                new.change = Change::Text { text, keyboard: keyboard.clone() };
            }
            new.priority = new.priority.min(old.priority);
            // Nobody has to listen.
            drop(tell_old.send(Ok(Shown::Superseded)));
            Job { work: Work::Edit(new, tell), since: younger.since }
        }
        // Only edits meet here.
        (_, work) => Job { work, since: younger.since },
    }
}
