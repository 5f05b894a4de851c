//! Forms on which other parsers lose commands.

use super::check;

#[test]
fn forms_that_agents_write() {
    let table: &[(&str, &[&str])] = &[
        ("python3 - <<'EOF' 2>&1 | tail\nx\nEOF", &["python3 -", "tail"]),
        ("cat <<'EOF' > f; b\nx\nEOF\nc", &["cat", "b", "c"]),
        ("cat <<'EOF'; b\nx\nEOF", &["cat", "b"]),
        ("git commit -m \"$(cat <<'EOF'\n1) it's\nEOF\n)\" && b", &["cat", "git commit -m 1) it's", "b"]),
        ("git commit -m \"$(cat <<'EOF'\n1) it's\nEOF)\" && b", &["cat", "git commit -m 1) it's", "b"]),
        ("cat <<EOF\n`rm x`\nEOF", &["rm x", "cat"]),
        ("r\\\nm x", &["rm x"]),
        ("cat <<A <<B\n1\nA\n2\nB", &["cat"]),
        ("<<A cat\n1\nA", &["cat"]),
        ("{rm,-rf,/}", &["rm -rf /"]),
        ("a <> f", &["a"]),
        (
            "b $(case x in a) c;; (d) e;; esac)",
            &[
                "c",
                "e",
                "b ‹the output of c›‹a value that depends on how the line goes›‹the output of e›‹a value that depends on how the line goes›",
            ],
        ),
        ("for ((i=0;;i++)); do a; done", &["a"]),
        ("select x in a b; do c; done", &["c"]),
        ("echo `a \\`b\\``", &["b", "a ‹the output of b›", "echo ‹the output of a›"]),
        ("time -p a", &["a"]),
        ("c ${x:-$(a)}", &["a", "c ‹the output of a›"]),
        ("x=1; c ${x/$(a)/}", &["a", "c ‹a part of a value›"]),
        ("c ${ a; }", &["a", "c ‹the output of a›"]),
        ("c $'\\x41\\u00e9\\e'", &["c Aé\u{1b}"]),
    ];
    for (line, expected) in table {
        check(line, expected);
    }
}
