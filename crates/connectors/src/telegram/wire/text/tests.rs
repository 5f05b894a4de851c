//! Texts, as they look and as the strict server takes them.

use super::super::fixture::{ANN, Bench};
use super::super::{ChatId, Limits, Post};
use super::{Layout, MESSAGE_MAX, Rich, Text, lay_out, markdown, units};
use leashd_testkit::telegram::{Outcome, Pace};
use proptest::prelude::*;

#[track_caller]
fn check(source: &str, html: &str) {
    assert_eq!(markdown(source).text().html(), Some(html), "{source}");
}

#[test]
fn markdown_becomes_what_telegram_can_show() {
    check("a **b *c* d** ~~e~~ `f`", "a <b>b <i>c</i> d</b> <s>e</s> <code>f</code>");
    check("**b `c` d**", "<b>b </b><code>c</code><b> d</b>");
    check("# Head\ntext\nmore\n\n## Next\n", "<b>Head</b>\n\ntext\nmore\n\n<b>Next</b>");
    check("a < b & c > \"d\" </b>", "a &lt; b &amp; c &gt; &quot;d&quot; &lt;/b&gt;");
    check(
        "x\n```rust\nfn a() {}\n\n  b\n```\ny",
        "x\n\n<pre><code class=\"language-rust\">fn a() {}\n\n  b</code></pre>\n\ny",
    );
    check("```\" onclick=x\na\n```", "<pre>a</pre>");
    check("    indented", "<pre>indented</pre>");
    check("- a\n- b\n  1. c\n  2. d\n     - [x] e\n- f", "• a\n• b\n  1. c\n  2. d\n    • ☑ e\n• f");
    check("- a\n\n  more\n\n- b", "• a\n\nmore\n\n• b");
    check("> quoted\n>\n> **more**\n\nafter", "<blockquote>quoted\n\n<b>more</b></blockquote>\n\nafter");
    check(
        "> > deep\n> `x`",
        "<blockquote>deep\n</blockquote><blockquote><code>x</code></blockquote>"
            .replace("</blockquote><blockquote>", "")
            .as_str(),
    );
    check("[a](https://x.org/?q=1&r=\"2)", "<a href=\"https://x.org/?q=1&amp;r=&quot;2\">a</a>");
    check("[main](src/main.rs) [l](http://localhost:3000)", "main (src/main.rs) l (http://localhost:3000)");
    check(
        "<https://x.org> ![pic](https://x.org/p.png)",
        "<a href=\"https://x.org\">https://x.org</a> 🖼 <a href=\"https://x.org/p.png\">pic</a>",
    );
    check("a\n\n---\n\nb", "a\n\n———\n\nb");
    check("<b>raw</b>\n\n<script>x</script>", "&lt;b&gt;raw&lt;/b&gt;\n\n&lt;script&gt;x&lt;/script&gt;");
    check("|a|bb|\n|-|-|\n|ccc|`d`|", "<pre>a   │ bb\n────┼───\nccc │ d</pre>");
    let wide = "x".repeat(50);
    check(
        &format!("|name|what|\n|-|-|\n|a|{wide}|\n|b|c|"),
        &format!("<pre>name: a\nwhat: {wide}\n\nname: b\nwhat: c</pre>"),
    );
    check("rm -rf build/*.o and *.a", "rm -rf build/*.o and *.a");
    check("", "");
}

#[test]
fn a_card_is_built_without_reading_markup() {
    let mut rich = Rich::new();
    rich.bold("DELETE")
        .plain(" *x* ")
        .code("rm <y>")
        .line()
        .quote("says")
        .link("docs", "https://x.org")
        .link("f", "/etc");
    let html = "<b>DELETE</b> *x* <code>rm &lt;y&gt;</code>\n<blockquote>says</blockquote><a href=\"https://x.org\">docs</a>f (/etc)";
    assert_eq!(rich.text(), Text::with_html(html, "DELETE *x* rm <y>\nsaysdocsf (/etc)"));
    assert_eq!((units("a😀"), Rich::new().plain("😀").units()), (3, 2));
}

fn parts(source: &str, limit: usize) -> Vec<String> {
    markdown(source).chain(limit).into_iter().map(|it| it.html().unwrap().to_owned()).collect()
}

