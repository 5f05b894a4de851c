//! leashd as a service of the system: a systemd user unit, or a launchd agent. Only the text and where it belongs; it is
//! enabled by the person, with the command that is printed.

use crate::failure::Failure;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Which program starts services here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Systemd,
    Launchd,
}

/// What a service is made of.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) kind: Kind,
    pub(crate) program: PathBuf,
    /// leashd's home, if it is not the usual one.
    pub(crate) home: Option<PathBuf>,
    /// Where programs are looked for: a service has hardly any of the person's own way.
    pub(crate) path: String,
    pub(crate) user_home: PathBuf,
}

/// In launchd's and systemd's own naming.
const SYSTEMD_NAME: &str = "leashd.service";
const LAUNCHD_NAME: &str = "dev.leashd.daemon.plist";

impl Kind {
    pub(crate) fn of_this_system() -> Self {
        if cfg!(target_os = "macos") { Kind::Launchd } else { Kind::Systemd }
    }
}

impl Unit {
    /// Where it belongs. `config_home` is `XDG_CONFIG_HOME`, if set.
    pub(crate) fn place(&self, config_home: Option<&Path>) -> PathBuf {
        match self.kind {
            Kind::Systemd => config_home
                .map_or_else(|| self.user_home.join(".config"), Path::to_owned)
                .join("systemd/user")
                .join(SYSTEMD_NAME),
            Kind::Launchd => self.user_home.join("Library/LaunchAgents").join(LAUNCHD_NAME),
        }
    }

    /// What a person runs next.
    pub(crate) fn enable(&self, place: &Path) -> String {
        match self.kind {
            Kind::Systemd => {
                format!("systemctl --user daemon-reload && systemctl --user enable --now {SYSTEMD_NAME}")
            }
            Kind::Launchd => format!("launchctl bootstrap gui/$(id -u) '{}'", place.display()),
        }
    }

    /// What a person runs before the file goes away.
    pub(crate) fn disable(&self, place: &Path) -> String {
        match self.kind {
            Kind::Systemd => format!("systemctl --user disable --now {SYSTEMD_NAME}"),
            Kind::Launchd => format!("launchctl bootout gui/$(id -u) '{}'", place.display()),
        }
    }

    /// # Errors
    /// If a path has a character these files cannot carry.
    pub(crate) fn text(&self) -> Result<String, Failure> {
        let texts = [Some(&self.program), self.home.as_ref()].into_iter().flatten();
        for path in texts {
            let plain = path.to_str().is_some_and(|text| !text.chars().any(char::is_control));
            if !plain {
                return Err(Failure::failed(format!(
                    "{} cannot be written into a service file",
                    path.display()
                ))
                .hint("put leashd where the path is plain text"));
            }
        }
        Ok(match self.kind {
            Kind::Systemd => self.systemd(),
            Kind::Launchd => self.launchd(),
        })
    }

    fn systemd(&self) -> String {
        let mut environment = format!("Environment={}\n", quoted(&format!("PATH={}", self.path)));
        if let Some(home) = &self.home {
            environment
                .push_str(&format!("Environment={}\n", quoted(&format!("LEASHD_HOME={}", home.display()))));
        }
        format!(
            "# Written by `leashd service install`.\n\
             [Unit]\n\
             Description=leashd: runs a coding agent so that every tool call passes a gate\n\
             Documentation=man:leashd(1)\n\
             \n\
             [Service]\n\
             Type=notify\n\
             NotifyAccess=main\n\
             ExecStart={program} start --foreground --headless\n\
             ExecReload=/bin/kill -HUP $MAINPID\n\
             {environment}\
             Restart=on-failure\n\
             RestartSec=2\n\
             # 2 usage, 6 not contained, 8 refused: trying again changes nothing.\n\
             RestartPreventExitStatus=2 6 8\n\
             WatchdogSec=60\n\
             TimeoutStopSec=30\n\
             UMask=0077\n\
             \n\
             [Install]\n\
             WantedBy=default.target\n",
            program = quoted(&self.program.display().to_string()),
        )
    }

