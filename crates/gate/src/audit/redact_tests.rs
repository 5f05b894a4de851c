//! What is taken out and what stays.

use super::{SHAPES, Secrets, names_a_secret};

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
