//! `leashd demo`: the real pipeline on a built-in script. Needs no account and no network, and touches nothing outside a
//! temporary directory.

mod script;

use crate::boot::{self, Plan, Session};
use crate::claude;
use crate::cli::{DemoAgent, DemoArgs};
use crate::commands::audit;
use crate::failure::{Exit, Failure};
use crate::settings::{Sandboxing, Settings};
use leashd_agents::messages_api::MessagesApi;
use leashd_agents::{Act, Agent, Scripted};

use leashd_connectors::terminal::{self, Colour, ExecOptions, Keys, Output};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The demo's own places.
struct Stage {
    home: PathBuf,
    project: PathBuf,
    settings: Settings,
}

pub(crate) fn run(args: &DemoArgs) -> Result<Exit, Failure> {
    let directory = crate::containment::places::temporary("leashd-demo-")?;
    let stage = Stage::new(directory.path(), args.agent)?;
    script::lay_out(&stage.home, &stage.project)?;
    eprintln!(
        "An agent tries {} things in {}.",
        script::calls(&stage.project).len(),
        stage.project.display()
    );
    boot::with_runtime(async {
        // Lives as long as the session that talks to it.
        let api = MessagesApi::start().await?;
        let session = Session::prepare(&stage.settings, stage.plan(args.agent, &api).await?).await?;
        eprintln!("{}", session.says());
        let options = ExecOptions {
            session: session.id().clone(),
            person: boot::person(),
            prompt: match args.agent {
                DemoAgent::Scripted => "Show what you can do.".to_owned(),
                DemoAgent::Claude => prompt(&stage.project),
            },
            output: Output::Explained,
            keys: Keys::detect(),
            colour: Colour::detect(),
        };
        session.run(|desk| terminal::exec(desk, options)).await?;
        Ok::<_, Failure>(())
    })??;
    let log = &stage.settings.audit_log;
    let report = leashd_gate::audit::verify(log).map_err(Failure::failed)?;
    say!("audit log {}", audit::describe(log, &report));
    Ok(if report.is_intact() { Exit::Done } else { Exit::Failed })
}

const LAST_WORDS: &str = "That is all I wanted to try.\n";

/// The script for the built-in agent.
fn acts(project: &Path) -> Vec<Act> {
    let calls = script::calls(project).into_iter();
    calls
        .map(|(tool, input)| Act::Use { tool: tool.to_owned(), input })
        .chain([Act::Say(LAST_WORDS.to_owned())])
        .collect()
}

/// The same script for the built-in API: it rides in the prompt.
fn prompt(project: &Path) -> String {
    let mut items: Vec<Value> =
        script::calls(project).iter().map(|(tool, input)| json!({"tool": tool, "input": input})).collect();
    items.push(json!({"text": LAST_WORDS}));
    format!("SCRIPT:{}", Value::Array(items))
}

impl Stage {
    fn new(directory: &Path, agent: DemoAgent) -> Result<Self, Failure> {
        // The real path: a temporary directory is often behind a symlink.
        let directory = directory.canonicalize()?;
        let (home, project) = (directory.join("home"), directory.join("project"));
        let lookup = |name: &str| (name == "HOME").then(|| home.clone().into_os_string());
        // Around Claude Code there are no walls here: what it shows is the gate.
        let sandbox = match agent {
            DemoAgent::Scripted => Sandboxing::Auto,
            DemoAgent::Claude => Sandboxing::Off,
        };
        Ok(Self { settings: Settings { sandbox, ..Settings::read(&lookup)? }, home, project })
    }

    async fn plan(&self, agent: DemoAgent, api: &MessagesApi) -> Result<Plan, Failure> {
        let environment = self.environment(api);
        let agent: Arc<dyn Agent> = match agent {
            DemoAgent::Scripted => {
                Arc::new(Scripted::new(vec![acts(&self.project)], Path::new(claude::SUPERVISOR)))
            }
            DemoAgent::Claude => Arc::new(claude::find(&environment).await?),
        };
        Ok(Plan {
            workspace: None,
            agent,
            // What the demo shows is the gate.
            program: None,
            directory: self.project.clone(),
            policy: Vec::new(),
            model: None,
            resume: None,
            keys: Keys::detect(),
            environment,
            config_directory: None,
        })
    }

    /// Nothing of the person's own environment but the way to programs.
    fn environment(&self, api: &MessagesApi) -> Vec<(OsString, OsString)> {
        vec![
            ("HOME".into(), self.home.clone().into()),
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ("TERM".into(), std::env::var_os("TERM").unwrap_or_default()),
            ("ANTHROPIC_BASE_URL".into(), api.url().into()),
            ("ANTHROPIC_API_KEY".into(), "demo".into()),
        ]
    }
}
