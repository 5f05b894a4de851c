//! Events told to everybody at once: numbers, listeners, lines in the log, figures.

mod sample;

use sample::*;
pub(super) use sample::{said, started};

use super::log::Log;
use super::names::Names;
use super::{
    CONTENT_TYPE, Evaluation, Filter, Hook, Level, Observe, ObserveOptions, Received, Took, bus::Bus, events,
    metrics::Levels, metrics::Metrics,
};
use leashd_gate::Secrets;
use leashd_types::{Approver, Band, Decision, Event, RuleRef, Stage, Timestamp, TurnOutcome};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::time::{Duration, Instant};

const WITHIN: Duration = Duration::from_secs(20);

pub(super) fn clock() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_123_456)
}

pub(super) fn options(home: &std::path::Path) -> ObserveOptions {
    fs::set_permissions(home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    ObserveOptions::at(home, Secrets::default(), clock)
}

#[test]
fn every_event_has_the_name_it_has_in_json() {
    let names: Vec<_> = every_event()
        .iter()
        .chain(&the_other_events())
        .map(|event| {
            assert_eq!(serde_json::to_value(event).unwrap()["event"], events::name(event));
            events::name(event)
        })
        .collect();
    let missing: Vec<_> = events::NAMES.iter().filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty(), "not looked at: {missing:?}");
}

#[test]
fn an_event_is_one_line_of_json_with_number_and_time() {
    let mut bus = Bus::new(41);
    let numbered = bus
        .publish(Event::MessageQueued { session: session(), waiting: 2, preview: "p".to_owned() }, clock());
    assert_eq!(
        Received::Event(numbered).json(),
        json!({
            "v": 1, "seq": 42, "at": "2023-11-14T22:13:20.123456Z",
            "event": "message.queued", "session": "s-1", "waiting": 2, "preview": "p",
        })
    );
    assert_eq!(Received::Lagged(3).json(), json!({"v": 1, "event": "events.lagged", "missed": 3}));
}

/// What a listener has got so far, as text: numbers, and `-n` for n missed ones.
async fn heard(subscription: &mut super::Subscription) -> Vec<i64> {
    let mut heard = Vec::new();
    while let Some(received) = subscription.next().await {
        heard.push(match received {
            Received::Event(numbered) => i64::try_from(numbered.seq).unwrap(),
            Received::Lagged(missed) => -i64::try_from(missed).unwrap(),
        });
    }
    heard
}

#[tokio::test]
async fn listeners_hear_what_they_want_and_are_told_what_they_missed() {
    let mut bus = Bus::new(0);
    let filter = |names: &[&str]| Filter::parse(names).unwrap();
    let mut all = bus.subscribe(None, Filter::all());
    let mut tools = bus.subscribe(None, filter(&["tool.*"]));
    for event in [said("a"), allowed("r", Approver::Policy), said("b"), denied(Stage::Floor)] {
        bus.publish(event, clock());
    }
    let mut later = bus.subscribe(Some(1), filter(&["tool.*"]));
    let mut gone = bus.subscribe(None, Filter::all());
    assert_eq!(bus.listeners(), 4);
    drop(gone);
    bus.publish(allowed("r", Approver::Policy), clock());
    bus.close();
    assert_eq!(heard(&mut all).await, [1, 2, 3, 4, 5]);
    assert_eq!(heard(&mut tools).await, [2, 4, 5]);
    assert_eq!(heard(&mut later).await, [2, 4, 5], "kept ones and new ones, none twice");
    gone = bus.subscribe(Some(3), Filter::all());
    assert_eq!(heard(&mut gone).await, [4, 5], "after the end only what is kept");
}

