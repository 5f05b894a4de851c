//! What stands in a room: a home as people have it, with a secret in every file outside the project, and a project that
//! is built anew for every line. Knows no walls.

use crate::room::{DESK, User};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

pub(crate) const HOME: &str = "/home/dev";
pub(crate) const PROJECT: &str = "/home/dev/proj";
/// leashd's own, which it looks into before it puts up the walls.
pub(crate) const STATE: &str = "/home/dev/.leashd";
/// Where leashd keeps caches of contained commands: granted to them.
pub(crate) const CACHES: &str = "/home/dev/.cache/leashd";

/// Files outside, from the root on, all of which may be read and written by the user who runs the lines.
pub(crate) const CANARIES: &[&str] = &[
    "home/dev/.ssh/id_rsa",
    "home/dev/.ssh/id_ed25519",
    "home/dev/.ssh/authorized_keys",
    "home/dev/.ssh/config",
    "home/dev/.ssh/known_hosts",
    "home/dev/.aws/credentials",
    "home/dev/.aws/config",
    "home/dev/.azure/accessTokens.json",
    "home/dev/.gnupg/secring.gpg",
    "home/dev/.kube/config",
    "home/dev/.docker/config.json",
    "home/dev/.netrc",
    "home/dev/.npmrc",
    "home/dev/.pypirc",
    "home/dev/.git-credentials",
    "home/dev/.cargo/credentials.toml",
    "home/dev/.config/gh/hosts.yml",
    "home/dev/.config/gcloud/application_default_credentials.json",
    "home/dev/.config/autostart/a.desktop",
    "home/dev/.config/systemd/user/a.service",
    "home/dev/.bashrc",
    "home/dev/.bash_profile",
    "home/dev/.bash_history",
    "home/dev/.profile",
    "home/dev/.zshrc",
    "home/dev/.env",
    "home/dev/.claude/settings.json",
    "home/dev/.claude/.credentials.json",
    "home/dev/.leashd/audit.jsonl",
    "home/dev/.leashd/leashd.db",
    "home/dev/work/important.txt",
    "home/dev/work/deep/er/notes.md",
    "home/dev/other/.git/config",
    "home/dev/other/.env",
    "home/dev/other/src/main.rs",
    "home/dev/Documents/taxes.txt",
    "home/dev/notes.txt",
    "home/dev/evil.cron",
    "home/mate/.ssh/id_rsa",
    "home/mate/diary.txt",
    "root/.ssh/id_rsa",
    "root/.bashrc",
    "srv/data/db.sqlite",
    "mnt/backup/monday.tar",
    "media/stick/photo.jpg",
    "boot/vmlinuz",
    "var/lib/app/db",
    "var/log/syslog",
    "var/log/auth.log",
    "var/spool/cron/crontabs/root",
    "var/www/index.html",
    "tmp/canary.txt",
    "tmp/obj",
    "tmp/x/y",
    "etc/shadow",
    "etc/gshadow",
    "etc/sudoers",
    "etc/sudoers.d/x",
    "etc/crontab",
    "etc/cron.d/x",
    "etc/ssh/ssh_host_ed25519_key",
    "etc/systemd/system/a.service",
    "dev/sda",
    "dev/sda1",
    "dev/nvme0n1",
];

/// The project as it is for every line.
const FILES: &[(&str, &str)] = &[
    ("README.md", "# proj\n"),
    ("src/main.rs", "fn main() {}\n"),
    ("scripts/build.sh", "#!/bin/sh\necho built\n"),
    ("package.json", "{\"name\": \"proj\", \"scripts\": {\"test\": \"true\"}}\n"),
    ("Cargo.toml", "[package]\nname = \"proj\"\nversion = \"0.1.0\"\n"),
    ("Makefile", "all:\n\techo all\n"),
    (".leopold/state.json", "{\"active\": true}\n"),
    (".gitignore", "target\nnode_modules\ncanary\nlogs\n.env\n"),
    ("target/debug/proj", "binary\n"),
    ("node_modules/left-pad/index.js", "module.exports = 1\n"),
    ("canary/file", "here\n"),
    ("logs/app.log", "line\n"),
    (".env", "API_KEY=of-the-project\n"),
];

/// Plants everything outside the project. What is returned stands in every canary and nowhere else.
pub(crate) fn plant(user: User) -> String {
    let mut random = [0_u8; 16];
    File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
    let secret = random.iter().fold("canary-".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    for path in CANARIES {
        write(&Path::new("/").join(path), &format!("{secret} {path}\n"), user);
    }
    fs::set_permissions(STATE, fs::Permissions::from_mode(0o700)).unwrap();
    for path in [PROJECT, CACHES, "/home/dev/.local/bin", "/run/user"] {
        directory(Path::new(path), user);
    }
    symlink("/run", "/var/run").unwrap();
    project(user);
    secret
}

fn write(path: &Path, text: &str, user: User) {
    directory(path.parent().unwrap(), user);
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    user.give(path);
}

fn directory(path: &Path, user: User) {
    if !path.exists() {
        directory(path.parent().unwrap(), user);
        fs::create_dir(path).unwrap();
        user.give(path);
    }
}

/// The project once, with a history and a remote, kept as a template.
fn project(user: User) {
    let project = Path::new(PROJECT);
    for (path, text) in FILES {
        write(&project.join(path), text, user);
    }
    let script = "set -e; git config --global user.name dev; git config --global user.email dev@example.com; \
                  git config --global init.defaultBranch main; git init -q --template=; git add -A; git commit -qm one; \
                  echo more >> README.md; git commit -qam two; git branch feat; git branch old; git tag v1; \
                  git clone -q --bare --no-hardlinks --template= . ../remote.git; git remote add origin ../remote.git; git fetch -q";
    let mut command = user.command("bash");
    let status = command.args(["-c", script]).env("HOME", HOME).current_dir(project).status().unwrap();
    assert!(status.success(), "git: {status}");
    copy(project, &template(), User::Own);
}

fn template() -> PathBuf {
    Path::new(DESK).join("template")
}

/// The project as it was, whatever became of it. The directory itself stays: the one outside owns it.
pub(crate) fn restore(user: User) {
    for place in [PROJECT, CACHES] {
        empty(Path::new(place));
    }
    copy(&template(), Path::new(PROJECT), user);
}

pub(crate) fn empty(directory: &Path) {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        remove(&entry.path());
    }
}

pub(crate) fn remove(path: &Path) {
    if fs::symlink_metadata(path).unwrap().is_dir() {
        empty(path);
        fs::remove_dir(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
}

fn copy(from: &Path, to: &Path, user: User) {
    if !to.exists() {
        fs::create_dir(to).unwrap();
        user.give(to);
    }
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to, user);
        } else {
            fs::copy(&from, &to).unwrap();
            user.give(&to);
        }
    }
}
