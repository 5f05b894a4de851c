//! What cannot be told is said.

use super::{check, check_unclear};

#[test]
fn unclear_lines() {
    let lines = [
        "$x",
        "$(cat f)",
        "/bin/r?",
        "eval \"$x\"",
        "bash -c \"$x\"",
        "bash -c \"cd $x && a\"",
        "ls \u{200b}x",
        "ls\r\nb",
        "ls\u{a0}-l",
        "echo 'a",
        "echo \"a",
        "if a; then b",
        "a &; b",
        "a ;; b",
        "cat <<EOF\nx",
        "(a",
        "a)",
        "echo ${x!y}",
        "n=$(cat f); echo $((n))",
        "read x; eval $x",
        "if a; then x=rm; fi; $x y",
        "x=ls; while a; do x=rm; break; done; $x y",
        "f() { a; } ; }",
        "for x in *; do $x; done",
        "case a in esac esac",
        "[[ a b ]]",
        "[[ -v $(cat f) ]]",
        "x=$(cat f); [[ x -eq 0 ]]",
        "alias q=$x",
        "declare $x",
        "read $x",
        "${x@P}; x=$(cat f); echo ${x@P}",
        "fc -s",
    ];
    for line in lines {
        check_unclear(line);
    }
}

#[test]
fn clear_lines() {
    check("echo $((1<<x))\nb", &["echo ‹a number only known when it runs›", "b"]);
    check("n=$(wc -l < f); echo $((n + 1))", &["wc -l", "echo ‹a number only known when it runs›"]);
    check("echo 'a\\'; b #'", &["echo a\\", "b"]);
    check("echo ok #\\\nb", &["echo ok", "b"]);
    check("ls #'\nb\n#'", &["ls", "b"]);
    check("cat <<E-X\nhello\nE-X\nb", &["cat", "b"]);
    check("cd src && make -j$(nproc)", &["cd src", "nproc", "make -j‹a number only known when it runs›"]);
}