#[tokio::test]
async fn a_slow_listener_holds_nobody_up() {
    let mut bus = Bus::new(0);
    let mut slow = bus.subscribe(None, Filter::all());
    for _ in 0..3000 {
        bus.publish(said("x"), clock());
    }
    let mut late = bus.subscribe(Some(10), Filter::all());
    let kept = bus.recent(0, &Filter::all());
    bus.close();
    let heard_slowly = heard(&mut slow).await;
    assert_eq!((heard_slowly[0], heard_slowly[1], heard_slowly.len()), (-1976, 1977, 1025));
    assert_eq!((kept.missed, kept.events.len(), kept.events[0].seq), (952, 2048, 953));
    assert_eq!(heard(&mut late).await[..2], [-942, 953]);
}

#[test]
fn kept_events_are_bounded_in_bytes_too() {
    let mut bus = Bus::new(0);
    for _ in 0..20 {
        bus.publish(said(&"x".repeat(1 << 20)), clock());
    }
    let kept = bus.recent(0, &Filter::all());
    assert!(kept.events.len() <= 4 && !kept.events.is_empty(), "{}", kept.events.len());
    assert_eq!(kept.missed + kept.events.len() as u64, 20);
    bus.publish(said(&"x".repeat(9 << 20)), clock());
    assert_eq!(bus.recent(20, &Filter::all()).events.len(), 1, "the newest is always there");
    assert_eq!(bus.recent(99, &Filter::all()).missed, 0);
}

/// The lines about a few events: level, name, session, request and chat.
fn told(events: &[Event]) -> Vec<String> {
    let mut names = Names::default();
    let lines = events.iter().flat_map(|event| names.lines(event)).map(|entry| {
        let field = |key| entry.fields.get(key).and_then(Value::as_str).unwrap_or("-");
        let (session, request, chat) = (field("session_id"), field("request_id"), field("chat_id"));
        format!("{} {} {session} {request} {chat}", entry.level.as_str(), entry.name)
    });
    lines.collect()
}

#[test]
fn a_session_is_told_in_the_known_order() {
    let told_of = |first: &[Event]| {
        let mut events = first.to_vec();
        events.push(Event::MessageIn { session: session(), turn: turn(), text: "private words".to_owned() });
        events.push(completed(TurnOutcome::Completed));
        told(&events)
    };
    let expected = [
        "info session_created s-1 - -",
        "info request_started s-1 7 -",
        "info agent_execute_started s-1 7 -",
        "info agent_execute_completed s-1 7 -",
        "info request_completed s-1 7 -",
    ];
    assert_eq!(told_of(&[started()]), expected);
    let expected = [
        "info session_created s-1 - telegram:42",
        "info agent_started s-1 - telegram:42",
        "info request_started s-1 7 telegram:42",
        "info agent_execute_started s-1 7 telegram:42",
        "info agent_execute_completed s-1 7 telegram:42",
        "info request_completed s-1 7 telegram:42",
    ];
    assert_eq!(told_of(&[opened(), started()]), expected);
    let mut again = opened();
    if let Event::SessionOpened { resumed, .. } = &mut again {
        *resumed = true;
    }
    assert_eq!(told(&[again]), ["info session_restored s-1 - telegram:42"]);
    for (outcome, line) in [
        (TurnOutcome::Interrupted, "info request_completed s-1 - -"),
        (TurnOutcome::MaxTurns, "warning request_failed s-1 - -"),
        (
            TurnOutcome::ApiError { status: Some(529), message: "busy".to_owned() },
            "error request_failed s-1 - -",
        ),
    ] {
        assert_eq!(told(&[completed(outcome)])[1], line);
    }
}