    fn launchd(&self) -> String {
        let mut environment = format!("    <key>PATH</key><string>{}</string>\n", escaped(&self.path));
        if let Some(home) = &self.home {
            let home = escaped(&home.display().to_string());
            environment.push_str(&format!("    <key>LEASHD_HOME</key><string>{home}</string>\n"));
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
             <!-- Written by `leashd service install`. -->\n\
             <plist version=\"1.0\"><dict>\n  \
             <key>Label</key><string>dev.leashd.daemon</string>\n  \
             <key>ProgramArguments</key><array>\n    \
             <string>{program}</string><string>start</string><string>--foreground</string><string>--headless</string>\n  \
             </array>\n  \
             <key>EnvironmentVariables</key><dict>\n{environment}  </dict>\n  \
             <key>RunAtLoad</key><true/>\n  \
             <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>\n  \
             <key>ProcessType</key><string>Interactive</string>\n\
             </dict></plist>\n",
            program = escaped(&self.program.display().to_string()),
        )
    }
}

/// Writes the file. One that is ours already is replaced, anything else is not.
pub(crate) fn install(place: &Path, text: &str) -> Result<(), Failure> {
    match fs::read_to_string(place) {
        Ok(there) if !is_ours(&there) => {
            return Err(Failure::failed(format!("{} was not written by leashd", place.display()))
                .hint("move it away, then run this again"));
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(Failure::failed(format!("{}: {error}", place.display())));
        }
        Ok(_) | Err(_) => {}
    }
    let cannot = |error: std::io::Error| Failure::failed(format!("{}: {error}", place.display()));
    let directory = place.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory).map_err(cannot)?;
    let half = place.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o644)
        .open(&half)
        .map_err(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)?;
    fs::rename(&half, place).map_err(cannot)
}

/// Whether there was one to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    Yes,
    NothingThere,
}

pub(crate) fn uninstall(place: &Path) -> Result<Removed, Failure> {
    match fs::read_to_string(place) {
        Ok(there) if !is_ours(&there) => {
            Err(Failure::failed(format!("{} was not written by leashd", place.display()))
                .hint("remove it yourself if you do not want it"))
        }
        Ok(_) => {
            fs::remove_file(place)
                .map_err(|error| Failure::failed(format!("{}: {error}", place.display())))?;
            Ok(Removed::Yes)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Removed::NothingThere),
        Err(error) => Err(Failure::failed(format!("{}: {error}", place.display()))),
    }
}

fn is_ours(text: &str) -> bool {
    text.contains("Written by `leashd service install`")
}

/// One word of a systemd setting: `%`, `"` and `\` mean something there. `$` does not, in a program's path and in
/// `Environment=`.
fn quoted(text: &str) -> String {
    let mut word = String::from("\"");
    for character in text.chars() {
        match character {
            '%' => word.push_str("%%"),
            '"' | '\\' => word.extend(['\\', character]),
            _ => word.push(character),
        }
    }
    word.push('"');
    word
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{Kind, Removed, Unit, install, quoted, uninstall};
    use std::fs;
    use std::path::PathBuf;

    fn unit(kind: Kind) -> Unit {
        Unit {
            kind,
            program: PathBuf::from("/opt/a b/leashd"),
            home: Some(PathBuf::from("/srv/100% & more")),
            path: "/usr/bin:/bin".to_owned(),
            user_home: PathBuf::from("/home/you"),
        }
    }

    #[test]
    fn the_files_say_what_is_started_and_where() {
        let systemd = unit(Kind::Systemd).text().unwrap();
        assert!(systemd.contains("Type=notify\n") && systemd.contains("WatchdogSec="), "{systemd}");
        assert!(
            systemd.contains("ExecStart=\"/opt/a b/leashd\" start --foreground --headless\n"),
            "{systemd}"
        );
        assert!(systemd.contains("Environment=\"LEASHD_HOME=/srv/100%% & more\"\n"), "{systemd}");
        let launchd = unit(Kind::Launchd).text().unwrap();
        assert!(launchd.contains("<string>/srv/100% &amp; more</string>"), "{launchd}");
        let odd = Unit { program: PathBuf::from("/a\nb"), ..unit(Kind::Systemd) };
        assert!(odd.text().is_err());
        assert_eq!(quoted(r#"a"$b\"#), r#""a\"$b\\""#);
    }

    #[test]
    fn only_a_file_of_ours_is_replaced_or_removed() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("deep/leashd.service");
        assert_eq!(uninstall(&place).unwrap(), Removed::NothingThere);
        let text = unit(Kind::Systemd).text().unwrap();
        install(&place, &text).unwrap();
        install(&place, &text).unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), text);
        assert_eq!(uninstall(&place).unwrap(), Removed::Yes);
        fs::write(&place, "[Service]\n").unwrap();
        assert!(install(&place, &text).is_err() && uninstall(&place).is_err());
        assert_eq!(fs::read_to_string(&place).unwrap(), "[Service]\n");
    }
}
