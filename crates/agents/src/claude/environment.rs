//! Which variables an agent gets: a short list by name, and ours. Reads no environment itself.

use std::ffi::{OsStr, OsString};

/// Pass by name: the machine, the language, the way to the network.
const PLAIN: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TERM",
    "COLORTERM",
    "TZ",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
];
const PLAIN_PREFIXES: &[&str] = &["LC_", "ANTHROPIC_"];

/// Pass only if the cloud that reads them is selected.
const BEDROCK: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
];
const VERTEX: &[&str] = &[
    "CLOUD_ML_REGION",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
    "GCLOUD_PROJECT",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
];
const VERTEX_PREFIX: &str = "VERTEX_REGION_";

/// Never pass, whoever asks: they run code or change what the agent is.
const NEVER: &[&str] =
    &["CLAUDECODE", "NODE_OPTIONS", "BASH_ENV", "ENV", "PROMPT_COMMAND", "SHELLOPTS", "BASHOPTS", "IFS"];
const NEVER_PREFIXES: &[&str] = &["LD_", "DYLD_", "BASH_FUNC_", "CLAUDE_CODE_", "LEASHD_", "GIT_CONFIG"];

/// The variables of `all` that an agent may get: the built-in list and the names in `more`.
pub fn allowed_environment(
    all: impl IntoIterator<Item = (OsString, OsString)>,
    more: &[String],
) -> Vec<(OsString, OsString)> {
    let all: Vec<_> = all.into_iter().collect();
    let selected = |name: &str| {
        all.iter().any(|(key, value)| {
            key == OsStr::new(name) && value != OsStr::new("") && value != OsStr::new("0")
        })
    };
    let (bedrock, vertex) = (selected("CLAUDE_CODE_USE_BEDROCK"), selected("CLAUDE_CODE_USE_VERTEX"));
    let passes = |name: &str| {
        let cloud = (bedrock && BEDROCK.contains(&name))
            || (vertex && (VERTEX.contains(&name) || name.starts_with(VERTEX_PREFIX)));
        let plain = PLAIN.contains(&name) || PLAIN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        cloud || plain || (more.iter().any(|more| more == name) && !never_passes(name))
    };
    let kept = all.iter().filter(|(name, _)| name.to_str().is_some_and(passes));
    kept.cloned().collect()
}

/// True for a variable that never passes by request. Those in the built-in lists pass although they look like one.
#[must_use]
pub fn never_passes(name: &str) -> bool {
    NEVER.contains(&name) || NEVER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// `passed` without anything forbidden, and with `ours` in place of what has the same name.
pub(crate) fn with_ours(
    passed: &[(OsString, OsString)],
    ours: Vec<(OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let known = |name: &str| [PLAIN, BEDROCK, VERTEX].iter().any(|list| list.contains(&name));
    let mut environment: Vec<(OsString, OsString)> = passed
        .iter()
        .filter(|(name, _)| name.to_str().is_some_and(|name| known(name) || !never_passes(name)))
        .filter(|(name, _)| !ours.iter().any(|(our, _)| our == name))
        .cloned()
        .collect();
    environment.extend(ours);
    environment
}

/// The value of `name`.
pub(crate) fn value<'a>(environment: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    environment.iter().rev().find(|(key, _)| key == OsStr::new(name)).map(|(_, value)| value.as_os_str())
}

#[cfg(test)]
mod tests {
    use super::{allowed_environment, with_ours};
    use std::ffi::OsString;

    fn pairs(list: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        list.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[track_caller]
    fn check(all: &[(&str, &str)], more: &[&str], expected: &[&str]) {
        let more: Vec<String> = more.iter().map(|&name| name.to_owned()).collect();
        let names: Vec<_> =
            allowed_environment(pairs(all), &more).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected.iter().map(OsString::from).collect::<Vec<_>>());
    }

    #[test]
    fn only_named_variables_pass() {
        check(
            &[
                ("PATH", "/bin"),
                ("CLAUDECODE", "1"),
                ("CLAUDE_CODE_SIMPLE", "1"),
                ("NODE_OPTIONS", "-r evil"),
            ],
            &[],
            &["PATH"],
        );
        check(&[("LD_PRELOAD", "x"), ("BASH_ENV", "x"), ("SECRET", "x"), ("LC_ALL", "C")], &[], &["LC_ALL"]);
        check(
            &[("ANTHROPIC_API_KEY", "k"), ("CLAUDE_CODE_OAUTH_TOKEN", "t")],
            &[],
            &["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"],
        );
    }

    #[test]
    fn cloud_credentials_pass_only_with_their_cloud() {
        let aws = [("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_REGION", "y")];
        check(&aws, &[], &[]);
        check(&[aws[0], ("CLAUDE_CODE_USE_BEDROCK", "0")], &[], &["CLAUDE_CODE_USE_BEDROCK"]);
        check(
            &[aws[0], ("CLAUDE_CODE_USE_BEDROCK", "1")],
            &[],
            &["AWS_SECRET_ACCESS_KEY", "CLAUDE_CODE_USE_BEDROCK"],
        );
        check(&[aws[0], ("CLAUDE_CODE_USE_VERTEX", "1")], &[], &["CLAUDE_CODE_USE_VERTEX"]);
    }

    #[test]
    fn a_person_can_pass_more_but_not_what_runs_code() {
        check(
            &[("SSH_AUTH_SOCK", "s"), ("LD_PRELOAD", "x"), ("CLAUDE_CODE_SIMPLE", "1")],
            &["SSH_AUTH_SOCK", "LD_PRELOAD", "CLAUDE_CODE_SIMPLE"],
            &["SSH_AUTH_SOCK"],
        );
    }

    #[test]
    fn ours_win() {
        let passed = pairs(&[("PATH", "/bin"), ("SHELL", "/bin/zsh"), ("CLAUDE_CODE_SIMPLE", "1")]);
        let environment = with_ours(&passed, pairs(&[("SHELL", "/bin/bash")]));
        assert_eq!(environment, pairs(&[("PATH", "/bin"), ("SHELL", "/bin/bash")]));
    }
}