#[test]
fn long_texts_are_cut_where_it_hurts_least() {
    assert_eq!(parts("aaaa bbbb\n\ncccc", 14), ["aaaa bbbb", "cccc"], "between paragraphs");
    assert_eq!(parts("aaaa\nbbbb\ncccc", 12), ["aaaa\nbbbb", "cccc"], "between lines");
    assert_eq!(parts("aaaa bbbb cccc", 12), ["aaaa bbbb", "cccc"], "between words");
    assert_eq!(parts("aaaabbbb", 5), ["aaaab", "bbb"]);
    assert_eq!(parts("aaaa bbbb", 4), ["aaaa", "bbbb"]);
    assert_eq!(parts("😀😀😀", 5), ["😀😀", "😀"], "never within a character");
    assert_eq!(parts("**aaaa bbbb**", 5), ["<b>aaaa</b>", "<b>bbbb</b>"]);
    let open = "<pre><code class=\"language-sh\">";
    let expected = [format!("{open}aaaa\nbbbb</code></pre>"), format!("{open}  cccc</code></pre>")];
    assert_eq!(parts("```sh\naaaa\nbbbb\n  cccc\n```", 11), expected, "code goes on as code");
    assert_eq!(parts("\n \n", 5), Vec::<String>::new());
}

#[test]
fn a_very_long_text_is_a_document_with_a_beginning() {
    let mut rich = Rich::new();
    rich.plain(&"word ".repeat(2000));
    let Layout::Document(beginning) = lay_out(&rich, 9999) else { panic!("a document") };
    assert!(beginning.without_markup().ends_with("… 9001 characters more are in the file"), "{beginning:?}");
    let Layout::Messages(messages) = lay_out(&rich, 10_000) else { panic!("messages") };
    assert_eq!(messages.len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_cut_nothing_is_lost(
        source in "([a-z😀é<&]{0,9}|[ \n]|\\*\\*|`|```\n|- |> |\\[x\\]\\(https://x.org\\)){0,80}", limit in 2_usize..60,
    ) {
        let rich = markdown(&source);
        let parts = rich.chain(limit);
        let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let joined: String = parts.iter().map(|it| bare(it.without_markup())).collect();
        prop_assert_eq!(joined, bare(&rich.shown()));
        for part in parts {
            prop_assert!(units(part.without_markup()) <= limit && !part.is_empty());
        }
    }
}

/// What agents write, at its worst.
fn nasty() -> Vec<String> {
    let code = "```rust\nlet x = \"<&>\";\n```\n";
    vec![
        "**bold _italic `code` italic_ bold** [*l*](https://x.org/a_(b))".into(),
        "> quote with `code`\n> ```\n> block\n> ```\n> > deeper **b**".into(),
        "- **a** `b`\n  - ~~c~~\n\n| `a` | **b** |\n|-|-|\n| <c> | & |".into(),
        "# **`x`** y\n***all***\n\u{202e}hidden\u{0} \u{7} \r\n tab\tend".into(),
        "`a` ".repeat(150),
        "**a** *b* ".repeat(600),
        "[x](https://example.org/".to_owned() + &"y".repeat(1500) + ") [z](https://x.org) and **b** ".repeat(9).as_str(),
        code.repeat(300),
        "<&>\"".repeat(5000),
        "😀é漢".repeat(4000),
        format!("```diff\n{}```", "+ added <line>\n- gone\n".repeat(900)),
        "[a](tg://user?id=1) [b](javascript:x) [c](https://.x) [d](https://a b.c) [e](ftp://x.org) [f](https://x.org:1/)".into(),
        "unclosed **bold and `code and [link](https://x".into(),
    ]
}

#[tokio::test]
async fn the_server_takes_everything_with_its_markup() {
    let bench = Bench::new(Pace::unlimited()).await;
    let outbox = bench.outbox(Limits::unpaced());
    let mut expected = 0;
    for source in nasty() {
        for text in markdown(&source).chain(MESSAGE_MAX) {
            expected += 1;
            outbox.send(Post::new(ChatId(ANN), text)).await.unwrap();
        }
    }
    let calls = bench.server.calls_of("sendMessage");
    assert_eq!(calls.len(), expected);
    assert!(calls.iter().all(|it| it.outcome == Outcome::Done), "none had to be sent without markup");
    let code: String = bench.chat.from_bot().iter().flat_map(|it| it.now.parts("pre")).collect();
    assert_eq!(code.matches("+ added <line>").count(), 900);
    assert_eq!(
        code.matches("let x = \"<&>\";").count(),
        144,
        "a hundred of 256 in the first message, then 44"
    );
}
