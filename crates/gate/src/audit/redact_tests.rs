//! What is taken out and what stays.

use super::{PATTERNS, SHAPES, Secrets, hint, names_a_secret};
use crate::audit::fixture::{NOW, fixture};
use crate::audit::{AuditLog, Durability, Record, verify};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::process::{Command, Stdio};

#[track_caller]
fn check(text: &str, secret: &str) {
    let clean = Secrets::default().redact(text).into_owned();
    assert!(!clean.contains(secret), "{secret:?} stands in {clean:?}");
    assert!(clean.contains("[redacted"), "{clean:?}");
}

#[test]
fn known_shapes_are_taken_out() {
    assert!(!SHAPES.is_empty());
    let table = [
        ("export K=sk-ant-api03-abcdefghijklmnopqrstuvwxyz", "abcdefghij"),
        ("sk-proj-AbCdEfGhIjKlMnOpQrSt", "AbCdEfGh"),
        ("git clone https://x-access-token:ghs_0123456789abcdefghij@github.com/a/b", "ghs_0123"),
        ("echo ghp_0123456789abcdefghijABCDEFGHIJ012345", "0123456789abc"),
        ("github_pat_11ABCDEFG0123456789_abcdefghij", "11ABCDEFG"),
        ("glpat-abcdefghijklmnopqrst", "abcdefghijk"),
        ("xoxb-1234567890-abcdefghij", "1234567890-a"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("key AIzaSyA1234567890abcdefghijklmnopqrstuv", "SyA1234"),
        ("npm_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghij"),
        ("pypi-AgEIcHlwaS5vcmcCJGFiY2RlZmdoaWprbG1ub3A", "AgEIcHlwa"),
        ("hf_abcdefghijklmnopqrstuvwxyzABCDEFGH", "abcdefghij"),
        ("rk_live_abcdefghijklmnopqrst", "abcdefghij"),
        ("SG.abcdefghijklmnopqrst.uvwxyzabcdefghijklmn", "abcdefghij"),
        ("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl y", "c2lnbmF0"),
        ("curl https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1/getMe", "AAHdqTcv"),
        ("123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1", "AAHdqTcv"),
        ("curl -H 'Authorization: Bearer abc.def-ghi' x", "abc.def"),
        ("curl -H \"authorization: Basic dXNlcjpwYXNz\" x", "dXNlcjpw"),
        ("X-Api-Key: 0123456789", "0123456789"),
        ("Cookie: session=deadbeef", "deadbeef"),
        ("bearer abcdefghijkl", "abcdefghijkl"),
        ("mysql --password=hunter2 db", "hunter2"),
        ("mysql --password hunter2 db", "hunter2"),
        ("PGPASSWORD='two words' psql", "two words"),
        ("DB_PASSWORD=\"hunter2\" ./x", "hunter2"),
        ("token=abc&x=1", "abc"),
        ("{\"password\": \"hunter2\"}", "hunter2"),
        ("{\\\"api_key\\\":\\\"hunter2\\\"}", "hunter2"),
        ("secret_key: hunter2", "hunter2"),
        ("gh auth login --token abcdef", "abcdef"),
        ("psql postgres://app:hunter2@db/x", "hunter2"),
        ("git push https://0a1b2c3d4e@github.com/a/b", "0a1b2c3d4e"),
        ("curl -u admin:hunter2 https://x", "hunter2"),
        ("curl -uadmin:hunter2 https://x", "hunter2"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----", "b3BlbnNz"),
        ("-----BEGIN RSA PRIVATE KEY-----\nb3BlbnNz and cut", "b3BlbnNz"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nb3BlbnNz", "b3BlbnNz"),
    ];
    for (text, secret) in table {
        check(text, secret);
    }
}

#[test]
fn ordinary_text_stays() {
    for text in [
        "git commit -m 'Basic support for tokens'",
        "cargo test --workspace",
        "ls -la /home/dev/proj",
        "curl https://example.com/a?b=c",
        "git clone git@github.com:a/b.git",
        "ssh://git@github.com/a/b",
        "echo 12:30:45",
        "rg 'fn tokenize' src",
        "docker run --rm -p 8080:80 nginx",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ] {
        assert_eq!(Secrets::default().redact(text), text);
    }
}

#[test]
fn given_values_go_in_every_form() {
    let secret = "s3cr3t/val+ue with \"quote\"";
    let secrets =
        Secrets::new([secret.to_owned(), "line one is long enough\nline two is long enough".to_owned()])
            .unwrap();
    let table = [
        format!("echo {secret}"),
        // `printf %s <secret> | base64`, and with one and two bytes before it.
        "czNjcjN0L3ZhbCt1ZSB3aXRoICJxdW90ZSI=".to_owned(),
        "YXMzY3IzdC92YWwrdWUgd2l0aCAicXVvdGUi".to_owned(),
        "YWFzM2NyM3QvdmFsK3VlIHdpdGggInF1b3RlIg==".to_owned(),
        "https://x/?q=s3cr3t%2Fval%2Bue%20with%20%22quote%22".to_owned(),
        "7333637233742f76616c2b75652077697468202271756f746522".to_owned(),
        serde_json::to_string(secret).unwrap(),
        "before line two is long enough after".to_owned(),
    ];
    for text in table {
        assert!(secrets.redact(&text).contains("[redacted]"), "{text}");
    }
    assert_eq!(secrets.redact("nothing to see"), "nothing to see");
    assert!(Secrets::new((0..257).map(|n| format!("value{n}"))).is_err());
}

#[test]
fn keys_that_name_a_secret() {
    for key in ["password", "apiKey", "API_KEY", "github_token", "Authorization", "client_secret"] {
        assert!(names_a_secret(key), "{key}");
    }
    for key in ["command", "file_path", "content", "pattern", "description"] {
        assert!(!names_a_secret(key), "{key}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// No named value reaches the file: raw, URL-encoded, or as `base64` writes it behind any text.
    #[test]
    fn no_named_value_is_written(secret in "[!-~]{8,40}", before in "[ -~]{0,5}", after in "[ -~]{0,5}") {
        let fixture = fixture();
        let secrets = Secrets::new([secret.clone()]).unwrap();
        let log = AuditLog::open(&fixture.path, Durability::Never, secrets).unwrap();
        let encoded = encode(&format!("{before}{secret}{after}"));
        let input = serde_json::json!({
            "raw": format!("{before}{secret}{after}"), "base64": encoded.clone(), "nested": [{ "url": urlencode(&secret) }],
        });
        let record = Record::ToolRanUngated { tool_name: "x".to_owned(), tool_input: input, reason: secret.clone() };
        log.append(NOW, None, None, record).unwrap();
        let entry: serde_json::Value = serde_json::from_str(&fixture.lines()[0]).unwrap();
        let said: Vec<&str> = ["raw", "base64"].iter().map(|key| entry["tool_input"][key].as_str().unwrap()).collect();
        prop_assert!(!said[0].contains(&secret) && said[0].contains("[redacted]"), "{}", said[0]);
        prop_assert!(said[1] != encoded && said[1].contains("[redacted]"), "{}", said[1]);
        let url = entry["tool_input"]["nested"][0]["url"].as_str().unwrap();
        prop_assert!(url.contains("[redacted]"), "{}", url);
        prop_assert!(entry["reason"].as_str().unwrap().contains("[redacted]"));
        prop_assert_eq!(verify(&fixture.path).unwrap().finding, None);
    }
}

/// What the program `base64` makes of it.
fn encode(text: &str) -> String {
    let mut child =
        Command::new("base64").arg("-w0").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

fn urlencode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Texts that a pattern matches; boundaries stand for what they would be between.
fn matched_by(pattern: &str) -> impl Strategy<Value = String> + use<> {
    let plain = pattern
        .replace(r"(?-u:\b|bot)", "(?:|bot)")
        .replace(r"(?-u:\b|\s)", " ")
        .replace(r"(?-u:\b)", "")
        .replace(r"|\z)", ")");
    proptest::string::string_regex(&plain).unwrap()
}

#[test]
fn whatever_a_pattern_matches_has_a_hint() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for (pattern, _) in PATTERNS {
        let texts = matched_by(pattern);
        for _ in 0..2_000 {
            let text = texts.new_tree(&mut runner).unwrap().current();
            assert!(hint::of_a_shape(&text), "{pattern} matches {text:?}");
        }
    }
    let keys = matched_by(super::SECRET_KEY.as_str());
    for _ in 0..2_000 {
        let key = keys.new_tree(&mut runner).unwrap().current();
        assert!(hint::of_a_key(&key), "{key:?}");
    }
}

#[test]
fn ordinary_texts_have_no_hint() {
    for text in [
        "git status && ls -la src",
        "/home/dev/proj/src/main.rs",
        "A command that only reads",
        "cargo test -p x",
    ] {
        assert!(!hint::of_a_shape(text), "{text}");
    }
    for key in ["tool_name", "command", "file_path", "description", "matched_rule"] {
        assert!(!hint::of_a_key(key), "{key}");
    }
}
