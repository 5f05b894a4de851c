//! `leashd exec`: one prompt, one turn, an exit status.

use crate::boot::{self, Session};
use crate::claude;
use crate::cli::ExecArgs;
use crate::failure::{Exit, Failure};
use crate::self_check;
use crate::settings::Settings;
use leashd_connectors::terminal::{self, Colour, Ending, ExecOptions, How, Keys, Output};
use leashd_types::{Approver, TurnOutcome};
use std::io::Read;

/// Bytes of a prompt read from standard input.
const PROMPT_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn run(args: ExecArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let prompt = match args.prompt.as_str() {
        "-" => read_prompt()?,
        _ => args.prompt,
    };
    if prompt.trim().is_empty() {
        return Err(Failure::usage("the prompt is empty").hint("leashd exec \"fix the failing test\""));
    }
    let output = if args.json { Output::Json } else { Output::Text };
    let keys = if output == Output::Json { Keys::None } else { Keys::detect() };
    let ending = boot::with_runtime(async {
        let (plan, agent) = claude::plan(&settings, &args.session, keys).await?;
        let session = Session::prepare(&settings, plan).await?;
        eprintln!("{}", session.says());
        self_check::check(&settings, &agent, &session, keys).await?;
        let options = ExecOptions {
            session: session.id().clone(),
            person: boot::person(),
            prompt,
            output,
            keys,
            colour: Colour::detect(),
        };
        Ok::<_, Failure>(session.run(|desk| terminal::exec(desk, options)).await?)
    })??;
    exit_of(&ending)
}

fn read_prompt() -> Result<String, Failure> {
    let mut prompt = String::new();
    std::io::stdin().lock().take(PROMPT_BYTES_MAX).read_to_string(&mut prompt)?;
    Ok(prompt)
}

/// The exit status a turn deserves.
pub(crate) fn exit_of(ending: &Ending) -> Result<Exit, Failure> {
    match &ending.how {
        How::Interrupted | How::Turn { outcome: TurnOutcome::Interrupted, .. } => Ok(Exit::Interrupted),
        How::Session { reason } => Err(Failure::new(Exit::Agent, format!("the session ended: {reason}"))),
        How::Turn { outcome, last_denial } => Ok(match outcome {
            TurnOutcome::Completed => match last_denial {
                None => Exit::Done,
                Some(Approver::Nobody) if ending.somebody_was_there => Exit::AskTimedOut,
                Some(_) => Exit::Denied,
            },
            TurnOutcome::ApiError { status: None | Some(429 | 500..=599), .. } => Exit::TryLater,
            TurnOutcome::BudgetExhausted => Exit::BudgetExhausted,
            TurnOutcome::ApiError { .. } | TurnOutcome::MaxTurns | TurnOutcome::Failed { .. } => Exit::Failed,
            TurnOutcome::Interrupted => Exit::Interrupted,
        }),
    }
}
