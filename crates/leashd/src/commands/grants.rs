//! `leashd grants`: what "allow for this session" gave, and taking it back.

use super::answer::{CHAT, receipt};
use super::talk::{self, ago, one_line, only, print, print_json, short};
use crate::cli::{GrantsArgs, GrantsCommand};
use crate::clock;
use crate::daemon::api::EnvelopeBody;
use crate::failure::{Exit, Failure};
use leashd_types::{Command, Form, GrantRow};

pub(crate) fn run(args: &GrantsArgs) -> Result<Exit, Failure> {
    talk::with_daemon(|client| async move {
        let grants: Vec<GrantRow> = client.get("/v1/grants").await?;
        let wanted = match &args.command {
            None | Some(GrantsCommand::List) => return list(&grants, args),
            Some(GrantsCommand::Revoke { grant }) => grant,
        };
        let grant = only("grant", wanted, &grants, |grant| grant.id.as_str())?.ok_or_else(|| {
            Failure::failed(format!("no grant is called {wanted:?}")).hint("leashd grants lists them")
        })?;
        let command = Command::Revoke { grant: grant.id.clone() };
        let body = EnvelopeBody { chat: CHAT.to_owned(), form: Form::Command, command };
        receipt(&client.deliver(&body).await?)
    })
}

fn list(grants: &[GrantRow], args: &GrantsArgs) -> Result<Exit, Failure> {
    let now = clock::now();
    for grant in grants {
        if args.json {
            print_json(grant)?;
            continue;
        }
        print(&format!(
            "{}  session {}  {}  by {}, {} ago",
            grant.id,
            short(grant.session.as_str()),
            one_line(&grant.rule),
            grant.by,
            ago(grant.given, now)
        ))?;
    }
    if grants.is_empty() && !args.json {
        eprintln!("nothing was allowed for the rest of a session");
    }
    Ok(Exit::Done)
}
