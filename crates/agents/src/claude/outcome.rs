//! How a turn ended, out of the several places Claude Code says it in. Knows one result frame.

use crate::claude::frame::TurnResult;
use leashd_types::TurnOutcome;

impl TurnResult {
    pub(crate) fn outcome(&self) -> TurnOutcome {
        match (self.subtype.as_str(), self.terminal_reason.as_str()) {
            ("error_max_turns", _) | (_, "max_turns") => TurnOutcome::MaxTurns,
            ("error_max_budget_usd", _) | (_, "budget_exhausted") => TurnOutcome::BudgetExhausted,
            (_, "aborted_tools" | "aborted_streaming") => TurnOutcome::Interrupted,
            // A failed API call is a "success" with an error flag; 2.1.197 even leaves the reason "completed".
            ("success", _) if self.is_error => {
                TurnOutcome::ApiError { status: self.api_status, message: self.text.clone() }
            }
            ("success", "" | "completed") => TurnOutcome::Completed,
            ("success", reason) => TurnOutcome::Failed { message: format!("the turn ended with `{reason}`") },
            (subtype, _) if self.errors.is_empty() => TurnOutcome::Failed { message: subtype.to_owned() },
            _ => TurnOutcome::Failed { message: self.errors.clone() },
        }
    }
}
