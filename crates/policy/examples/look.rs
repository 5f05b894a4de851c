//! dev
fn main() {
    let files = std::collections::BTreeMap::new();
    for line in std::env::args().skip(1) {
        let env = leashd_shell::Env { cwd: "/home/dev/proj", home: "/home/dev", files: &files };
        println!("{line:?}");
        let a = leashd_shell::analyze(&line, &env);
        for c in &a.commands {
            println!(
                "  {:?} via {:?}\n     {:?} unclear {:?}",
                c.words.iter().map(|w| w.text().unwrap_or("?")).collect::<Vec<_>>(),
                c.via,
                c.effects,
                c.unclear
            );
        }
        println!("  unclear {:?} scripts {:?}", a.unclear, a.scripts);
    }
}
