//! The programs whose arguments are a language of their own, by the name the table uses.

use super::args::Parsed;
use super::report::Report;
use super::{
    awk, build, editors, environment, files, find, git, network, packages, sed, services, shells, sql, tools,
    wrappers,
};
use crate::Word;

/// Whether the entry's own roles apply too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Done,
    Generic,
}

pub(super) fn run(name: &str, report: &mut Report<'_>, parsed: &Parsed<'_>, words: &[Word]) -> After {
    match name {
        "awk" => awk::program(report, parsed),
        "sed" => sed::program(report, parsed),
        "find" => find::find(report, words),
        "git" => git::git(report, words),
        "chmod" => files::chmod(report, parsed),
        "creation-mode" => files::creation_mode(report, parsed),
        "setfacl" => files::setfacl(report, parsed),
        "chattr" => files::chattr(report, words),
        "kill" => files::kill(report, words),
        "dd" => files::dd(report, words),
        "tar" => files::tar(report, words, parsed),
        "crontab" => files::crontab(report, parsed),
        "link" => files::link(report, parsed),
        "unlink-source" => files::remove_source(report, parsed),
        "curl" => network::curl(report, parsed),
        "wget" => network::wget(report, parsed),
        "nc" => network::nc(report, parsed, words),
        "ssh" => network::ssh(report, parsed),
        "scp" => network::scp(report, parsed),
        "rsync" => network::rsync(report, parsed),
        "http" => network::httpie(report, parsed),
        "socat" => network::socat(report, parsed),
        "dig" => network::dig(report, parsed),
        _ => others(name, report, parsed, words),
    }
}

/// Wrappers, interpreters and clients of services.
fn others(name: &str, report: &mut Report<'_>, parsed: &Parsed<'_>, words: &[Word]) -> After {
    match name {
        "shell" => shells::shell(report, words),
        "env" => environment::env(report, words),
        "export" => environment::export(report, words),
        "set" => environment::set(report, words),
        "xargs" => shells::xargs(report, parsed),
        "parallel" => shells::parallel(report, words),
        "su" => shells::su(report, parsed),
        "source" => shells::source(report, words),
        "sudo" => shells::sudo(report, parsed),
        "assign-sh" => wrappers::assignments_then_line(report, parsed),
        "cargo-watch" => wrappers::cargo_watch(report, parsed),
        "tool-exec" => wrappers::tool_exec(report, parsed, words),
        "assign-cmd" => wrappers::assignments_then_command(report, parsed),
        "eval" => wrappers::eval(report, words),
        "printenv" => wrappers::printenv(report, parsed),
        "gdb" => wrappers::debugger(report, parsed),
        "start-stop" => wrappers::start_stop(report, parsed),
        "fd" => wrappers::fd(report, words),
        "stdin-script" => shells::stdin_script(report, parsed),
        "psql" | "mysql" | "sqlite" | "mongo" | "redis" => sql::client(report, name, parsed),
        "interpreter" => tools::interpreter(report, parsed),
        "python" => tools::python(report, parsed),
        "vim" => editors::vim(report, parsed, words),
        "ed" => editors::ed(report, parsed),
        "emacs" => editors::emacs(report, parsed),
        "npx" => packages::npx(report, parsed),
        "npm-install" => packages::install(report, parsed),
        "npm-version" => packages::npm_version(report, parsed),
        "npm-config" => packages::npm_config(report, parsed),
        "pip" => packages::install(report, parsed),
        "tmux" => wrappers::tmux(report, parsed, words),
        "spawns" => wrappers::spawns(report, parsed),
        "applescript" => wrappers::apple_script(report, parsed),
        "java" => build::java(report, parsed),
        "sftp" => network::sftp(report, parsed),
        "make" => build::make(report, parsed),
        "cmake" => build::cmake(report, parsed),
        "pager" => editors::pager(report, parsed),
        "mount" => files::mount(report, parsed),
        "npm-init" => packages::npm_init(report, parsed),
        "kubectl-get" => services::kubectl_get(report, parsed),
        "gh-api" => services::gh_api(report, parsed),
        "gh-alias" => services::gh_alias(report, parsed),
        "kubectl-delete" => services::kubectl_delete(report, parsed),
        "docker-run" => services::docker_run(report, parsed),
        "aws-cp" => services::bucket_copy(report, parsed),
        "openssl" => tools::openssl(report, words),
        "go-run" => packages::go_run(report, parsed),
        "tool-install" => packages::tool_install(report, parsed),
        "uvx" => packages::uvx(report, parsed),
        "project-script" => packages::project_script(report, parsed),
        "service-by-verb" => services::service_by_verb(report, parsed),
        _ => {
            report.unclear(format!("the effects table names `{name}`, which is not there"));
            After::Done
        }
    }
}
