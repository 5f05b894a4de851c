//! Reads Markdown as agents write it. What Telegram has no form for keeps its meaning as text: headings are bold, lists
//! have bullets, tables are blocks of code, line ends stay.

use super::html::opens;
use super::rich::{Code, Look, Rich};
use super::table::Table;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// Lists in lists that are indented; deeper ones stay there.
const DEEPEST: usize = 6;

/// Never fails: whatever is no markup is text.
#[must_use]
pub fn markdown(source: &str) -> Rich {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut reader = Reader::default();
    for event in Parser::new_ext(source, options) {
        reader.event(event);
    }
    reader.rich
}

#[derive(Debug, Default)]
struct Reader {
    rich: Rich,
    bold: usize,
    italic: usize,
    strike: usize,
    quote: usize,
    code: Code,
    links: Vec<Link>,
    /// The next number of each list around, or a bullet.
    lists: Vec<Option<u64>>,
    table: Option<Table>,
    /// Line ends before the next text.
    gap: usize,
}

#[derive(Debug)]
struct Link {
    url: String,
    /// What is shown of it so far.
    shown: String,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.text(&text)
            }
            Event::Code(text) => {
                let before = std::mem::replace(&mut self.code, Code::Inline);
                self.text(&text);
                self.code = before;
            }
            Event::SoftBreak | Event::HardBreak => self.text("\n"),
            Event::Rule => {
                self.gap(2);
                self.text("———");
                self.gap(2);
            }
            Event::TaskListMarker(done) => self.text(if done { "☑ " } else { "☐ " }),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.gap(2);
                self.bold += 1;
            }
            Tag::BlockQuote(_) => {
                self.gap(2);
                self.quote += 1;
            }
            Tag::CodeBlock(kind) => {
                self.gap(2);
                self.code = Code::Block(match kind {
                    CodeBlockKind::Fenced(words) => words.split_whitespace().next().map(str::to_owned),
                    CodeBlockKind::Indented => None,
                });
            }
            Tag::List(first) => {
                self.gap(if self.lists.is_empty() { 2 } else { 1 });
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Table(_) => self.table = Some(Table::default()),
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.row();
                }
            }
            Tag::TableCell => {
                if let Some(table) = &mut self.table {
                    table.cell();
                }
            }
            Tag::Emphasis => self.italic += 1,
            Tag::Strong => self.bold += 1,
            Tag::Strikethrough => self.strike += 1,
            Tag::Link { dest_url, .. } => self.link(&dest_url),
            Tag::Image { dest_url, .. } => {
                self.text("🖼 ");
                self.link(&dest_url);
            }
            // The first paragraph of an item stands beside its bullet.
            Tag::Paragraph if self.after_bullet() => {}
            Tag::Paragraph | Tag::HtmlBlock => self.gap(2),
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.bold = self.bold.saturating_sub(1);
                self.gap(2);
            }
            TagEnd::BlockQuote(_) => {
                self.quote = self.quote.saturating_sub(1);
                self.gap(2);
            }
            TagEnd::CodeBlock => {
                self.rich.trim_end('\n');
                self.code = Code::None;
                self.gap(2);
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.gap(if self.lists.is_empty() { 2 } else { 1 });
            }
            TagEnd::Table => self.write_table(),
            TagEnd::Emphasis => self.italic = self.italic.saturating_sub(1),
            TagEnd::Strong => self.bold = self.bold.saturating_sub(1),
            TagEnd::Strikethrough => self.strike = self.strike.saturating_sub(1),
            TagEnd::Link | TagEnd::Image => self.end_link(),
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.gap(2),
            TagEnd::Item => self.gap(1),
            TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::TableCell
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn gap(&mut self, lines: usize) {
        self.gap = self.gap.max(lines);
    }

    fn item(&mut self) {
        self.gap(1);
        let depth = self.lists.len().saturating_sub(1).min(DEEPEST);
        let bullet = match self.lists.last_mut() {
            Some(Some(number)) => {
                let bullet = format!("{number}. ");
                *number = number.saturating_add(1);
                bullet
            }
            _ => "• ".to_owned(),
        };
        let bullet = format!("{}{bullet}", "  ".repeat(depth));
        self.text(&bullet);
    }

    /// Has this item nothing yet but its bullet?
    fn after_bullet(&self) -> bool {
        let shown = self.rich.spans().last().map_or("", |it| it.text.as_str());
        let line = shown.rsplit('\n').next().unwrap_or_default();
        let number =
            line.trim_start().strip_suffix(". ").is_some_and(|it| it.chars().all(|c| c.is_ascii_digit()));
        !self.lists.is_empty() && self.gap == 0 && (line.trim_start() == "• " || number)
    }

    fn link(&mut self, url: &str) {
        self.links.push(Link { url: url.to_owned(), shown: String::new() });
    }

    /// An address Telegram would not open is shown.
    fn end_link(&mut self) {
        let Some(link) = self.links.pop() else { return };
        if !opens(&link.url) && link.shown != link.url && !link.url.is_empty() {
            self.text(&format!(" ({})", link.url));
        }
    }

    fn write_table(&mut self) {
        let Some(table) = self.table.take() else { return };
        self.gap(2);
        self.code = Code::Block(None);
        self.text(&table.drawn());
        self.code = Code::None;
        self.gap(2);
    }

    fn text(&mut self, text: &str) {
        if let Some(table) = &mut self.table {
            return table.text(text);
        }
        self.fill_gap();
        if let Some(link) = self.links.last_mut() {
            link.shown.push_str(text);
        }
        let look = Look {
            bold: self.bold > 0,
            italic: self.italic > 0,
            strike: self.strike > 0,
            quote: self.quote > 0,
            link: self.links.last().map(|it| it.url.clone()),
            code: self.code.clone(),
        };
        self.rich.put(text, look);
    }

    fn fill_gap(&mut self) {
        let lines = std::mem::take(&mut self.gap);
        if lines == 0 || self.rich.spans().is_empty() {
            return;
        }
        self.rich.trim_end('\n');
        // Between two paragraphs of one quote it goes on.
        let quote = self.quote > 0 && self.rich.last_look().is_some_and(|it| it.quote);
        self.rich.put(&"\n".repeat(lines), Look { quote, ..Look::default() });
    }
}