#[test]
fn every_event_has_a_line_that_holds_no_words_of_people() {
    let all = told(&every_event());
    assert_eq!(all.len(), every_event().len() + 2, "a request has two lines at its start and its end");
    assert!(all.contains(&"warning tool_denied s-1 7 -".to_owned()));
    assert!(all.contains(&"info interaction_timeout s-1 7 -".to_owned()));
    assert_eq!(told(&[denied(Stage::Sandbox)]), ["warning sandbox_path_denied s-1 - -"]);
    let grant = Approver::Grant { name: "g".to_owned() };
    assert_eq!(told(&[allowed("r", grant)]), ["info tool_auto_approved s-1 - -"]);
    let others = told(&the_other_events());
    assert_eq!(others.len(), the_other_events().len(), "{others:?}");
    for line in [
        "warning auth_rejected - - telegram:42",
        "error config_rejected - - -",
        "info mode_switched s-1 - telegram:42",
    ] {
        assert!(others.contains(&line.to_owned()), "{line} is not in {others:?}");
    }
    let mut names = Names::default();
    let message = Event::MessageIn { session: session(), turn: turn(), text: "private words".to_owned() };
    let events = [vec![message, said("private words")], the_other_events(), every_event()].concat();
    let text: String = events.iter().map(|event| format!("{:?}", names.lines(event))).collect();
    assert!(!text.contains("private words") && text.contains("13"), "{text}");
}

#[test]
fn every_name_is_described() {
    let page = |name: &str| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/");
        fs::read_to_string(format!("{path}{name}")).unwrap()
    };
    let (events, logs) = (page("events.md"), page("logs.md"));
    let mut names = Names::default();
    for event in every_event().iter().chain(&the_other_events()) {
        let name = events::name(event);
        assert!(events.contains(&format!("`{name}`")), "{name} is not in docs/events.md");
        for line in names.lines(event) {
            assert!(logs.contains(&format!("`{}`", line.name)), "{} is not in docs/logs.md", line.name);
        }
    }
}

fn evaluation(rule: &str) -> Evaluation {
    Evaluation {
        session: session(),
        call: call().id,
        tool: "Bash".to_owned(),
        decision: Decision::Ask,
        rule: RuleRef::floor(rule),
        band: Some(Band::High),
        took: Took { judge: Some(Duration::from_micros(80)), total: Duration::from_millis(2) },
    }
}

