//! What the well-known functions of Python, JavaScript, Perl, Ruby, PHP and Lua do, by the last part of their names.

use super::{Arg, Scan};
use crate::Word;
use crate::knowledge::hosts;
use crate::knowledge::lexer::Token;
use crate::knowledge::report::Report;
use leashd_types::{Depth, Direction, Effect, Force, Host, Opens};

/// Functions Perl, Ruby, PHP and Lua call without parentheses.
pub(super) fn takes_bare(name: &str) -> bool {
    let bare = [
        "system",
        "exec",
        "unlink",
        "rmdir",
        "rmtree",
        "open",
        "eval",
        "require",
        "load",
        "include",
        "include_once",
        "require_once",
        "rm_rf",
        "rm_r",
        "rm",
        "mkdir",
        "chmod",
        "spawn",
        "popen",
        "passthru",
        "shell_exec",
        "do",
        "dofile",
        "rename",
        "delete",
    ];
    bare.contains(&leaf(name))
}

fn leaf(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// A name that is not called: the environment as a whole, a module that reaches below the language.
pub(super) fn mention(scan: &mut Scan<'_>, report: &mut Report<'_>, name: &str, tail: &[Token]) {
    let part = matches!(tail.first(), Some(Token::Sign('[' | '{')));
    let whole = match (scan.language, name) {
        ("python", "os.environ" | "environ") | ("node", "process.env") => !part,
        ("ruby", "ENV") | ("perl", "ENV") => !part,
        ("php", "$_ENV" | "$_SERVER") => !part,
        _ => false,
    };
    let member = name.strip_prefix("process.env.").or_else(|| match tail {
        [Token::Sign('[' | '{'), Token::Text(key) | Token::Name(key), ..] if is_environment(name) => {
            Some(key)
        }
        _ => None,
    });
    if whole && !matches!(tail.first(), Some(Token::Name(next)) if next.starts_with('.')) {
        report.secret("the environment");
    }
    if member.is_some_and(super::is_secret_name) {
        report.secret("a variable of the environment");
    }
    let below = ["ctypes", "cffi", "marshal", "pickle", "pty", "FFI", "Fiddle", "DL"];
    if below.iter().any(|module| name == *module || name.starts_with(&format!("{module}."))) {
        scan.beyond = true;
        if matches!(name, "ctypes" | "cffi" | "FFI" | "Fiddle") {
            report.unclear(format!("the code reaches below the language with {name}"));
        }
    }
}

fn is_environment(name: &str) -> bool {
    matches!(name, "os.environ" | "environ" | "process.env" | "ENV" | "$ENV" | "$_ENV")
}

pub(super) fn call(scan: &mut Scan<'_>, report: &mut Report<'_>, name: &str, args: &[Arg], depth: usize) {
    let leaf = leaf(name);
    let receiver = scan.receiver.take();
    if runs_command(scan, report, name, leaf, args)
        || evaluates(scan, report, name, leaf, args, depth)
        || file_call(scan, report, name, leaf, args, receiver.as_deref())
        || network_call(scan, report, name, leaf, args)
    {
        return;
    }
    if matches!(leaf, "Path" | "Pathname" | "PosixPath") {
        scan.receiver = match args.first() {
            Some(Arg::Text(text)) => Some(text.clone()),
            _ => None,
        };
        return;
    }
    if leaf == "getenv" || name == "os.environ.get" || name == "ENV.fetch" {
        match args.first() {
            Some(Arg::Text(key)) if super::is_secret_name(key) => {
                report.secret("a variable of the environment")
            }
            Some(Arg::Text(_)) => {}
            _ => report.secret("the environment"),
        }
        return;
    }
    if let Some(Arg::Other(names)) = args
        .iter()
        .find(|arg| matches!(arg, Arg::Other(names) if names.iter().any(|name| is_environment(name))))
    {
        if names.len() == 1 {
            report.secret("the environment");
        }
    }
    if !is_harmless(leaf) {
        scan.beyond = true;
    }
}

fn is_harmless(leaf: &str) -> bool {
    const HARMLESS: &str = " print println log error warn info debug len range str int float bool list dict set tuple \
        sorted sum min max abs map filter reduce zip enumerate join split strip format replace upper lower keys \
        values items append push pop get dumps loads parse stringify sprintf printf puts p pp say echo length \
        toString slice includes indexOf startswith endswith startsWith endsWith match search sub findall test \
        round floor ceil now time strftime isoformat sleep exit die type isinstance repr any all next iter reversed \
        ord chr hex bin count index find first last each times to_s to_i to_a to_json inspect uniq sort reverse \
        if for while and or not in return elif else function catch switch await import require use my fromEntries \
        entries assign forEach toFixed toUpperCase toLowerCase trim padStart padEnd concat flat some every b64encode \
        b64decode hexdigest sha256 md5 digest update encode decode isArray isInteger parseInt parseFloat Number String \
        Boolean Array Object Date Map Set Symbol BigInt JSON write close read readline writelines flush seek uuid4 randint random choice version platform cwd getcwd \
        resolve exists existsSync isfile isdir is_file is_dir file_exists basename dirname extname abspath realpath \
        expanduser strlen count implode explode json_encode json_decode var_dump print_r phpversion defined array_map \
        cpus arch hostname uptime python_version Counter OrderedDict defaultdict namedtuple timedelta datetime today \
        pprint perf_counter timeit sqrt pow pi memory_usage memoryUsage hrtime ";
    leaf.len() < 20 && HARMLESS.contains(&format!(" {leaf} "))
}

fn hidden(scan: &mut Scan<'_>, report: &mut Report<'_>, why: &str) {
    scan.beyond = true;
    report.unclear(why);
}

fn runs_command(scan: &mut Scan<'_>, report: &mut Report<'_>, name: &str, leaf: &str, args: &[Arg]) -> bool {
    let javascript = scan.language == "node";
    let shellish = match leaf {
        "system"
        | "popen"
        | "popen2"
        | "popen3"
        | "getoutput"
        | "getstatusoutput"
        | "shell_exec"
        | "passthru"
        | "execSync"
        | "proc_open"
        | "pcntl_exec"
        | "create_subprocess_shell"
        | "create_subprocess_exec"
        | "capture2"
        | "capture2e"
        | "capture3"
        | "execute"
        | "spawnSync"
        | "execFile"
        | "execFileSync"
        | "check_call"
        | "check_output"
        | "Popen" => leaf != "execute" || name == "os.execute",
        "exec" => match scan.language {
            "python" => false,
            "node" => scan.source.contains("child_process") && !name.starts_with("re"),
            _ => true,
        },
        "spawn" => !javascript || scan.source.contains("child_process") || name.contains("Bun"),
        "fork" => javascript && scan.source.contains("child_process"),
        "run" | "call" => {
            scan.source.contains("subprocess")
                && !matches!(args.first(), Some(Arg::Other(_)) if name.contains("asyncio"))
        }
        _ => {
            leaf.starts_with("exec")
                && matches!(leaf, "execv" | "execvp" | "execve" | "execvpe" | "execl" | "execlp" | "execle")
                || leaf.starts_with("spawn")
                    && matches!(leaf, "spawnv" | "spawnvp" | "spawnl" | "spawnlp" | "spawnve")
        }
    };
    if !shellish {
        return false;
    }
    let replaces = matches!(leaf, "execv" | "execvp" | "execve" | "execvpe" | "execl" | "execlp" | "execle");
    let args = if leaf.starts_with("spawnv") || leaf.starts_with("spawnl") {
        args.get(1..).unwrap_or(&[])
    } else {
        args
    };
    match command_words(args, replaces || leaf.starts_with("spawnv") || leaf.starts_with("spawnl")) {
        Some(Line::Words(words)) => {
            scan.shell |= words.first().is_some_and(|word| word.ends_with("sh"));
            report.command_texts(&words);
        }
        Some(Line::Shell(text)) => {
            scan.shell |= text.split_whitespace().next().is_some_and(|word| word.ends_with("sh"));
            report.script_text(&text);
        }
        None => hidden(scan, report, "the code runs a command that cannot be told"),
    }
    true
}

enum Line {
    Words(Vec<String>),
    Shell(String),
}

/// The command a call names. With `replaces`, the second argument is the program's own name for itself.
fn command_words(args: &[Arg], replaces: bool) -> Option<Line> {
    let (first, rest) = args.split_first()?;
    let mut words = match first {
        Arg::List(list) => return Some(Line::Words(list.clone())),
        Arg::Text(text) => vec![text.clone()],
        Arg::Other(_) => return None,
    };
    for (at, arg) in rest.iter().enumerate() {
        match arg {
            Arg::List(list) => words.extend(list.iter().skip(usize::from(replaces && at == 0)).cloned()),
            Arg::Text(_) if replaces && at == 0 => {}
            Arg::Text(text) => words.push(text.clone()),
            // Options of the call; in a place where words are expected they would be words.
            Arg::Other(names) if replaces && !names.iter().any(|name| name.contains("env")) => return None,
            Arg::Other(_) => {}
        }
    }
    match words.as_slice() {
        [only] if !replaces => Some(Line::Shell(only.clone())),
        _ => Some(Line::Words(words)),
    }
}

fn evaluates(
    scan: &mut Scan<'_>,
    report: &mut Report<'_>,
    name: &str,
    leaf: &str,
    args: &[Arg],
    depth: usize,
) -> bool {
    let code = match leaf {
        "eval" | "Function" | "runInThisContext" | "runInNewContext" | "instance_eval" | "class_eval"
        | "loadstring" | "create_function" | "execScript" => true,
        "exec" => scan.language == "python",
        "assert" => scan.language == "php",
        "load" => scan.language == "lua",
        _ => false,
    };
    if code {
        match args.last() {
            Some(Arg::Text(text)) => scan.all(report, &text.clone(), depth + 1),
            _ => hidden(scan, report, "the code evaluates text that cannot be told"),
        }
        return true;
    }
    match leaf {
        "__import__"
        | "import_module"
        | "getattr"
        | "compile"
        | "run_path"
        | "run_module"
        | "public_send"
        | "send"
        | "__send__"
        | "const_get"
        | "dlopen"
        | "binding"
        | "call_user_func"
        | "call_user_func_array"
        | "CDLL"
        | "syscall" => {
            if leaf == "send" && scan.language != "ruby" || leaf == "compile" && name != "compile" {
                return false;
            }
            if matches!((leaf, args), ("__import__" | "import_module", [Arg::Text(_)])) {
                scan.beyond = true;
                return true;
            }
            hidden(scan, report, &format!("the code calls {leaf}, which can be anything"));
        }
        // A parser of data, but for the formats that can build any object.
        "load" if scan.language == "python" => {
            let builds = ["pickle", "yaml", "marshal", "dill", "joblib", "torch", "shelve"];
            scan.beyond |= builds.iter().any(|module| name.starts_with(module));
        }
        "include" | "include_once" | "require_once" | "dofile" | "do" | "load" | "require" => match args {
            [Arg::Text(path)] if path.starts_with(['/', '.', '~']) => {
                report.runs_file(&Word::literal(path.as_str()))
            }
            [Arg::Text(_)] => scan.beyond |= !matches!(leaf, "require"),
            [] => {}
            _ if leaf == "do" => return false,
            _ => hidden(scan, report, "the code loads a file that cannot be told"),
        },
        "forkpty" | "fork"
            if leaf == "fork" && scan.source.matches("fork").count() > 1 && scan.source.contains("while") =>
        {
            report.system(leashd_types::SystemChange::ForkBomb);
        }
        _ => return false,
    }
    true
}

fn file_call(
    scan: &mut Scan<'_>,
    report: &mut Report<'_>,
    name: &str,
    leaf: &str,
    args: &[Arg],
    receiver: Option<&str>,
) -> bool {
    let recursive = matches!(
        leaf,
        "rmtree"
            | "rm_rf"
            | "rm_r"
            | "remove_tree"
            | "removeSync"
            | "rmtree_p"
            | "remove_dir_all"
            | "emptyDirSync"
    ) || matches!(leaf, "rm" | "rmSync" | "rmdir" | "rmdirSync")
        && mentions(args, "recursive");
    let deletes = recursive
        || matches!(
            leaf,
            "unlink" | "unlinkSync" | "rmdir" | "rmdirSync" | "rm" | "rmSync" | "rm_f" | "removedirs"
        )
        || matches!(
            name,
            "os.remove" | "os.rmdir" | "File.delete" | "FileUtils.remove" | "fs.remove" | "Dir.delete"
        );
    let word = |arg: Option<&Arg>| match arg {
        Some(Arg::Text(text)) => Word::literal(text.as_str()),
        _ => receiver.map_or_else(|| Word::unknown("the code computes the path"), Word::literal),
    };
    if deletes {
        let depth = if recursive { Depth::Recursive } else { Depth::Single };
        let force = if recursive { Force::Forced } else { Force::Normal };
        let paths: Vec<Word> = match args.first() {
            Some(Arg::List(list)) => list.iter().map(|text| Word::literal(text.as_str())).collect(),
            first => vec![word(first)],
        };
        for path in paths {
            let path = report.path(&path);
            report.add(Effect::Delete { path, depth, force });
        }
        return true;
    }
    match leaf {
        "open" | "fopen" | "openSync" | "sysopen" => return opens(scan, report, name, args),
        "readFileSync" | "readFile" | "file_get_contents" | "read_text" | "read_bytes"
        | "createReadStream" | "listdir" | "scandir" | "readlines" | "readdirSync" | "readdir"
        | "readfile" | "file" | "walk" | "glob" | "read" | "foreach" | "loadtxt" | "read_csv"
        | "read_json" | "opendir" | "binread" => {
            let named = args.first().is_some_and(|arg| matches!(arg, Arg::Text(_))) || receiver.is_some();
            if let Some(Arg::Text(url)) =
                args.first().filter(|arg| matches!(arg, Arg::Text(text) if text.contains("://")))
            {
                report.url(&Word::literal(url.as_str()), Direction::Fetch);
            } else if named || leaf.ends_with("Sync") || leaf.starts_with("file_") {
                report.read(&word(args.first()));
            } else if matches!(leaf, "listdir" | "scandir" | "walk") {
                report.read_text(".");
            }
        }
        "writeFileSync" | "writeFile" | "appendFileSync" | "appendFile" | "file_put_contents"
        | "write_text" | "write_bytes" | "createWriteStream" | "mkdir" | "mkdirSync" | "makedirs"
        | "mkdir_p" | "mkpath" | "touch" | "truncate" | "truncateSync" | "symlinkSync" | "to_csv"
        | "to_json_file" | "binwrite" => {
            let at = usize::from(leaf == "symlinkSync");
            report.write(&word(args.get(at)));
        }
        "write" if name == "File.write" || name == "IO.write" => report.write(&word(args.first())),
        "copyfile" | "copy" | "copy2" | "copytree" | "copyFileSync" | "cpSync" | "cp" | "cp_r" | "move"
        | "rename" | "renameSync" | "mv" | "replace" | "symlink" | "link" | "ln_s"
            if args.len() >= 2 && (leaf != "replace" || name == "os.replace") =>
        {
            let moved = matches!(leaf, "move" | "rename" | "renameSync" | "mv" | "replace");
            let source = word(args.first());
            if moved {
                report.write(&source)
            } else {
                report.read(&source)
            }
            report.write(&word(args.get(1)));
        }
        "chmod" | "chmodSync" | "chown" | "chown_R" | "chmod_R" | "lchown" => {
            let everyone = mentions(args, "777")
                || mentions(args, "0o777")
                || mentions(args, "511")
                || mentions(args, "666");
            let at = if scan.language == "python" || scan.language == "node" { 0 } else { 1 };
            let path = report.path(&word(args.get(at)));
            let opens = if everyone { Opens::ToEveryone } else { Opens::No };
            report.add(Effect::Permissions { path, depth: Depth::Single, opens });
        }
        "kill" | "killpg" if name != "kill" || scan.language != "node" => {
            report.system(leashd_types::SystemChange::Kill)
        }
        "setuid" | "setgid" | "seteuid" => report.privilege(leaf),
        _ => return false,
    }
    true
}

fn mentions(args: &[Arg], word: &str) -> bool {
    args.iter().any(|arg| match arg {
        Arg::Text(text) => text == word,
        Arg::List(list) => list.iter().any(|text| text == word),
        Arg::Other(names) => names.iter().any(|name| name.contains(word)),
    })
}

/// `open(path, mode)` in its many spellings; Perl and Ruby also open commands.
fn opens(scan: &mut Scan<'_>, report: &mut Report<'_>, name: &str, args: &[Arg]) -> bool {
    if scan.language == "perl" {
        return opens_perl(scan, report, args);
    }
    if matches!(name, "webbrowser.open" | "Image.open" | "zipfile.open" | "tarfile.open" | "URI.open")
        && name != "URI.open"
    {
        scan.beyond = true;
        return true;
    }
    match args {
        [Arg::Text(path), ..] if scan.language == "ruby" && path.starts_with('|') => {
            report.script_text(path.trim_start_matches('|'));
        }
        [Arg::Text(path), ..] if path.contains("://") && !path.starts_with("php:") => {
            report.url(&Word::literal(path.as_str()), Direction::Fetch);
        }
        [Arg::Text(path), rest @ ..] => {
            let word = Word::literal(path.as_str());
            let writes = rest.iter().any(|arg| match arg {
                Arg::Text(mode) => mode.contains(['w', 'a', 'x', '+']) && mode.len() <= 4,
                Arg::Other(names) => names.iter().any(|name| {
                    name.contains("WR")
                        || name.contains("CREAT")
                        || matches!(name.as_str(), "w" | "wb" | "a" | "ab")
                }),
                Arg::List(_) => false,
            });
            if writes { report.write(&word) } else { report.read(&word) }
        }
        [] => scan.beyond = true,
        _ => {
            report.read(&Word::unknown("the code computes the path"));
            scan.beyond = true;
        }
    }
    true
}

fn opens_perl(scan: &mut Scan<'_>, report: &mut Report<'_>, args: &[Arg]) -> bool {
    let texts: Vec<&str> = args
        .iter()
        .skip(1)
        .filter_map(|arg| match arg {
            Arg::Text(text) => Some(text.trim()),
            _ => None,
        })
        .collect();
    match texts.as_slice() {
        [mode, rest @ ..] if mode.contains("|-") || mode.contains("-|") => match rest {
            [] => hidden(scan, report, "the code runs a command that cannot be told"),
            [line] => report.script_text(line),
            words => report.command_texts(words),
        },
        [">" | ">>" | "+<" | "+>", path, ..] => report.write_text(path),
        [mode, path, ..] if mode.starts_with('>') => report.write_text(path),
        [mode, path, ..] if mode.starts_with('<') => report.read_text(path),
        [one] if one.starts_with('|') || one.ends_with('|') => report.script_text(one.trim_matches('|')),
        [one] if one.contains('&') => scan.beyond = true,
        [one] if one.starts_with('>') => report.write_text(one.trim_start_matches('>').trim()),
        [one] => report.read_text(one.trim_start_matches('<').trim()),
        [] => hidden(scan, report, "the code opens something that cannot be told"),
        _ => scan.beyond = true,
    }
    true
}

fn network_call(scan: &mut Scan<'_>, report: &mut Report<'_>, name: &str, leaf: &str, args: &[Arg]) -> bool {
    let fetch = matches!(leaf, "urlopen" | "urlretrieve" | "fetch" | "curl_init" | "getstore" | "mirror")
        || matches!(
            name,
            "requests.get"
                | "httpx.get"
                | "axios.get"
                | "axios"
                | "http.get"
                | "https.get"
                | "http.request"
                | "https.request"
                | "Net.HTTP.get"
                | "URI.open"
                | "urllib.request.Request"
                | "Net.HTTP.start"
        );
    let send = matches!(
        name,
        "requests.post"
            | "requests.put"
            | "requests.request"
            | "requests.patch"
            | "requests.delete"
            | "httpx.post"
            | "httpx.put"
            | "axios.post"
            | "axios.put"
            | "Net.HTTP.post"
            | "Net.HTTP.post_form"
            | "smtplib.SMTP"
    );
    let socket = matches!(
        leaf,
        "connect"
            | "create_connection"
            | "createConnection"
            | "inet_aton"
            | "fsockopen"
            | "open_connection"
            | "connect_ex"
            | "stream_socket_client"
    ) || matches!(
        name,
        "TCPSocket.new"
            | "TCPSocket.open"
            | "UDPSocket.new"
            | "IO.Socket.INET.new"
            | "socket.tcp"
            | "IO.Socket.INET"
    );
    let listens = matches!(leaf, "createServer" | "bind" | "TCPServer" | "HTTPServer") && leaf != "bind";
    if listens {
        report.network(Host::Named("localhost".to_owned()), Direction::Listen);
        return true;
    }
    if !(fetch || send || socket) {
        if name == "socket.socket" || leaf == "sockaddr_in" || leaf == "socket" {
            scan.socket |= leaf == "socket";
            return true;
        }
        return false;
    }
    scan.socket |= socket;
    let sends =
        send || socket || mentions(args, "method") || mentions(args, "POST") || mentions(args, "data");
    let direction = if sends { Direction::Send } else { Direction::Fetch };
    let text = args.iter().find_map(|arg| match arg {
        Arg::Text(text) if text.contains(['.', ':']) || text == "localhost" => Some(text.as_str()),
        Arg::List(list) => list.first().map(String::as_str),
        _ => None,
    });
    match text {
        Some(text) if text.contains("://") => report.network(hosts::of_url(&Word::literal(text)), direction),
        Some(text) => report.network(hosts::of_authority(text), direction),
        None if leaf == "connect" && !scan.source.contains("socket") && !scan.source.contains("net") => {
            scan.beyond = true;
        }
        None if leaf == "connect" && scan.source.contains("inet_aton") => {}
        None => {
            report.network(Host::Unknown("the code computes the address".to_owned()), direction);
        }
    }
    true
}
