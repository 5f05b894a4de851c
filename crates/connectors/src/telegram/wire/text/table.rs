//! A table as lines of equal width, for a block of code. Columns that would make a line longer than a phone shows are
//! written one below the other.

/// Characters that fit beside each other on a phone.
const WIDTH: usize = 44;

#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn row(&mut self) {
        self.rows.push(Vec::new());
    }

    pub(super) fn cell(&mut self) {
        if let Some(row) = self.rows.last_mut() {
            row.push(String::new());
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        if let Some(cell) = self.rows.last_mut().and_then(|it| it.last_mut()) {
            cell.push_str(&text.replace('\n', " "));
        }
    }

    pub(super) fn drawn(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|it| it.get(column));
            cells.map(|it| it.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let total = widths.iter().sum::<usize>() + 3 * columns.saturating_sub(1);
        if total > WIDTH { self.below() } else { self.beside(&widths) }
    }

    fn beside(&self, widths: &[usize]) -> String {
        let mut lines = Vec::new();
        for (number, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            lines.push(cells.join(" │ ").trim_end().to_owned());
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|it| "─".repeat(*it)).collect();
                lines.push(rules.join("─┼─"));
            }
        }
        lines.join("\n")
    }

    fn below(&self) -> String {
        let Some((head, rows)) = self.rows.split_first() else { return String::new() };
        let mut blocks = Vec::new();
        for row in rows {
            let line = |(name, cell): (&String, &String)| format!("{name}: {cell}");
            let lines: Vec<String> = head.iter().zip(row).map(line).collect();
            blocks.push(lines.join("\n"));
        }
        blocks.join("\n\n")
    }
}