#[test]
fn figures_are_counted_from_events() {
    let metrics = Metrics::new();
    metrics.set_asks_open(2);
    for event in every_event().iter().chain(&the_other_events()) {
        metrics.count(event);
    }
    metrics.count(&started());
    metrics.count(&Event::ApprovalRequested { ask: ask() });
    metrics.evaluated(&evaluation("r"));
    metrics.set_queue_depth("mail", 3);
    let text = metrics.render(&Levels { log_dropped: 4, ..Levels::default() });
    for line in [
        concat!(r#"leashd_build_info{version=""#, env!("CARGO_PKG_VERSION"), "\"} 1"),
        r#"leashd_gate_latency_seconds_count{phase="durable"} 1"#,
        r#"leashd_gate_latency_seconds_bucket{le="0.0001",phase="judge"} 1"#,
        r#"leashd_gate_latency_seconds_bucket{le="0.001",phase="durable"} 0"#,
        r#"leashd_decisions_total{rule="r",outcome="allow"} 1"#,
        r#"leashd_decisions_total{rule="no-rm",outcome="deny"} 1"#,
        "leashd_asks_open 3",
        r#"leashd_asks_resolved_total{outcome="allow-once"} 1"#,
        "leashd_agent_starts_total 2",
        "leashd_agent_restarts_total 1",
        r#"leashd_agent_exits_total{outcome="ended"} 1"#,
        "leashd_sessions_open 1",
        r#"leashd_messages_total{direction="in"} 1"#,
        r#"leashd_refused_total{reason="not-allowed"} 1"#,
        r#"leashd_turns_total{outcome="completed"} 1"#,
        "leashd_cost_usd_total 0.5",
        r#"leashd_queue_depth{queue="mail"} 3"#,
        r#"leashd_log_lines_lost_total{reason="queue-full"} 4"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn series_are_bounded_whatever_rules_are_called() {
    let metrics = Metrics::new();
    for number in 0..1000 {
        metrics.count(&allowed(&format!("\"{number}\n{}", "ä".repeat(500)), Approver::Policy));
    }
    let text = metrics.render(&Levels::default());
    let series: Vec<_> = text.lines().filter(|line| line.starts_with("leashd_decisions_total{")).collect();
    assert_eq!(series.len(), 201);
    assert!(series.contains(&r#"leashd_decisions_total{rule="other",outcome="allow"} 800"#));
    assert!(series.iter().all(|line| line.len() < 200));
}

#[tokio::test]
async fn all_of_it_together() {
    let home = tempfile::tempdir().unwrap();
    let mut wanted = options(home.path());
    wanted.last_event = 9;
    let observe = Observe::start(wanted);
    let mut listener = observe.subscribe_since(3, Filter::parse(&["session.*"]).unwrap());
    assert_eq!(observe.publish(started()).seq, 10);
    observe.evaluated(&evaluation("quiet"));
    observe.set_level(Level::Debug);
    observe.evaluated(&evaluation("heard"));
    observe.set_secrets(Secrets::new(["stopped-by-alice".to_owned()]).unwrap());
    let reason = "stopped-by-alice".to_owned();
    observe.publish(Event::SessionEnded { session: session(), reason, failed: true });
    assert_eq!(observe.recent(10, &Filter::all()).events.len(), 1);
    observe.metrics().set_queue_depth("mail", 5);
    let figures = observe.render();
    assert!(figures.contains("leashd_events_total 2\n") && figures.contains("{queue=\"mail\"} 5\n"));
    // What the type promises: without that line a reader takes the text for cut.
    assert!(CONTENT_TYPE.starts_with("application/openmetrics-text") && figures.ends_with("# EOF\n"));
    assert!(observe.flush(WITHIN));
    observe.shutdown(WITHIN).await;
    assert_eq!(heard(&mut listener).await, [-6, 10, 11], "what an earlier daemon said is not kept");
    let status = observe.status();
    assert_eq!((status.last_event, status.log.written, status.log.level), (11, 3, "debug"));
    let text = fs::read_to_string(home.path().join("logs/app.log")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["session_created", "policy_evaluated", "session_ended"]);
    assert_eq!(lines[2]["reason"], "[redacted]");
    let evaluated = &lines[1];
    for (key, value) in [
        ("decision", json!("ask")),
        ("band", json!("high")),
        ("rule", json!("heard (floor)")),
        ("total_us", json!(2000)),
        ("judge_us", json!(80)),
        ("call_id", json!("c-1")),
    ] {
        assert_eq!(evaluated[key], value, "{evaluated}");
    }
}

#[tokio::test]
async fn nobody_waits_for_anything_that_hangs() {
    let home = tempfile::tempdir().unwrap();
    let mut wanted = options(home.path());
    // A server that takes connections and says nothing, a log another process holds, a listener that does not listen.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    wanted.hooks = vec![Hook::parse::<&str>(&url, "0123456789abcdef", &[]).unwrap()];
    let logs = home.path().join("logs");
    fs::create_dir(&logs).unwrap();
    fs::set_permissions(&logs, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let held = File::open(&logs).unwrap();
    held.lock().unwrap();
    let observe = Observe::start(wanted);
    let _listener = observe.subscribe(Filter::all());
    let began = Instant::now();
    for _ in 0..20_000 {
        observe.publish(Event::MessageQueued {
            session: session(),
            waiting: 1,
            preview: "private words".to_owned(),
        });
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let status = observe.status();
    assert!(status.log.dropped > 0 && status.webhooks[0].dropped >= 18_000, "{status:?}");
    let began = Instant::now();
    observe.shutdown(Duration::from_millis(50)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(observe.status().webhooks[0].dropped, 20_000, "what was not delivered is counted");
    held.unlock().unwrap();
}

#[test]
fn a_log_says_where_it_is() {
    let home = tempfile::tempdir().unwrap();
    let log = Log::start(options(home.path()).log, clock);
    assert_eq!(log.status().path, home.path().join("logs/app.log"));
    assert!(!home.path().join("logs").exists(), "nothing is made before there is a line");
    assert!(log.close(WITHIN));
}
