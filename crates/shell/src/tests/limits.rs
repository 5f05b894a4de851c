//! Past every limit the answer is "unclear", and it comes soon whatever the line.

use super::{analyzed, check_unclear};
use std::time::{Duration, Instant};

/// Generous, for a debug build on a busy machine; anything quadratic takes minutes.
const SOON: Duration = Duration::from_secs(20);

const SIZE: usize = 64 * 1024;

fn soon(name: &str, line: &str) {
    let start = now();
    analyzed(line);
    let taken = start.elapsed();
    assert!(taken < SOON, "{name} took {taken:?}");
}

#[expect(clippy::disallowed_methods, reason = "the test measures")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn limits_are_unclear() {
    let deep = |open: &str, inner: &str, close: &str, count: usize| {
        format!("{}{inner}{}", open.repeat(count), close.repeat(count))
    };
    for line in [
        "a".repeat(256 * 1024 + 1),
        deep("$(", "a", ")", 300),
        deep("( ", "a", ")", 2000),
        deep("{ ", "a; ", "}; ", 2000),
        deep("${x:-", "a", "}", 500),
        deep("if a; then ", "b; ", "fi; ", 300),
        "echo {1..10001}".to_owned(),
        "echo {1..99999999999}".to_owned(),
        "echo {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}".to_owned(),
        format!("a {}", "b ".repeat(20_000)),
        format!("x={}; {}", "a".repeat(1000), "x=$x$x; ".repeat(40)),
        format!(
            "f0() {{ a; }}; {} f40",
            (1..=40).map(|n| format!("f{n}() {{ f{0}; f{0}; }};", n - 1)).collect::<String>()
        ),
        "a;".repeat(30_000),
    ] {
        check_unclear(&line);
    }
}

/// Repeated until the line is long enough for anything quadratic to show.
const SHAPES: &[&str] = &[
    "'",
    "\"",
    "`",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "$",
    "$(",
    "$((",
    "${",
    "\\",
    "\n",
    ";",
    "&",
    "|",
    "<",
    ">",
    "<<E\n",
    "<<E ",
    "<(",
    "a ",
    "a;",
    "a|",
    "a&&",
    "''",
    "\"\" ",
    "'a b' ",
    "\"$x\" ",
    "$x",
    "${x}",
    "$(a) ",
    "`a` ",
    "$((1)) ",
    "{a,b} ",
    "{a,",
    "{1..9}",
    "x=1;",
    "x=1 y=$x a;",
    "a[",
    "a[1]=2 ",
    "a=(",
    "a=(b) ",
    "((a) ",
    "(( a ) );",
    "[[ a ]];",
    "[[ (",
    "! ",
    "time ",
    "if a; then b; fi;",
    "for i in a b c; do ",
    "while a; do x=$x; ",
    "case a in ",
    "case a in b) c;; esac;",
    "f() { a; };",
    "f() {",
    "a <<E\nb\nE\n",
    "#",
    "a#b ",
    "a\\\n",
    "~",
    "*",
    "?(",
    "@(",
    "*(extglob",
    "é",
    "\u{200b}",
    "cd a;",
    "cd a && ",
    "echo a > f;",
    "echo a >> f;",
    "eval a;",
    "x+=a;",
    "x=a$x;",
    "set -- \"$@\" a;",
    "a=(\"${a[@]}\" b);",
    "trap a EXIT;",
    "alias a=b;",
    "x[$i]=1;",
    "$'\\x41'",
    "((i++));",
    "bash -c 'a';",
    "export a=b;",
    "X=1 a;",
    "a & ",
    "a || x=1;",
    "{ a; } > f;",
    "read x;",
    "a <<< b;",
    "echo a |",
    "y=${x//a/b};",
    "x=aaaaaaaaaaaa;",
    "if a; then x=1; fi;",
];

#[test]
fn shapes_that_could_be_slow() {
    for unit in SHAPES {
        soon(unit, &unit.repeat(SIZE / unit.len()));
    }
}

#[test]
fn shapes_of_two_parts() {
    let many = (0..16_000).map(|n| format!("v{n}=1;")).collect::<String>();
    soon("copies of many variables", &format!("{many}{}", "X=1 a;".repeat(15_000)));
    soon("branches over many variables", &format!("{many}{}", "a && x=1;".repeat(12_000)));
    soon(
        "a large here-document",
        &format!("{{ {} }} <<E\n{}\nE", "cat;".repeat(10_000), "a".repeat(200_000)),
    );
    soon("a large value", &format!("x={}; {}", "a".repeat(200_000), "echo $x;".repeat(5_000)));
    soon(
        "nested loops",
        &format!("{} echo $x; {}", "for x in 1 2 3 4 5 6 7 8; do ".repeat(20), "done;".repeat(20)),
    );
    soon(
        "nested while",
        &format!("{} x=$x$y; echo a >> f; {}", "while a; do ".repeat(20), "done;".repeat(20)),
    );
    soon("patterns", &format!("x={}; echo ${{x//*a*a*a*a*a*b/c}}", "a".repeat(250)));
    soon("trims", &format!("x={}; echo ${{x%%*a*a*a*a*a*b}}", "a".repeat(4000)));
    soon("eval in eval", &format!("x='eval \"$x$x\"'; {}", "eval \"$x\";".repeat(100)));
    soon(
        "arithmetic",
        "a=b+b b=c+c c=d+d d=e+e e=f+f f=g+g g=h+h h=i+i i=j+j j=k+k k=l+l; echo $((a)) $((a+a+a+a+a))",
    );
    let braces = |inner: &str| format!("{}{inner};{}", "{ ".repeat(25), " }".to_owned() + &"; }".repeat(24));
    let chain =
        (1..=30).map(|n| format!("f{n}() {{ {}; }};", braces(&format!("f{}", n - 1)))).collect::<String>();
    soon("functions in braces", &format!("f0() {{ a; }}; {chain} f30"));
    soon("parentheses in arithmetic", &format!("echo $(({}1{}))", "(".repeat(100_000), ")".repeat(100_000)));
}

#[test]
fn brackets_of_inline_code_end_at_every_depth() {
    for depth in 1..40 {
        let open = "(".repeat(depth);
        for program in ["ruby -e", "perl -e", "python3 -c", "node -e", "php -r"] {
            for end in ["\"", "\"a\" \"b\"", "'\\''x'\\'' + y", "1"] {
                soon(program, &format!("{program} 'I{open}{end}'"));
            }
        }
    }
}
