//! `/git` in a chat: commits with two taps, conflicts, and what does not leave the machine.

use super::stage::{ANNA, Stage};
use leashd_connectors::telegram::{Privacy, Redact};
use leashd_types::{Command, GitEnd, GitOrder, GitSaid, Mode};
use std::time::Duration;

#[tokio::test]
async fn git_commits_by_button() {
    let stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    let said = |text: &str| GitSaid { end: GitEnd::Done, text: text.to_owned(), cut: 0 };
    stage.daemon.with(|world| {
        world.git_says.insert("status".to_owned(), said("## main\nM  src/parse.rs\n?? notes <draft>.md\n"));
        world.git_says.insert("add".to_owned(), said(""));
        world.git_says.insert("commit".to_owned(), said("[main 1234567] Update parse.rs\n 1 file changed\n"));
        world.git_says.insert("diff".to_owned(), said("-old <line>\n+new & line\n"));
        world.git_says.insert("push-target".to_owned(), said("origin\nmain\nhttps://example.com/x.git\n"));
        world.git_says.insert("push".to_owned(), said("done\n"));
    });
    anna.sends_command(ANNA, "/git");
    let status = chat.until_button("Commit").await;
    anna.taps(&status, "Diff");
    chat.until_said("+new & line").await;
    anna.taps(&status, "Commit");
    let message = chat.until_button("✨ Use: Update parse.rs").await;
    anna.taps(&message, "✨ Use: Update parse.rs");
    chat.until_said("✓ Committed").await;
    let commit = GitOrder::Commit { message: "Update parse.rs".to_owned() };
    assert!(stage.daemon.with(|world| world.git.contains(&commit)));
    anna.sends_command(ANNA, "/git commit");
    chat.until_button("✨ Use: Update parse.rs").await;
    anna.sends_text(ANNA, "Fix the parser");
    chat.until_said("Fix the parser").await;
    anna.sends_command(ANNA, "/git push");
    let push = chat.until_button("Push").await;
    anna.taps(&push, "Cancel");
    chat.until_said("Cancelled").await;
    assert!(!stage.daemon.with(|world| world.git.iter().any(|it| matches!(it, GitOrder::Push { .. }))));
    anna.sends_command(ANNA, "/git push");
    let push = chat.until_button("Push").await;
    assert!(push.text().contains("https://example.com/x.git"), "{}", push.text());
    anna.taps(&push, "Push");
    chat.until_said("✓ Pushed").await;
    let push = GitOrder::Push {
        remote: Some("origin".to_owned()),
        branch: Some("main".to_owned()),
        address: Some("https://example.com/x.git".to_owned()),
    };
    assert!(stage.daemon.with(|world| world.git.contains(&push)));
    stage.ends("git").await;
}

#[tokio::test]
async fn a_secret_of_several_lines_does_not_leave_with_a_diff() {
    const KEY: &str = "+BEGIN\n+k3y\n+END";
    let stage = Stage::with(|options| {
        options.privacy = Privacy::Full;
        options.redact = Redact::with(|text| text.replace(KEY, "[redacted]"));
    })
    .await;
    let (anna, chat) = stage.anna();
    let said = |text: String| GitSaid { end: GitEnd::Done, text, cut: 0 };
    stage.daemon.with(|world| {
        world.git_says.insert("diff".to_owned(), said(format!("+one\n{KEY}\n+two of the diff\n")));
        world.git_says.insert("log".to_owned(), said(format!("{KEY}\ntwo of the log\n")));
    });
    for (command, rest) in [("/git diff", "+two of the diff"), ("/git log", "two of the log")] {
        anna.sends_command(ANNA, command);
        chat.until_said(rest).await;
    }
    // What is no text is not written anew.
    stage.daemon.with(|world| world.file = Some([b"\xff\n", KEY.as_bytes()].concat()));
    anna.sends_command(ANNA, "/file notes");
    chat.until_said("a secret is in it").await;
    assert!(chat.from_bot().iter().all(|message| chat.file(message).is_none()));
    let texts: Vec<String> = chat.from_bot().iter().map(|message| message.text().to_owned()).collect();
    assert!(texts.iter().any(|text| text.contains("[redacted]")), "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("k3y")), "{texts:?}");
    stage.ends("secret").await;
}

#[tokio::test]
async fn in_private_git_names_nothing() {
    let stage = Stage::with(|options| options.privacy = Privacy::Private).await;
    let (anna, chat) = stage.anna();
    let said = |text: &str| GitSaid { end: GitEnd::Done, text: text.to_owned(), cut: 0 };
    stage.daemon.with(|world| {
        world.git_says.insert("status".to_owned(), said("## hush\nM  src/hush.rs\n?? hush.md\n"));
        world.git_says.insert("branches".to_owned(), said("* hush 1234567 hush\n"));
        world.git_says.insert("diff".to_owned(), said("+hush\n"));
    });
    for (command, answer) in [
        ("/git add", "1 files could be staged"),
        ("/git commit", "Write the message"),
        ("/git branch", "1 branches"),
        ("/git diff", "not shown here"),
    ] {
        anna.sends_command(ANNA, command);
        chat.until_said(answer).await;
    }
    let said = chat.transcript().render();
    assert!(!said.contains("hush"), "{said}");
    stage.ends("private_git").await;
}

#[tokio::test]
async fn a_merge_that_conflicts_is_resolved_by_the_agent_or_aborted() {
    let stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    let said = |end, text: &str| GitSaid { end, text: text.to_owned(), cut: 0 };
    stage.daemon.with(|world| {
        let conflict = "Auto-merging src/parse.rs\nCONFLICT (content): Merge conflict in src/parse.rs\n";
        world.git_says.insert("merge".to_owned(), said(GitEnd::Conflict, conflict));
        world.git_says.insert("merge-abort".to_owned(), said(GitEnd::Done, ""));
    });
    anna.sends_command(ANNA, "/git merge feature");
    let conflict = chat.until_button("🤖 Resolve").await;
    assert!(conflict.text().contains("Merge conflict in src/parse.rs"), "{}", conflict.text());
    anna.taps(&conflict, "🤖 Resolve");
    let (session, text) = stage.daemon.heard(1).await;
    assert!(text.contains("Merging `feature` stopped at conflicts"), "{text}");
    assert!(
        stage.daemon.commands().contains(&Command::SetMode { session: session.clone(), mode: Mode::Merge })
    );
    chat.until_said("settles the conflicts").await;
    let late = anna.taps(&conflict, "❌ Abort merge").answered(Duration::from_secs(10)).await;
    assert!(late.text.contains("done already"), "{late:?}");
    stage.daemon.types(&session, "Both sides are kept.").await;
    stage.daemon.turn_ends(&session, &[("Edit", 1)]).await;
    chat.until_said("🧰 Edit").await;
    anna.sends_command(ANNA, "/git merge other");
    let conflict = chat.until_button("❌ Abort merge").await;
    anna.taps(&conflict, "❌ Abort merge");
    chat.until_said("✓ Merge aborted").await;
    let git = stage.daemon.with(|world| world.git.clone());
    let merge = |branch: &str| GitOrder::Merge { branch: branch.to_owned() };
    assert_eq!(git, [merge("feature"), merge("other"), GitOrder::MergeAbort]);
    stage.ends("merge").await;
}
