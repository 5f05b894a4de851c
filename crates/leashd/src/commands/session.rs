//! `leashd sessions`: what is open, and ending what runs there.

use super::answer::receipt;
use super::status::session_line;
use super::talk::{self, one_line, only, print, print_json};
use crate::cli::{SessionsArgs, SessionsCommand};
use crate::daemon::api::EnvelopeBody;
use crate::daemon::client::Client;
use crate::failure::{Exit, Failure};
use leashd_types::{Command, Form, SessionId, SessionView};

pub(crate) fn run(args: &SessionsArgs) -> Result<Exit, Failure> {
    talk::with_daemon(|client| async move {
        let sessions: Vec<SessionView> = client.get("/v1/sessions").await?;
        match &args.command {
            None | Some(SessionsCommand::List) => list(&sessions, args),
            Some(SessionsCommand::Show { session }) => show(find(&sessions, session)?, args),
            Some(SessionsCommand::Interrupt { session }) => {
                tell(&client, find(&sessions, session)?, |session| Command::Interrupt { session }).await
            }
            Some(SessionsCommand::Stop { session }) => {
                tell(&client, find(&sessions, session)?, |session| Command::Stop { session }).await
            }
            Some(SessionsCommand::Close { session }) => {
                tell(&client, find(&sessions, session)?, |session| Command::Close { session }).await
            }
        }
    })
}

fn list(sessions: &[SessionView], args: &SessionsArgs) -> Result<Exit, Failure> {
    for session in sessions {
        if args.json {
            print_json(session)?;
        } else {
            print(&session_line(session))?;
        }
    }
    if sessions.is_empty() && !args.json {
        eprintln!("no session is open");
    }
    Ok(Exit::Done)
}

fn show(session: &SessionView, args: &SessionsArgs) -> Result<Exit, Failure> {
    if args.json {
        print_json(session)?;
        return Ok(Exit::Done);
    }
    print(&session_line(session))?;
    print(&format!("  session    {}", session.session))?;
    print(&format!("  mode       {:?}", session.mode).to_lowercase())?;
    print(&format!("  waiting    {} messages", session.queued))?;
    print(&format!("  contained  {}", one_line(&session.containment)))?;
    for ask in &session.open_asks {
        print(&format!("  ask        {}", super::inbox::ask_line(ask)))?;
    }
    Ok(Exit::Done)
}

fn find<'a>(sessions: &'a [SessionView], given: &str) -> Result<&'a SessionView, Failure> {
    only("session", given, sessions, |session| session.session.as_str())?.ok_or_else(|| {
        Failure::failed(format!("no open session is called {given:?}")).hint("leashd sessions lists them")
    })
}

async fn tell(
    client: &Client,
    session: &SessionView,
    command: impl FnOnce(SessionId) -> Command,
) -> Result<Exit, Failure> {
    // In the session's own chat nothing is known of who speaks here; the terminal may say this of any session.
    let body = EnvelopeBody {
        chat: super::answer::CHAT.to_owned(),
        form: Form::Command,
        command: command(session.session.clone()),
    };
    receipt(&client.deliver(&body).await?)
}
