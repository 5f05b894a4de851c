//! The network of a contained session: one loopback for all of it, and out of it only what was permitted, or what a
//! person said yes to. The witness is the file, the listener, the audit log or the terminal.

use crate::support::{Bench, call, script, shell, shown};
use leashd_testkit::Terminal;
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;

/// Everything goes, but a new host is a question and one of them an answer.
const POLICY: &str = "version: \"1.0\"
name: hosts
rules:
  - name: never
    effects: [network]
    hosts: [\"never.invalid\"]
    action: deny
    reason: Not this one
  - name: new-host
    tools: [Network]
    action: require_approval
    reason: A command wants to reach a host
settings:
  default_action: allow
";

/// `make HOST` connects there, which the judge cannot see.
const MAKEFILE: &str =
    "%:\n\t-curl -sS --max-time 60 http://$@.invalid/ > $@.txt 2>&1\n\techo ran >> $@.txt\n";

struct Net {
    bench: Bench,
    policy: String,
}

impl Net {
    fn new() -> Self {
        let bench = Bench::new();
        bench.rig.write("project/Makefile", MAKEFILE);
        let policy = bench.rig.write("policy.yaml", POLICY).display().to_string();
        Self { bench, policy }
    }

    fn made(&self, name: &str) -> String {
        fs::read_to_string(self.bench.rig.project().join(name)).unwrap_or_default()
    }

    /// Entries of leashd's own calls: decision, rule, who, and the call.
    fn asked(&self) -> Vec<(String, String, String)> {
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let entries = self.bench.audit().into_iter().filter(|entry| entry["tool_name"] == "Network");
        entries
            .map(|entry| (text(&entry, "event"), text(&entry, "decision"), text(&entry, "approver_type")))
            .collect()
    }

    fn network(&self) -> Vec<(String, bool, String)> {
        let entries = self.bench.audit().into_iter().filter(|entry| entry["event"] == "network");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        entries
            .map(|entry| (text(&entry["target"]), entry["allowed"] == true, text(&entry["detail"])))
            .collect()
    }
}

#[track_caller]
fn expect(found: &[(String, String, String)], expected: &[(&str, &str, &str)]) {
    let found: Vec<_> = found.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_new_host_is_a_question() {
    let net = Net::new();
    let prompt = script(&[shell("make yes"), shell("make no"), shell("make yes"), shell("make never")]);
    let mut command = net.bench.leashd(&["exec", "--policy", &net.policy, &prompt]);
    let mut terminal = Terminal::spawn(&mut command);
    terminal.expect("CONNECT yes.invalid:80");
    terminal.expect("for: make yes");
    terminal.expect("Approve for this session: Network: yes.invalid:80");
    terminal.type_keys("s");
    terminal.expect("CONNECT no.invalid:80");
    terminal.expect("Reject");
    terminal.type_keys("r");
    let output = terminal.wait();
    let network = net.network();
    let (last, details) = (network.len(), network.iter().map(|(target, _, why)| (target.as_str(), why)));
    let details: Vec<_> = details.collect();
    // A name that leads nowhere: whoever was let through learns that, and the others why not.
    assert_eq!(last, 4, "{output:?} {network:?}");
    for (at, target, why) in [
        (0, "yes.invalid", "cannot be resolved"),
        (1, "no.invalid", "rule new-host: it was denied"),
        (2, "yes.invalid", "cannot be resolved"),
        (3, "never.invalid", "rule never: Not this one"),
    ] {
        assert!(details[at].0.starts_with(target) && details[at].1.contains(why), "{details:?}");
    }
    expect(
        &net.asked(),
        &[
            ("tool_attempt", "ask", "policy"),
            ("approval", "allow", "human"),
            ("tool_attempt", "ask", "policy"),
            ("approval", "deny", "human"),
            ("tool_attempt", "allow", "grant"),
            ("tool_attempt", "deny", "policy"),
        ],
    );
    assert!(net.made("no.txt").contains("leashd: no connection to no.invalid"), "{}", net.made("no.txt"));
    assert!(net.made("never.txt").ends_with("ran\n"));
}

#[test]
fn with_nobody_there_a_new_host_is_denied_and_the_command_goes_on() {
    let net = Net::new();
    let output = net.bench.exec(&["--policy", &net.policy], &[shell("make new")]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    expect(&net.asked(), &[("tool_attempt", "deny", "nobody")]);
    let network = net.network();
    assert!(matches!(network.as_slice(), [(_, false, why)] if why.contains("nobody to ask")), "{network:?}");
    assert!(net.made("new.txt").ends_with("ran\n"));
}

#[test]
fn what_a_permit_names_is_not_asked_about() {
    let net = Net::new();
    let items = [shell("curl -sS http://named.invalid/"), shell("env > environment")];
    let output = net.bench.exec(&["--policy", &net.policy], &items);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    expect(&net.asked(), &[]);
    let network = net.network();
    assert!(matches!(network.as_slice(), [(_, false, why)] if why.contains("resolved")), "{network:?}");
    assert!(!net.made("environment").contains("sk-ant"));
}

#[test]
fn one_loopback_for_the_session_and_not_this_machines() {
    let net = Net::new();
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    outside.set_nonblocking(true).unwrap();
    let port = outside.local_addr().unwrap().port();
    net.bench.rig.write("project/page.txt", "a page\n");
    let serve = "python3 -m http.server 8123 --bind 127.0.0.1 > server.log 2>&1 & \
                 until curl -sf http://localhost:8123/page.txt > same.txt; do sleep 0.05; done";
    let items = [
        shell(serve),
        shell("curl -sS http://127.0.0.1:8123/page.txt > next.txt"),
        shell(&format!("curl -sS --max-time 5 http://127.0.0.1:{port}/ > outside.txt 2>&1; true")),
        shell(
            "for port in 61080 61081; do curl -sS -i http://127.0.0.1:$port/v1/messages; done > doors.txt; true",
        ),
    ];
    let output = net.bench.exec(&["--policy", &net.policy], &items);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    if !String::from_utf8_lossy(&output.stderr).starts_with("contained (namespaces)") {
        return;
    }
    assert_eq!((net.made("same.txt"), net.made("next.txt")), ("a page\n".into(), "a page\n".into()));
    assert_eq!(outside.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert!(net.made("outside.txt").contains("refused") || net.made("outside.txt").contains("connect"));
    let doors = net.made("doors.txt");
    assert!(doors.contains("401") && doors.contains("400") || doors.contains("407"), "{doors}");
}

#[test]
fn a_fetch_of_the_agent_reaches_the_host_of_its_permit_and_only_then() {
    let net = Net::new();
    let fetch = |url: &str| call("WebFetch", json!({"url": url, "prompt": "what is there?"}));
    let output =
        net.bench.exec(&["--policy", &net.policy], &[fetch("https://fetched.invalid/page"), shell("true")]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let network = net.network();
    assert!(
        network
            .iter()
            .any(|(target, _, why)| target.starts_with("fetched.invalid") && why.contains("resolved")),
        "{network:?}"
    );
}

#[test]
fn without_namespaces_it_is_less_and_said_to_be() {
    let net = Net::new();
    let prompt = script(&[shell("curl -sS http://named.invalid/"), shell("make new")]);
    let mut command = net.bench.leashd(&["exec", "--policy", &net.policy, &prompt]);
    let mut terminal = Terminal::spawn(command.env("LEASHD_KERNEL_WITHOUT", "namespaces"));
    terminal.expect("contained (Landlock; degraded: TCP is held by port only");
    let (status, said) = terminal.wait();
    assert_eq!(status, Some(0), "{said}");
    // What a permit names goes through the proxy; a command without one has no network and no question.
    let network = net.network();
    assert!(matches!(network.as_slice(), [(_, false, why)] if why.contains("resolved")), "{network:?}");
    expect(&net.asked(), &[]);
    assert!(net.made("new.txt").ends_with("ran\n"), "{}", net.made("new.txt"));
}

/// A server with one tool, which tries what it is told and says what came of it.
const SERVER: &str = r#"
import json, os, socket, sys, urllib.request

def attempt(what):
    try:
        if what.startswith("port "):
            socket.create_connection(("127.0.0.1", int(what[5:])), 5).close()
            return "connected"
        if what.startswith("get "):
            return urllib.request.urlopen(what[4:], timeout=10).read().decode()
        if what.startswith("write "):
            open(what[6:], "w").close()
            return "written"
        return os.environ.get(what, "unset")
    except Exception as error:
        return repr(error)

for line in sys.stdin:
    message = json.loads(line)
    method, result = message.get("method"), {}
    if method == "initialize":
        result = {"protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": "probe", "version": "1"}}
    elif method == "tools/list":
        schema = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
        result = {"tools": [{"name": "attempt", "description": "tries", "inputSchema": schema}]}
    elif method == "tools/call":
        text = message["params"]["arguments"]["what"] + " => " + attempt(message["params"]["arguments"]["what"])
        result = {"content": [{"type": "text", "text": text}]}
    if "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"#;

#[test]
fn a_server_has_the_network_that_was_granted_to_it() {
    let net = Net::new();
    let program = net.bench.rig.write("project/server's.py", SERVER);
    let entry = |grant: Value| {
        let mut entry = json!({"command": "python3", "args": [program, grant.to_string()]});
        if !grant.is_null() {
            entry["leashd"] = grant;
        }
        entry
    };
    let servers = json!({
        "plain": entry(Value::Null),
        "hosts": entry(json!({"hosts": ["granted.invalid"]})),
        "local": entry(json!({"loopback": true})),
    });
    let serve = "python3 -m http.server 8124 --bind 127.0.0.1 > server.log 2>&1 & \
                 until curl -sf http://localhost:8124/Makefile > /dev/null; do sleep 0.05; done";
    let attempts = [
        "port 8124",
        "get http://granted.invalid/",
        "get http://other.invalid/",
        "write by-server",
        "ANTHROPIC_API_KEY",
    ];
    let mut items = vec![shell(serve)];
    for server in ["plain", "hosts", "local"] {
        let tool = format!("mcp__{server}__attempt");
        items.extend(attempts.map(|what| call(&tool, json!({"what": what}))));
    }
    let prompt = script(&items);
    let mut command = net.bench.leashd(&["exec", "--policy", &net.policy, &prompt]);
    let output = command.env("LEASHD_MCP_SERVERS", servers.to_string()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let said = net.bench.rig.api.requests().last().unwrap().to_string();
    let all: Vec<&str> = said.split("\"text\":\"").filter_map(|part| part.split('"').next()).collect();
    let answers: Vec<&str> =
        all.into_iter().filter_map(|text| text.split_once(" => ").map(|(_, answer)| answer)).collect();
    assert_eq!(answers.len(), 3 * attempts.len(), "{answers:?}");
    let enclosed = String::from_utf8_lossy(&output.stderr).starts_with("contained (namespaces)");
    for (server, answers) in answers.chunks(attempts.len()).enumerate() {
        assert_eq!(answers[0] == "connected", enclosed && server == 2, "{server}: {answers:?}");
        assert_eq!(answers[1].contains("502"), server == 1, "{server}: {answers:?}");
        assert_eq!(answers[2].contains("403"), server == 1, "{server}: {answers:?}");
        assert!(answers[3].contains("rror") && answers[4] == "unset", "{server}: {answers:?}");
    }
    assert!(!net.bench.rig.project().join("by-server").exists());
    expect(&net.asked(), &[]);
}

#[test]
fn a_login_in_a_file_is_read_by_the_agent_and_by_nothing_else() {
    const TOKEN: &str = "sk-ant-oat01-of-nobody";
    let net = Net::new();
    let login = json!({"claudeAiOauth": {
        "accessToken": TOKEN,
        "refreshToken": "sk-ant-ort01-of-nobody",
        "expiresAt": 4_102_444_800_000_u64,
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }});
    let file = net.bench.rig.write("home/.claude/.credentials.json", &login.to_string());
    net.bench.rig.write("home/.claude/history.jsonl", "what was said before");
    let look = format!(
        "look:\n\tcat {0} ~/.local/state/leashd/agents/*/.credentials.json /proc/[0-9]*/environ > seen.txt 2>&1; \
         cp {0} copied.txt; ls -la ~/.claude >> seen.txt 2>&1; env >> seen.txt; true\n",
        file.display()
    );
    net.bench.rig.write("project/Makefile", &look);
    let prompt = script(&[shell("make look")]);
    let mut command = net.bench.leashd(&["exec", "--policy", &net.policy, &prompt]);
    let output = command.env_remove("ANTHROPIC_API_KEY").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("the agent reads your login itself"), "{said}");
    let seen = net.made("seen.txt");
    assert!(seen.contains("Permission denied") && seen.contains("PATH="), "{seen}");
    assert!(!seen.contains("of-nobody") && !seen.contains("history.jsonl"), "{seen}");
    assert!(!net.bench.rig.project().join("copied.txt").exists());
}
