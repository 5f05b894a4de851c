//! Here-documents, quoting and other places where parsers of the shell go wrong.

use super::{check, check_runs, check_unclear};

#[test]
fn here_documents() {
    let table: &[(&str, &[&str])] = &[
        ("cat <<E\nrm x\nE", &["cat"]),
        ("cat <<E; b\nx\nE\nc", &["cat", "b", "c"]),
        ("cat <<A <<B && b\n1\nA\n2\nB\nc", &["cat", "b", "c"]),
        ("<<E cat\nx\nE", &["cat"]),
        ("cat <<-E\n\tx\n\tE\nb", &["cat", "b"]),
        ("cat <<'E F'\nx\nE F\nb", &["cat", "b"]),
        ("cat <<\"E\"\n$(rm x)\nE", &["cat"]),
        ("cat <<E\n$(rm x) `rm y` \\$(z)\nE", &["rm x", "rm y", "cat"]),
        ("cat <<E\na\\\nE\nb\nE\nc", &["cat", "c"]),
        ("cat <<'E'\na\\\nE\nc", &["cat", "c"]),
        ("cat <<E | b\nx\nE", &["cat", "b"]),
        ("(cat <<E\nx\nE\n) | b", &["cat", "b"]),
        ("x=$(cat <<E\n1) ' \" `` \nE\n); b", &["cat", "b"]),
        ("cat <<E $(b\nc)\nx\nE\nd", &["b", "c", "cat ‹the output of b›‹the output of c›", "d"]),
        ("cat <<E # c '\nx\nE\nb", &["cat", "b"]),
        ("cat <<E>f;b\nx\nE", &["cat", "b"]),
        ("echo \"<<E\"\nb", &["echo <<E", "b"]),
        ("while read x; do a; done <<E\nrm\nE", &["read x", "a"]),
        ("f() {\ncat <<E\nrm\nE\n}\nf", &["cat"]),
        ("cat <<$'E'\nx\nE\nb", &["cat", "b"]),
    ];
    for (line, expected) in table {
        check(line, expected);
    }
    check_unclear("cat <<E\nx\nE\r\nrm y");
    check_unclear("f() { cat <<E; }\nx\nE");
    check_runs("bash <<E\nrm -rf x", "rm -rf x");
}

#[test]
fn lines_before_an_error_run() {
    check_runs("rm -rf x\n(", "rm -rf x");
    check_unclear("rm -rf x\n(");
}

#[test]
fn unterminated_things_are_unclear() {
    for line in [
        "a 'b",
        "a \"b",
        "a `b",
        "a $(b",
        "a ${b",
        "a $((1",
        "(a",
        "{ a",
        "if a",
        "case a in",
        "[[ a",
        "f() {",
        "a &&",
        "a <",
    ] {
        check_unclear(line);
    }
}
