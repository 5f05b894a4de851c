use std::io::Read;
fn main() {
    let mut s = String::new();
    std::io::stdin().read_to_string(&mut s).unwrap();
    let files = Default::default();
    let env = leashd_shell::Env { cwd: "/home/dev/proj", home: "/home/dev", files: &files };
    for line in s.lines() {
        let cmd: serde_json::Value = serde_json::from_str(line).unwrap();
        let Some(c) = cmd["command"].as_str() else { continue };
        let a = leashd_shell::analyze(c, &env);
        println!("=== {} {}", cmd["expect"].as_str().unwrap_or(""), c);
        for x in &a.commands {
            let w: Vec<String> = x
                .words
                .iter()
                .map(|w| {
                    w.parts()
                        .iter()
                        .map(|p| match p {
                            leashd_shell::Part::Text(t) => t.clone(),
                            leashd_shell::Part::Glob(t) => format!("<{t}>"),
                            leashd_shell::Part::Unknown(t) => format!("‹{t}›"),
                        })
                        .collect::<String>()
                })
                .collect();
            println!("   {:?} via {:?} eff {:?} unclear {:?}", w, x.via, x.effects, x.unclear);
        }
        if !a.unclear.is_empty() {
            println!("   LINE UNCLEAR {:?}", a.unclear);
        }
    }
}
