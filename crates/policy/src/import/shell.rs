//! Rules about shell commands: prefixes, wildcards and whole lines.

use super::yaml::Draft;
use leashd_shell::{Env, analyze};
use leashd_types::Decision;
use std::collections::BTreeMap;

pub(super) fn draft(spec: &str, action: Decision, home: &str) -> Result<Draft, String> {
    let spec = spec.trim();
    // `git:*` and `git *` are the same: the word, and whatever follows it.
    let prefix = spec.strip_suffix(":*").or_else(|| spec.strip_suffix(" *")).map(str::trim_end);
    let draft = match prefix {
        Some("") => return Ok(super::whole_tool("Bash", action)),
        Some(prefix) if !prefix.contains('*') => starting_with(prefix, action, home)?,
        None if !spec.contains('*') => exactly(spec, action, home)?,
        _ => return wildcard(spec, action),
    };
    Ok(draft)
}

fn starting_with(prefix: &str, action: Decision, home: &str) -> Result<Draft, String> {
    let words = words(prefix, action, home)?;
    let plain = |word: &String| !word.is_empty() && !word.contains(['|', ' ', '\t', '\n']);
    let by_name = words.first().is_some_and(|program| !program.contains('/'));
    let draft = if words.iter().all(plain) && by_name {
        Draft::new(action).commands(vec![words.join(" ")])
    } else {
        let pattern = format!("^{}(?: |$)", regex_syntax::escape(&words.join(" ")));
        Draft::new(action).tools(vec!["Bash".to_owned()]).command_patterns(vec![pattern])
    };
    if action != Decision::Allow {
        return Ok(draft);
    }
    Ok(reach(&words).into_iter().fold(draft, Draft::wider))
}

fn exactly(line: &str, action: Decision, home: &str) -> Result<Draft, String> {
    let words = words(line, action, home)?;
    let pattern = format!("^{}$", regex_syntax::escape(&words.join(" ")));
    let draft = Draft::new(action).tools(vec!["Bash".to_owned()]).command_patterns(vec![pattern]);
    let code = if action == Decision::Allow { runs_project_code(&words) } else { None };
    Ok(code.into_iter().fold(draft, Draft::wider))
}

/// The words of one simple command.
fn words(line: &str, action: Decision, home: &str) -> Result<Vec<String>, String> {
    let several = match action {
        Decision::Allow => "it is not one plain command; allow each of its commands instead",
        Decision::Ask | Decision::Deny => {
            "it is not one plain command; name the command that should be stopped"
        }
    };
    let files = BTreeMap::new();
    let analysis = analyze(line, &Env { cwd: "/", home, files: &files });
    let [command, nested @ ..] = analysis.commands.as_slice() else { return Err(several.to_owned()) };
    // What a wrapper runs comes along with it; a second command of the line does not.
    let one_line = nested.iter().all(|inner| !inner.via.is_empty());
    let operators = line.contains(['<', '>', ';', '&', '`', '(', ')', '$', '\n']);
    if !one_line || operators || !command.assignments.is_empty() {
        return Err(several.to_owned());
    }
    let words: Option<Vec<String>> =
        command.words.iter().map(|word| word.text().map(str::to_owned)).collect();
    words.filter(|words| !words.is_empty()).ok_or_else(|| several.to_owned())
}

/// A `*` anywhere stands for any text. A denial is also tried against the line as it is written, so it may hold
/// operators; anything else is tried against one command.
fn wildcard(spec: &str, action: Decision) -> Result<Draft, String> {
    let operators = spec.contains(['|', '<', '>', ';', '&', '`', '$', '\n', '\'', '"', '\\']);
    if operators && action != Decision::Deny {
        return Err(
            "a rule is held against one command of a line, without its quotes and operators".to_owned()
        );
    }
    let (body, tail) = match spec.strip_suffix(" *") {
        Some(body) => (body, "(?: .*)?"),
        None => (spec, ""),
    };
    let text: Vec<String> = body.split('*').map(regex_syntax::escape).collect();
    let pattern = format!("(?s)^{}{tail}$", text.join(".*"));
    let draft = Draft::new(action).tools(vec!["Bash".to_owned()]).command_patterns(vec![pattern]);
    Ok(match action {
        Decision::Allow => draft
            .wider(format!("a `*` stands for any words, options that run something else included: `{spec}`")),
        Decision::Ask | Decision::Deny => draft,
    })
}

