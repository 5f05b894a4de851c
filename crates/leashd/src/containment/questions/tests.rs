//! Whose reply opens a host, and whose does not.

use super::{Questions, Reply};
use crate::clock;
use leashd_agents::AfterDenial;
use leashd_gate::{AuditLog, Durability, Gate, Interactive, Outcome, Secrets, Snapshot};
use leashd_policy::{Rules, Source};
use leashd_proxy::{EgressEvent, EgressLimits, EgressProxy, HostList, Listener, SystemResolver, Visitor};
use leashd_types::{
    AgentEvent, AgentKind, Attendance, CallId, Containment, Facts, GitGrants, Mode, NETWORK_TOOL, SessionId,
    ToolCall,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const EVERYTHING: &str = "version: \"1.0\"\nname: all\nsettings:\n  default_action: allow\n";

struct Desk {
    gate: Gate,
    snapshot: Snapshot,
    _home: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("home/audit.jsonl");
        let audit = AuditLog::open(&log, Durability::default(), Secrets::default()).unwrap();
        let rules = Rules::load(&[Source::user("all", EVERYTHING)]).unwrap();
        let real = |path: &Path| leashd_sandbox::resolve(path, Path::new("/")).unwrap().0;
        let facts = Facts {
            cwd: real(home.path()),
            home: real(home.path()),
            approved: vec![real(home.path())],
            temporary: vec![],
            protected: vec![],
            containment: Containment::NotProven,
            attendance: Attendance::Attended,
            mode: Mode::Default,
            git_grants: GitGrants::default(),
            paths: BTreeMap::new(),
            files: BTreeMap::new(),
            globs: BTreeMap::new(),
        };
        let snapshot = Snapshot {
            generation: rules.generation(),
            rules: Arc::new(rules),
            facts,
            grants: vec![],
            interactive: Interactive::Somebody,
        };
        Self { gate: Gate::new(audit, clock::now), snapshot, _home: home }
    }

    /// What the gate says to a call of this name, whoever gave it the name.
    fn permit(&self, id: &CallId, tool: &str, input: Value) -> Reply {
        let call = ToolCall {
            agent: if tool == NETWORK_TOOL { AgentKind::Leashd } else { AgentKind::Claude },
            session: SessionId::new("s"),
            tool: tool.to_owned(),
            input,
            cwd: "/".into(),
            id: id.clone(),
            subagent: None,
        };
        self.gate.forget_call(&call.session, id);
        match self.gate.begin(call, &self.snapshot) {
            Outcome::Permit(permit) => Reply::Allow(Box::new(permit)),
            other => panic!("{other:?}"),
        }
    }
}

/// A command that wants to reach a host through a real proxy, and the question that came of it.
struct Wanting {
    questions: Questions,
    calls: mpsc::Receiver<AgentEvent>,
    client: TcpStream,
    proxy: Arc<EgressProxy>,
    key: leashd_proxy::Secret,
    _events: mpsc::Receiver<EgressEvent>,
}

impl Wanting {
    async fn new() -> (Self, ToolCall) {
        let (asks, asked) = mpsc::channel(8);
        let (sender, events) = mpsc::channel(64);
        let limits = EgressLimits::default();
        let proxy = Arc::new(EgressProxy::new(Box::new(SystemResolver), Some(asks), limits, sender));
        let listener = Listener::loopback(0).await.unwrap();
        let address = listener.address().unwrap();
        let serving = Arc::clone(&proxy).serve(listener);
        tokio::spawn(async move { match serving.await {} });
        let call = CallId::new("toolu_1");
        let visitor = Visitor::new(SessionId::new("s"), Some(call.clone()), HostList::default());
        let key = proxy.visitors().issue(visitor).unwrap();
        let questions = Questions::new(asked, "/".into());
        questions.runs(&call, "make install");
        let calls = questions.calls().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let mut wanting = Self { questions, calls, client, proxy, key, _events: events };
        wanting.ask().await;
        let AgentEvent::ToolCall(call) = wanting.calls.recv().await.unwrap() else { panic!() };
        (wanting, call)
    }

    async fn ask(&mut self) {
        use base64::Engine;
        let key = base64::engine::general_purpose::STANDARD.encode(format!("leashd:{}", self.key.expose()));
        let request =
            format!("CONNECT wanted.invalid:443 HTTP/1.1\r\nProxy-Authorization: Basic {key}\r\n\r\n");
        self.client.write_all(request.as_bytes()).await.unwrap();
    }

    async fn hears(&mut self) -> String {
        let mut text = vec![0; 4096];
        let count = self.client.read(&mut text).await.unwrap();
        String::from_utf8_lossy(text.get(..count).unwrap()).into_owned()
    }
}

#[tokio::test]
async fn only_a_permit_for_the_host_opens_it_however_a_call_is_named() {
    let desk = Desk::new();
    let (mut wanting, call) = Wanting::new().await;
    let url = json!({"url": "wanted.invalid:443"});
    assert_eq!(call.tool, NETWORK_TOOL);
    assert_eq!(call.input, json!({"url": "wanted.invalid:443", "asked_by": "make install"}));
    // What an agent can know: the name of its own call, and where its command goes.
    for guess in ["toolu_1", "toolu_1:wanted.invalid:443", "toolu_1:", "s:wanted.invalid:443"] {
        let id = CallId::new(guess);
        for reply in [
            desk.permit(&id, "Bash", json!({"command": "ls"})),
            desk.permit(&id, NETWORK_TOOL, url.clone()),
            Reply::Deny { message: "no".to_owned(), then: AfterDenial::Continue },
        ] {
            assert!(wanting.questions.answer(&id, reply).is_some(), "{guess}");
        }
    }
    // What it cannot: the very name. Even so a permit for something else is none for the host.
    for (tool, input) in [
        ("Bash", json!({"command": "ls", "url": "wanted.invalid:443"})),
        (NETWORK_TOOL, json!({"url": "other.invalid:443"})),
    ] {
        let reply = desk.permit(&call.id, tool, input);
        assert!(wanting.questions.answer(&call.id, reply).is_some(), "{tool}");
    }
    let reply = desk.permit(&call.id, NETWORK_TOOL, url);
    assert!(wanting.questions.answer(&call.id, reply).is_none());
    let said = wanting.hears().await;
    assert!(said.starts_with("HTTP/1.1 502") && said.contains("cannot be resolved"), "{said}");
}

#[tokio::test]
async fn the_same_question_never_has_the_same_name() {
    let (_one, first) = Wanting::new().await;
    let (_other, second) = Wanting::new().await;
    assert_ne!(first.id, second.id);
    assert!(first.id.as_str().starts_with("toolu_1:"), "{}", first.id);
}

#[tokio::test]
async fn a_command_that_is_over_takes_its_question_back() {
    let (mut wanting, call) = Wanting::new().await;
    wanting.proxy.visitors().revoke(&wanting.key);
    let withdrawn = wanting.calls.recv().await.unwrap();
    assert!(matches!(withdrawn, AgentEvent::Withdrawn { call: id } if id == call.id));
    // What is still said about it is nobody's, and nothing stays.
    let reply = Reply::Deny { message: "late".to_owned(), then: AfterDenial::Continue };
    assert!(wanting.questions.answer(&call.id, reply).is_none());
    assert!(super::held(&wanting.questions.open).is_empty());
}
