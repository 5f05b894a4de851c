//! Conversations with the real Claude Code: plans, questions, subagents, cost, errors of the API, resume.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod support;

use leashd_agents::{Conversation, Order};
use leashd_testkit::Rig;
use leashd_types::{
    AgentEvent, Answer, Fault, Mode, Money, Origin, PlanAnswer, RanOutcome, TurnOutcome, Usage,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{Driven, Person, bash, claude, script};

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_asked_and_the_answer_arrives() {
    let rig = Rig::new().await;
    let mut agent = Driven::claude(&rig).await;
    let options = json!([{"label": "Red", "description": "r"}, {"label": "Blue", "description": "b"}]);
    let question =
        json!({"question": "Which colour?", "header": "Colour", "multiSelect": false, "options": options});
    let ask = json!({"tool": "AskUserQuestion", "input": {"questions": [question]}});
    let answers = BTreeMap::from([("Which colour?".to_owned(), "Blue".to_owned())]);
    let answer = Answer::Choices { answers };
    agent.turn(script(json!([ask, {"text": "ok"}])), |_| Person::Answers(answer.clone())).await;
    assert_eq!(agent.ran()[0].outcome, RanOutcome::Ran);
    assert!(json!(rig.api.requests()).to_string().contains(r#"\"Which colour?\"=\"Blue\""#));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_reviewed_and_the_mode_changes() {
    let rig = Rig::new().await;
    let mut launch = rig.launch();
    launch.mode = Mode::Plan;
    let mut agent = Driven::start(&claude().await, &rig, launch).await.unwrap();
    let pattern = r"{{re:(/\S+/plans/[\w-]+\.md)}}";
    let plan = json!([
        {"tool": "Write", "input": {"file_path": pattern, "content": "1. do it"}},
        {"tool": "ExitPlanMode", "input": {}},
        {"tool": "ExitPlanMode", "input": {}},
        {"text": "planned"},
    ]);
    agent.say(script(plan)).await;
    let write = agent.call().await;
    assert!(write.text("file_path").unwrap().contains("/plans/"), "{write:?}");
    agent.reply(&write, Person::Allows).await;
    let review = agent.call().await;
    assert_eq!((review.tool.as_str(), review.text("plan")), ("ExitPlanMode", Some("1. do it")));
    let adjust = PlanAnswer::Adjust { feedback: "smaller-steps".to_owned() };
    agent.reply(&review, Person::Answers(Answer::Plan { review: adjust })).await;
    let review = agent.call().await;
    let approve = Answer::Plan { review: PlanAnswer::Approve };
    agent.reply(&review, Person::Answers(approve)).await;
    let end = agent.rest(|_| Person::Denies).await;
    assert_eq!(end.outcome, TurnOutcome::Completed);
    assert_eq!(agent.ran().last().unwrap().outcome, RanOutcome::Ran);
    assert!(json!(rig.api.requests()).to_string().contains("smaller-steps"));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_subagent_belongs_to_the_turn_that_started_it() {
    let rig = Rig::new().await;
    let mut agent = Driven::claude(&rig).await;
    let helper = json!({"tool": "Agent", "input": {
        "description": "help", "subagent_type": "general-purpose", "run_in_background": true,
        "prompt": script(json!([bash("echo x > from-subagent"), {"text": "subagent says hello"}])),
    }});
    agent.turn(script(json!([helper, {"text": "main is done"}])), |_| Person::Allows).await;
    let call = agent.calls()[1].clone();
    assert!(call.tool == "Bash" && call.subagent.is_some());
    assert!(rig.project().join("from-subagent").exists(), "the turn ends when the subagent does");
    let said = |event: &AgentEvent| matches!(event, AgentEvent::Text { text, origin: Origin::Subagent(id) } if *id == call.subagent && text.contains("hello"));
    assert!(agent.seen.iter().any(said), "{:#?}", agent.seen);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_turn_costs_what_it_costs_alone_also_after_a_resume() {
    let rig = Rig::new().await;
    let claude = claude().await;
    let mut launch = rig.launch();
    launch.model = Some("claude-haiku-4-5".to_owned());
    let priced = json!([{"text": "x", "usage": {"input_tokens": 1000, "output_tokens": 100}}]);
    let mut agent = Driven::start(&claude, &rig, launch.clone()).await.unwrap();
    let mut costs = vec![];
    let mut usages = vec![];
    for _ in 0..2 {
        let end = agent.turn(script(priced.clone()), |_| Person::Denies).await;
        costs.push(end.cost);
        usages.push(end.usage);
    }
    agent.stop().await;
    launch.conversation = Conversation::Resume(launch.session.as_str().to_owned());
    let mut agent = Driven::start(&claude, &rig, launch).await.unwrap();
    let end = agent.turn(script(priced), |_| Person::Denies).await;
    costs.push(end.cost);
    usages.push(end.usage);
    assert!(costs[0] > Money::ZERO);
    assert_eq!(costs, vec![costs[0]; 3]);
    let once = Usage { input_tokens: 1000, output_tokens: 100, ..Usage::default() };
    assert_eq!(usages, vec![once; 3]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_after_a_kill() {
    let rig = Rig::new().await;
    let claude = claude().await;
    let mut launch = rig.launch();
    let mut agent = Driven::start(&claude, &rig, launch.clone()).await.unwrap();
    agent.turn("remember the word plover", |_| Person::Denies).await;
    agent.say(script(json!([bash("touch late")]))).await;
    let call = agent.call().await;
    kill(agent.running.pid.unwrap());
    agent.until_gone().await;
    assert_eq!(agent.withdrawn(), [&call.id]);

    launch.conversation = Conversation::Resume(launch.session.as_str().to_owned());
    let mut agent = Driven::start(&claude, &rig, launch).await.unwrap();
    agent.turn(script(json!([{"text": "here again"}])), |_| Person::Denies).await;
    let last = rig.api.requests().pop().unwrap();
    assert!(last["messages"].to_string().contains("plover"), "the history is there");
    assert!(!rig.project().join("late").exists());
    agent.stop().await;
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_session_cannot_be_resumed() {
    let rig = Rig::new().await;
    let mut launch = rig.launch();
    launch.conversation = Conversation::Resume(launch.session.as_str().to_owned());
    let refused = Driven::start(&claude().await, &rig, launch).await.err().unwrap().to_string();
    assert!(refused.contains("No conversation found"), "{refused}");
}

/// A turn whose request always fails; two attempts are allowed.
async fn failing(item: Value) -> Driven {
    let rig = Rig::new().await;
    let mut launch = rig.launch();
    launch.limits.retries = 1;
    let mut agent = Driven::start(&claude().await, &rig, launch).await.unwrap();
    agent.turn(script(json!([item])), |_| Person::Denies).await;
    agent.stop().await;
    agent
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_api_are_retried_and_have_an_end() {
    for status in [400, 401, 429, 500, 529] {
        let agent = failing(json!({"error": status})).await;
        let Some(AgentEvent::TurnEnded(end)) =
            agent.seen.iter().rfind(|it| matches!(it, AgentEvent::TurnEnded(_)))
        else {
            panic!("no end of the turn with {status}")
        };
        assert!(matches!(end.outcome, TurnOutcome::ApiError { .. }), "{status}: {end:?}");
        let retries = agent.seen.iter().filter(|it| matches!(it, AgentEvent::Retry { .. })).count();
        assert_eq!(retries > 0, status != 400, "{status}: {retries} retries");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_transcript_is_said() {
    let rig = Rig::new().await;
    rig.write("home/.claude/projects", "a file where a directory has to be");
    let mut agent = Driven::claude(&rig).await;
    agent.turn(script(json!([{"text": "ok"}])), |_| Person::Denies).await;
    agent.stop().await;
    let said = |fault: &&Fault| matches!(fault, Fault::Reported { message } if message.contains("cannot be resumed"));
    assert_eq!(agent.faults().iter().filter(|fault| said(fault)).count(), 1, "{:?}", agent.faults());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mode_and_the_model_can_be_changed_and_turns_are_limited() {
    let rig = Rig::new().await;
    let mut launch = rig.launch();
    launch.max_turns = Some(2);
    launch.system_prompt = Some("--appended-word".to_owned());
    let mut agent = Driven::start(&claude().await, &rig, launch).await.unwrap();
    agent.order(Order::SetMode(Mode::Plan)).await;
    agent.order(Order::SetModel("claude-haiku-4-5".to_owned())).await;
    let calls = json!([bash("echo 1"), bash("echo 2"), bash("echo 3")]);
    let end = agent.turn(script(calls), |_| Person::Allows).await;
    assert_eq!(end.outcome, TurnOutcome::MaxTurns);
    assert_eq!(agent.faults(), Vec::<&Fault>::new());
    let sent = json!(rig.api.requests()).to_string();
    assert!(
        sent.contains("--appended-word") && sent.contains("claude-haiku-4-5") && sent.contains("Plan mode")
    );
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_has_the_history_and_an_id_of_its_own() {
    let rig = Rig::new().await;
    let claude = claude().await;
    let first = rig.launch();
    let mut agent = Driven::start(&claude, &rig, first.clone()).await.unwrap();
    agent.turn("remember the word plugh", |_| Person::Denies).await;
    agent.stop().await;
    let mut second = rig.launch();
    second.conversation = Conversation::Fork(first.session.as_str().to_owned());
    let mut agent = Driven::start(&claude, &rig, second.clone()).await.unwrap();
    agent.turn(script(json!([{"text": "forked"}])), |_| Person::Denies).await;
    agent.stop().await;
    let sessions: Vec<_> = agent
        .seen
        .iter()
        .filter_map(|event| match event {
            AgentEvent::Ready { agent_session, .. } => Some(agent_session.as_str()),
            _ => None,
        })
        .collect();
    assert!(sessions.iter().all(|id| *id == second.session.as_str()), "{sessions:?}");
    assert!(rig.api.requests().pop().unwrap()["messages"].to_string().contains("plugh"));
}