/// What a prefix lets through besides what it was written for.
fn reach(words: &[String]) -> Vec<String> {
    let program = words.first().map_or("", String::as_str);
    let program = program.rsplit('/').next().unwrap_or(program);
    let mut found = Vec::new();
    found.extend(of_program(program, words).map(str::to_owned));
    found.extend(runs_project_code(words));
    if found.is_empty() {
        found.push(format!("every option and argument of `{}` is covered", words.join(" ")));
    }
    found
}

fn of_program(program: &str, words: &[String]) -> Option<&'static str> {
    Some(match (program, words.len()) {
        ("git", 1) => {
            "`git push --force`, `git reset --hard` and `git -c alias.x='!sh' x` are covered; the floor denies only the first"
        }
        ("git", _) => {
            "options before the subcommand are covered: `git -c core.sshCommand=… …` runs what it names"
        }
        ("sh" | "bash" | "zsh" | "dash" | "eval" | "source", _) => {
            "a shell runs anything; the commands in it are judged on their own where they can be read"
        }
        (
            "python" | "python3" | "node" | "ruby" | "perl" | "php" | "deno" | "bun" | "lua" | "osascript",
            1,
        ) => "an interpreter runs any code: `-c`, `-e`, a script from anywhere",
        ("npx" | "bunx" | "uvx" | "pipx" | "dlx", _) => "it downloads packages and runs them",
        (
            "env" | "xargs" | "timeout" | "nohup" | "nice" | "time" | "watch" | "parallel" | "command"
            | "exec",
            _,
        ) => "it runs other commands; each is judged on its own, so this rule alone allows none of them",
        ("sudo" | "doas" | "su" | "pkexec", _) => "the floor denies it whatever a rule says",
        ("find" | "fd", _) => "`-delete` and `-exec` are covered; what `-exec` runs is judged on its own",
        ("ssh" | "docker" | "podman" | "kubectl", 1) => {
            "commands elsewhere are covered, as is everything that destroys there"
        }
        ("curl" | "wget" | "http" | "nc" | "rsync" | "scp", _) => {
            "it sends as well as fetches, to any host, and writes files: `-d @file`, `-o file`"
        }
        ("rm" | "mv" | "cp" | "dd" | "tee" | "chmod" | "chown" | "sed" | "awk" | "tar", 1) => {
            "it changes or runs more than it seems to; the boundary and the floor are what is left"
        }
        ("gh" | "glab" | "aws" | "gcloud" | "az" | "terraform" | "tofu" | "heroku" | "fly" | "vercel", 1) => {
            "every subcommand is covered, those that destroy or publish included"
        }
        ("npm" | "yarn" | "pnpm" | "pip" | "pip3" | "cargo" | "uv" | "gem", 1) => {
            "every subcommand is covered, publishing included"
        }
        _ => return None,
    })
}

fn runs_project_code(words: &[String]) -> Option<String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runs = match words.as_slice() {
        ["npm" | "yarn" | "pnpm" | "bun", rest @ ..] => {
            rest.is_empty()
                || rest.iter().any(|word| {
                    matches!(
                        *word,
                        "run" | "test" | "start" | "exec" | "install" | "ci" | "run-script" | "x" | "dlx"
                    )
                })
        }
        [
            "make" | "just" | "task" | "rake" | "gradle" | "mvn" | "tox" | "nox" | "pytest" | "jest"
            | "vitest",
            ..,
        ] => true,
        ["cargo" | "go", rest @ ..] => {
            rest.is_empty()
                || rest.iter().any(|word| matches!(*word, "run" | "test" | "build" | "check" | "generate"))
        }
        ["uv" | "poetry" | "pdm" | "hatch", "run", ..] => true,
        _ => false,
    };
    runs.then(|| "it runs code of the project, which the agent can write".to_owned())
}
