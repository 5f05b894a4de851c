//! `leashd exec`: one prompt, one turn, an exit status. Through the daemon that runs, else in this process.

use super::{opening, talk};
use crate::boot::{self, Session};
use crate::claude;
use crate::cli::{ExecArgs, SessionArgs};
use crate::daemon::client::Client;
use crate::daemon::remote_desk;
use crate::failure::{Exit, Failure};
use crate::self_check;
use crate::settings;
use leashd_connectors::Person;
use leashd_connectors::terminal::{self, Colour, Ending, ExecOptions, How, Keys, Output};
use leashd_types::{Approver, Attended, Chat, ConnectorKind, SessionId, TurnOutcome};
use std::io::Read;

/// Bytes of a prompt read from standard input.
const PROMPT_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn run(args: ExecArgs) -> Result<Exit, Failure> {
    let prompt = match args.prompt.as_str() {
        "-" => read_prompt()?,
        _ => args.prompt,
    };
    if prompt.trim().is_empty() {
        return Err(Failure::usage("the prompt is empty").hint("leashd exec \"fix the failing test\""));
    }
    let output = if args.json { Output::Json } else { Output::Text };
    let keys = if output == Output::Json { Keys::None } else { Keys::detect() };
    let request = Request { prompt, output, keys };
    // Whether anybody can answer what is asked.
    let attended = match keys {
        Keys::Terminal => Attended::Somebody,
        Keys::None if args.inbox => Attended::Somebody,
        Keys::None => Attended::Nobody,
    };
    let home = talk::home()?;
    let client = if args.no_daemon { None } else { Client::find(&home)? };
    let ending = match client {
        Some(client) => boot::with_runtime(through_daemon(client, &args.session, request, attended))?,
        None if args.inbox => {
            return Err(Client::require(&home).map_or_else(|failure| failure, |_| started_meanwhile()));
        }
        None => in_process(&args.session, request),
    }?;
    exit_of(&ending, attended)
}

/// What is to be said, and how it is shown.
struct Request {
    prompt: String,
    output: Output,
    keys: Keys,
}

impl Request {
    fn options(self, session: SessionId, person: Person) -> ExecOptions {
        let Self { prompt, output, keys } = self;
        ExecOptions { session, person, prompt, output, keys, colour: Colour::detect() }
    }
}

fn started_meanwhile() -> Failure {
    Failure::new(Exit::TryLater, "leashd started just now").hint("run this again")
}

/// A session of the daemon's, in a chat of its own that ends with the turn.
async fn through_daemon(
    client: Client,
    args: &SessionArgs,
    request: Request,
    attended: Attended,
) -> Result<Ending, Failure> {
    let session = boot::session_id(args.resume.as_deref())?;
    let person =
        Person { chat: Chat::new(ConnectorKind::Terminal, format!("exec-{session}")), user: boot::user() };
    let place = opening::place(args)?;
    let order = opening::order(args, &place, &session, attended)?;
    // From here on nothing of the session is missed.
    let desk = remote_desk::open(&client, &session).await?;
    opening::open(&desk, &person, order, &place).await?;
    Ok(terminal::exec(desk, request.options(session, person)).await?)
}

fn in_process(args: &SessionArgs, request: Request) -> Result<Ending, Failure> {
    let place = opening::place(args)?;
    // What the project wanted in vain is said by the session.
    let settings = settings::load(Some(&place.directory))?.settings;
    let keys = request.keys;
    boot::with_runtime(async {
        let (plan, agent) = claude::plan(args, &place.directory, keys).await?;
        let session = Session::prepare(&settings, plan).await?;
        eprintln!("{}", session.says());
        if let Some(warning) = self_check::check(&settings, &agent, &session.checked(), keys).await? {
            eprintln!("! {warning}");
        }
        let options = request.options(session.id().clone(), boot::person());
        Ok::<_, Failure>(session.run(|desk| terminal::exec(desk, options)).await?)
    })?
}

fn read_prompt() -> Result<String, Failure> {
    let mut prompt = String::new();
    std::io::stdin().lock().take(PROMPT_BYTES_MAX).read_to_string(&mut prompt)?;
    Ok(prompt)
}

/// The exit status a turn deserves.
fn exit_of(ending: &Ending, attended: Attended) -> Result<Exit, Failure> {
    match &ending.how {
        How::Interrupted | How::Turn { outcome: TurnOutcome::Interrupted, .. } => Ok(Exit::Interrupted),
        // Why stands above.
        How::Session { reason: _ } => Err(Failure::new(Exit::Agent, "the session ended before the turn did")),
        How::Turn { outcome, last_denial } => Ok(match outcome {
            TurnOutcome::Completed => match last_denial {
                None => Exit::Done,
                // Somebody could have answered, at this terminal or another.
                Some(Approver::Nobody) if attended == Attended::Somebody => Exit::AskTimedOut,
                Some(_) => Exit::Denied,
            },
            TurnOutcome::ApiError { status: None | Some(429 | 500..=599), .. } => Exit::TryLater,
            TurnOutcome::BudgetExhausted => Exit::BudgetExhausted,
            TurnOutcome::ApiError { .. } | TurnOutcome::MaxTurns | TurnOutcome::Failed { .. } => Exit::Failed,
            TurnOutcome::Interrupted => Exit::Interrupted,
        }),
    }
}
