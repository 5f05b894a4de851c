//! What an entry says and what it leaves out.

use super::{INPUT_LIMIT, STRING_LIMIT, members};
use crate::audit::{Record, Secrets};
use leashd_types::{SessionId, Timestamp};
use serde_json::{Value, json};

fn written(input: Value, secrets: &Secrets) -> Value {
    let record =
        Record::ToolRanUngated { tool_name: "Bash".to_owned(), tool_input: input, reason: "why".to_owned() };
    let session = SessionId::new("s1");
    let members = members(Timestamp::from_micros(0), Some(&session), None, &record, secrets).unwrap();
    serde_json::from_str(&format!("{{{members}}}")).unwrap()
}

#[test]
fn the_fields_have_the_published_names() {
    let entry = written(json!({"command": "ls"}), &Secrets::default());
    assert_eq!(
        entry,
        json!({
            "timestamp": "1970-01-01T00:00:00.000000Z", "event": "tool_ran_ungated", "session_id": "s1",
            "tool_name": "Bash", "tool_input": {"command": "ls"}, "reason": "why",
        })
    );
}

#[test]
fn long_strings_are_cut_and_keep_the_hash_of_the_whole() {
    let long = "ü".repeat(STRING_LIMIT);
    let entry = written(json!({"content": long}), &Secrets::default());
    let text = entry["tool_input"]["content"].as_str().unwrap();
    let hash = leashd_types::Digest::plain(&[long.as_bytes()]).to_string();
    assert!(text.len() < STRING_LIMIT + 200);
    assert!(text.contains(&hash) && text.contains("4096 bytes"), "{text}");
}

#[test]
fn a_secret_across_the_cut_does_not_get_out() {
    let secret = "hunter2-hunter2-hunter2-hunter2";
    let secrets = Secrets::new([secret.to_owned()]).unwrap();
    for before in STRING_LIMIT - 40..STRING_LIMIT + 40 {
        let text = format!("{}{secret}{}", " ".repeat(before), " ".repeat(3000));
        let entry = written(json!({"content": text}), &secrets);
        assert!(!entry.to_string().contains("hunter2"), "{before}");
    }
    for length in STRING_LIMIT..STRING_LIMIT + 1200 {
        // Many short redactions move what lies far behind the cut to the front.
        let text =
            format!("{}{}", "token=abcdefghijklmnopqrstuvwxyz ".repeat(length / 33), secret.repeat(40));
        let entry = written(json!({"content": text}), &secrets);
        assert!(!entry.to_string().contains("hunter"), "{length}");
    }
}

#[test]
fn secrets_in_keys_and_behind_telling_keys_are_taken_out() {
    let secrets = Secrets::new(["verysecret".to_owned()]).unwrap();
    let entry =
        written(json!({"env": {"API_TOKEN": "0123"}, "verysecret": 1, "list": ["verysecret"]}), &secrets);
    let text = entry.to_string();
    assert!(!text.contains("0123") && !text.contains("verysecret"), "{text}");
}

#[test]
fn an_input_of_many_strings_is_replaced_by_its_hash() {
    let input: Vec<String> = (0..INPUT_LIMIT / 4).map(|n| n.to_string()).collect();
    let entry = written(json!({"items": input}), &Secrets::default());
    assert!(entry["tool_input"]["cut"]["bytes"].as_u64().unwrap() > INPUT_LIMIT as u64);
    assert!(entry.to_string().len() < 1000);
}
