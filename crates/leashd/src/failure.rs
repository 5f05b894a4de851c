//! How a command of leashd ends badly: what failed, on what, what to do next, and the exit status.

use std::fmt;
use std::process::ExitCode;

/// Exit statuses, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done; for a judgement: allow.
    Done = 0,
    Failed = 1,
    Usage = 2,
    /// A judgement: a person would be asked.
    Ask = 3,
    /// A judgement: deny. For a turn: it ended on a denial.
    Denied = 4,
    /// Nobody answered in time.
    AskTimedOut = 5,
    /// The walls cannot be put up, or are not proven to hold.
    NotContained = 6,
    BudgetExhausted = 7,
    /// The agent is missing, too old, or did not hold what it must; or no daemon answers.
    Agent = 8,
    /// A passing fault of somebody else's service.
    TryLater = 75,
    Interrupted = 130,
}

impl Exit {
    /// The one whose number another leashd gave; what is none of ours counts as failed.
    pub(crate) fn from_status(status: u8) -> Self {
        const ALL: [Exit; 11] = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Ask,
            Exit::Denied,
            Exit::AskTimedOut,
            Exit::NotContained,
            Exit::BudgetExhausted,
            Exit::Agent,
            Exit::TryLater,
            Exit::Interrupted,
        ];
        ALL.into_iter().find(|exit| *exit as u8 == status).unwrap_or(Exit::Failed)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// An error as a person sees it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), hint: None }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, message)
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What went wrong and what to do, where both have to stand in one text.
    pub(crate) fn in_one(self) -> String {
        match self.hint {
            Some(hint) => format!("{}\nhint: {hint}", self.message),
            None => self.message,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "leashd: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::failed(error)
    }
}
