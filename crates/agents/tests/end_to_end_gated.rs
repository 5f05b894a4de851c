//! What the gate rests on, with the real Claude Code: what is allowed runs, nothing else does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod support;

use leashd_agents::Order;
use leashd_gate::Observation;
use leashd_testkit::{Hostile, Rig};
use leashd_types::{AgentEvent, RanOutcome, TurnOutcome, digest_of};
use serde_json::json;
use support::{Driven, Person, bash, script};

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_call_runs_and_reports_what_ran() {
    let rig = Rig::new().await;
    let mut agent = Driven::claude(&rig).await;
    let file = rig.project().join("a.txt");
    let write = json!({"tool": "Write", "input": {"file_path": file, "content": "hello"}});
    let prompt = script(json!([bash("echo one > b.txt"), write, {"text": "finished"}]));
    let end = agent.turn(prompt, |_| Person::Allows).await;
    assert_eq!(end.outcome, TurnOutcome::Completed);
    assert_eq!(end.result, "finished");
    assert!(agent.text().ends_with("finished"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "hello");
    assert_eq!(std::fs::read_to_string(rig.project().join("b.txt")).unwrap(), "one\n");
    assert_eq!(agent.calls().len(), 2);
    for (call, ran) in agent.calls().iter().zip(agent.ran()) {
        assert_eq!(ran.outcome, RanOutcome::Ran);
        assert_eq!(digest_of(&ran.tool, ran.input.as_ref().unwrap()), call.digest(), "{ran:?}");
        assert!(matches!(agent.warden.observe(&call.session, ran), Observation::Finished));
    }
    let (code, signal, _) = agent.stop().await;
    assert_eq!((code, signal), (Some(0), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_does_not_run_and_the_model_hears_why() {
    let rig = Rig::new().await;
    let mut agent = Driven::claude(&rig).await;
    let end = agent.turn(script(json!([bash("touch denied"), {"text": "ok"}])), |_| Person::Denies).await;
    assert_eq!(end.outcome, TurnOutcome::Completed);
    assert!(!rig.project().join("denied").exists());
    assert_eq!(
        agent.ran()[0].outcome,
        RanOutcome::Failed { message: "Denied: the person said no.".to_owned() }
    );
    let end =
        agent.turn(script(json!([bash("touch denied"), {"text": "no"}])), |_| Person::DeniesAndEnds).await;
    assert_eq!(end.outcome, TurnOutcome::Interrupted);
    assert!(!rig.project().join("denied").exists());
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_call_never_runs_and_is_withdrawn_by_an_interrupt_and_by_the_end() {
    let rig = Rig::new().await;
    let mut agent = Driven::claude(&rig).await;
    agent.say(script(json!([bash("touch unanswered")]))).await;
    let first = agent.call().await;
    agent.order(Order::Interrupt).await;
    let end = agent.rest(|_| Person::Thinks).await;
    assert_eq!(end.outcome, TurnOutcome::Interrupted);
    assert_eq!(agent.withdrawn(), [&first.id]);
    agent.reply(&first, Person::Allows).await;

    agent.say(script(json!([bash("touch unanswered"), {"text": "second"}]))).await;
    let second = agent.call().await;
    agent.stop().await;
    assert_eq!(agent.withdrawn(), [&first.id, &second.id]);
    assert!(!rig.project().join("unanswered").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_hostile_repository_acts() {
    let rig = Rig::new().await;
    let hostile = Hostile::plant(&rig);
    let outside = rig.write("outside.md", "outside-word");
    std::os::unix::fs::symlink(&outside, rig.project().join("link.md")).unwrap();
    let imports = format!("@imported.md\n@../outside.md\n@{}\n@link.md\n", outside.display());
    rig.write("project/CLAUDE.md", &format!("The magic word is xyzzy.\n{imports}"));
    rig.write("project/imported.md", "imported-word");
    let mut agent = Driven::claude(&rig).await;
    let helper = json!({"tool": "Agent", "input": {
        "description": "help", "subagent_type": "general-purpose", "run_in_background": false,
        "prompt": script(json!([bash("touch subagent-ran")])),
    }});
    let prompt = script(json!([
        bash("touch ran"),
        bash("ls"),
        {"tool": "Skill", "input": {"skill": "build"}},
        helper,
        {"text": "ok"},
    ]));
    agent.turn(prompt, |call| if call.tool == "Bash" { Person::Denies } else { Person::Allows }).await;
    agent.turn("/build", |_| Person::Denies).await;
    agent.stop().await;
    assert_eq!(hostile.marks(), Vec::<String>::new());
    assert!(!rig.project().join("ran").exists() && !rig.project().join("subagent-ran").exists());
    let asked: Vec<_> =
        agent.calls().iter().map(|call| (call.tool.as_str(), call.subagent.is_some())).collect();
    assert_eq!(asked, [("Bash", false), ("Bash", false), ("Agent", false), ("Bash", true)]);
    let sent = json!(rig.api.requests()).to_string();
    assert!(sent.contains("xyzzy") && sent.contains("imported-word"), "CLAUDE.md is loaded");
    assert!(!sent.contains("outside-word"), "no import leads out of the project");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_taken_word_for_word() {
    let rig = Rig::new().await;
    let secret = rig.write("secret.txt", "secret-word");
    rig.write("project/near.txt", "near-word");
    let mut agent = Driven::claude(&rig).await;
    agent.turn(format!("look at @{} and @near.txt", secret.display()), |_| Person::Denies).await;
    let sent = json!(rig.api.requests()).to_string();
    assert!(sent.contains("@near.txt") && !sent.contains("secret-word") && !sent.contains("near-word"));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_calls_wait_at_the_same_time() {
    let rig = Rig::new().await;
    for name in ["one", "two", "three"] {
        rig.write(format!("project/{name}"), name);
    }
    let mut agent = Driven::claude(&rig).await;
    let read = |name: &str| json!({"tool": "Read", "input": {"file_path": rig.project().join(name)}});
    agent.say(script(json!([{"tools": [read("one"), read("two"), read("three")]}, {"text": "ok"}]))).await;
    let calls = [agent.call().await, agent.call().await, agent.call().await];
    agent.reply(&calls[2], Person::Allows).await;
    agent.reply(&calls[0], Person::Denies).await;
    agent.reply(&calls[1], Person::Allows).await;
    agent.rest(|_| Person::Denies).await;
    let outcome = |index: usize| {
        let ran = agent.ran().into_iter().find(|ran| ran.id == calls[index].id).unwrap();
        ran.outcome == RanOutcome::Ran
    };
    assert_eq!([outcome(0), outcome(1), outcome(2)], [false, true, true]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_knows_the_directory_it_runs_in() {
    let rig = Rig::new().await;
    rig.write("project/sub/x", "");
    let mut agent = Driven::claude(&rig).await;
    agent.turn(script(json!([bash("cd sub"), bash("ls"), {"text": "ok"}])), |_| Person::Allows).await;
    let directories: Vec<_> = agent.calls().iter().map(|call| call.cwd.clone()).collect();
    assert_eq!(directories, [rig.project(), rig.project().join("sub")]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_the_agent_refuses_itself_are_reported_as_failed() {
    let rig = Rig::new().await;
    let mut agent = Driven::claude(&rig).await;
    let calls = json!([{"tools": [
        {"tool": "Nonsense", "input": {}},
        {"tool": "Bash", "input": {"cmd": "touch x"}},
    ]}, bash("exit 3"), {"text": "ok"}]);
    agent.turn(script(calls), |_| Person::Allows).await;
    assert_eq!(agent.calls().len(), 1, "only the third call is one");
    assert_eq!(agent.ran().len(), 3);
    for ran in agent.ran() {
        assert!(matches!(ran.outcome, RanOutcome::Failed { .. }), "{ran:?}");
    }
    assert_eq!(agent.ran()[2].outcome, RanOutcome::Failed { message: "Exit code 3".to_owned() });
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_own_skills_and_memory_are_there_and_their_settings_are_not() {
    let rig = Rig::new().await;
    let mark = rig.path("hook-ran");
    let hook = json!([{"hooks": [{"type": "command", "command": format!("touch {}", mark.display())}]}]);
    let settings =
        json!({"permissions": {"allow": ["Bash"]}, "hooks": {"SessionStart": hook, "PreToolUse": hook}});
    rig.write("home/.claude/settings.json", &settings.to_string());
    rig.write("home/.claude/CLAUDE.md", "personal-word");
    rig.write(
        "home/.claude/skills/greet/SKILL.md",
        "---\nname: greet\ndescription: greeting-word\n---\nHello skill.\n",
    );
    rig.write(
        "home/.claude/agents/critic.md",
        "---\nname: critic\ndescription: critic-word\n---\nCriticise.\n",
    );
    let mut agent = Driven::claude(&rig).await;
    let prompt = script(
        json!([{"tool": "Skill", "input": {"skill": "personal:greet"}}, bash("touch x"), {"text": "ok"}]),
    );
    agent.turn(prompt, |call| if call.tool == "Skill" { Person::Allows } else { Person::Denies }).await;
    let asked: Vec<_> = agent.calls().iter().map(|call| call.tool.as_str()).collect();
    assert_eq!(asked, ["Skill", "Bash"]);
    assert!(!mark.exists() && !rig.project().join("x").exists());
    let sent = json!(rig.api.requests()).to_string();
    for word in ["personal-word", "greeting-word", "critic-word", "Hello skill."] {
        assert!(sent.contains(word), "{word}");
    }
    assert!(agent.seen.iter().any(
        |event| matches!(event, AgentEvent::Ready { tools, .. } if tools.contains(&"Agent".to_owned()))
    ));
    agent.stop().await;
}

/// A server with one tool, which leaves a mark.
const SERVER: &str = r#"while read -r line; do
id=$(echo "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
reply() { echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$1}"; }
case "$line" in
*'"initialize"'*) reply '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"lab","version":"1"}}' ;;
*tools/list*) reply '{"tools":[{"name":"mark","description":"marks","inputSchema":{"type":"object","properties":{}}}]}' ;;
*tools/call*) echo x >> "$MARK"; reply '{"content":[{"type":"text","text":"marked"}]}' ;;
esac
done"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_given_server_is_there_and_its_tools_ask() {
    let rig = Rig::new().await;
    let mark = rig.path("mark");
    let mut launch = rig.launch();
    let server = json!({"command": "/bin/sh", "args": ["-c", SERVER], "env": {"MARK": mark}});
    launch.mcp_servers.insert("lab".to_owned(), server);
    let mut agent = Driven::start(&support::claude().await, &rig, launch).await.unwrap();
    let call = json!({"tool": "mcp__lab__mark", "input": {}});
    agent.turn(script(json!([call, {"text": "ok"}])), |_| Person::Denies).await;
    assert!(!mark.exists());
    agent.turn(script(json!([call, {"text": "again"}])), |_| Person::Allows).await;
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "x\n");
    assert!(agent.calls().iter().all(|call| call.tool == "mcp__lab__mark"));
    assert_eq!(agent.calls().len(), 2);
    agent.stop().await;
}
