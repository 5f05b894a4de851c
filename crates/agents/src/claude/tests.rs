//! What single lines mean, without a process.

use super::interpreter::Interpreter;
use leashd_types::{AgentEvent, Money, SessionId, TurnEnd, TurnOutcome};
use serde_json::{Value, json};

fn interpreter() -> Interpreter {
    Interpreter::new(SessionId::new("s"), "2.1.330".to_owned())
}

/// The events of these frames, one after the other.
fn events(frames: &[Value]) -> Vec<AgentEvent> {
    let mut interpreter = interpreter();
    frames.iter().flat_map(|frame| interpreter.read(frame.to_string().as_bytes()).events).collect()
}

fn result(cost: f64, input_tokens: u64) -> Value {
    json!({
        "type": "result", "subtype": "success", "is_error": false, "terminal_reason": "completed", "result": "r",
        "total_cost_usd": cost, "num_turns": 2, "duration_ms": 1500,
        "modelUsage": {"m": {"inputTokens": input_tokens, "outputTokens": 1}},
    })
}

fn idle() -> Value {
    json!({"type": "system", "subtype": "session_state_changed", "state": "idle"})
}

fn usage_reply(cost: f64) -> Value {
    json!({"type": "control_response", "response": {"subtype": "success", "request_id": "leashd-usage",
        "response": {"session": {"total_cost_usd": cost, "model_usage": {"m": {"inputTokens": 5}}}}}})
}

fn ends(frames: &[Value]) -> Vec<TurnEnd> {
    let ends = events(frames).into_iter();
    ends.filter_map(|event| if let AgentEvent::TurnEnded(end) = event { Some(end) } else { None }).collect()
}

#[test]
fn a_turn_costs_the_difference_and_a_reset_starts_anew() {
    let ends = ends(&[
        usage_reply(1.0),
        result(1.5, 15),
        idle(),
        result(1.75, 20),
        result(2.0, 25),
        idle(),
        result(0.25, 3),
        idle(),
    ]);
    let costs: Vec<_> = ends.iter().map(|end| (end.cost, end.usage.input_tokens, end.turns)).collect();
    let usd = Money::from_usd;
    assert_eq!(costs, [(usd(0.5), 10, 2), (usd(0.5), 10, 4), (usd(0.25), 3, 2)]);
}

#[test]
fn idle_without_a_result_ends_no_turn() {
    assert_eq!(ends(&[idle(), idle()]), []);
}

#[test]
fn a_turn_has_one_outcome_out_of_several_places() {
    let cases = [
        (json!({}), TurnOutcome::Completed),
        (json!({"subtype": "error_max_turns", "is_error": true}), TurnOutcome::MaxTurns),
        (json!({"terminal_reason": "max_turns"}), TurnOutcome::MaxTurns),
        (json!({"subtype": "error_max_budget_usd"}), TurnOutcome::BudgetExhausted),
        (
            json!({"is_error": true, "api_error_status": 529}),
            TurnOutcome::ApiError { status: Some(529), message: "r".to_owned() },
        ),
        (
            json!({"subtype": "error_during_execution", "terminal_reason": "aborted_tools"}),
            TurnOutcome::Interrupted,
        ),
        (
            json!({"subtype": "error_during_execution", "terminal_reason": "", "errors": ["a", "b"]}),
            TurnOutcome::Failed { message: "a; b".to_owned() },
        ),
        (
            json!({"terminal_reason": "hook_stopped"}),
            TurnOutcome::Failed { message: "the turn ended with `hook_stopped`".to_owned() },
        ),
    ];
    for (change, expected) in cases {
        let mut frame = result(0.0, 0);
        frame.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(ends(&[frame, idle()])[0].outcome, expected, "{change}");
    }
}

#[test]
fn ready_is_told_again_only_with_news() {
    let init = |tools: Value| json!({"type": "system", "subtype": "init", "session_id": "x", "model": "m", "claude_code_version": "2.1.330", "tools": tools});
    let told = events(&[init(json!(["Task"])), init(json!(["Task"])), init(json!(["Task", "Bash"]))]);
    let tools: Vec<_> = told
        .iter()
        .map(|event| if let AgentEvent::Ready { tools, .. } = event { tools.clone() } else { vec![] })
        .collect();
    assert_eq!(tools, [vec!["Agent"], vec!["Agent", "Bash"]]);
}

#[test]
fn a_permission_request_that_lacks_something_is_refused_by_its_id() {
    let before = json!({"type": "control_request", "request_id": "h", "request": {"subtype": "hook_callback",
        "input": {"hook_event_name": "PreToolUse", "tool_use_id": "t", "cwd": "/p"}}});
    let whole = json!({"subtype": "can_use_tool", "tool_name": "Task", "tool_use_id": "t", "input": {}});
    let asks = |request: &Value, frames: &[&Value]| {
        let mut interpreter = interpreter();
        for frame in frames {
            interpreter.read(frame.to_string().as_bytes());
        }
        let ask = json!({"type": "control_request", "request_id": "q", "request": request});
        interpreter.read(ask.to_string().as_bytes())
    };
    let step = asks(&whole, &[&before]);
    let [AgentEvent::ToolCall(call)] = &step.events[..] else { panic!("{step:?}") };
    assert_eq!((call.tool.as_str(), call.cwd.to_str(), step.answers.len()), ("Agent", Some("/p"), 0));
    for lacking in ["tool_name", "tool_use_id", "input"] {
        let mut request = whole.clone();
        request.as_object_mut().unwrap().remove(lacking);
        let step = asks(&request, &[&before]);
        assert_eq!(step.answers[0]["response"]["subtype"], "error", "{lacking}");
        assert!(!step.events.iter().any(|event| matches!(event, AgentEvent::ToolCall(_))), "{lacking}");
    }
    let mut request = whole.clone();
    request["input"] = json!("ls");
    assert_eq!(asks(&request, &[&before]).answers[0]["response"]["subtype"], "error");
    assert_eq!(asks(&whole, &[]).answers[0]["response"]["subtype"], "error", "no directory");
}

#[test]
fn no_line_is_too_strange() {
    let mut interpreter = interpreter();
    let deep = format!(r#"{{"type":"user","message":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for line in
        ["\u{feff}{}", "{\"type\":1}", "null", "{\"type\":\"user\",\"type\":\"x\"}", &deep, "\u{1b}[2J"]
    {
        interpreter.read(line.as_bytes());
    }
    let deep_ask = format!(r#"{{"type":"control_request","request_id":"d","request":{}"#, "[".repeat(10_000));
    let step = interpreter.read(deep_ask.as_bytes());
    assert_eq!(step.answers[0]["response"]["request_id"], "d", "who waits gets an answer");
}
