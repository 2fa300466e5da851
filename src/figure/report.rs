//! A report is one HTML file that needs no other: figures, tables, settings and commands.

use super::description::Figure;
use super::options::FigureOptions;
use crate::engine::Result;

const STYLE: &str = "body{font:16px/1.5 Inter,Helvetica,Arial,sans-serif;max-width:48rem;margin:3rem auto;padding:0 1rem;\
    color:#111;background:#fff}h1{font-size:1.7rem;line-height:1.2}h2{font-size:1.2rem;margin-top:2.5rem}\
    figure{margin:1.5rem 0}figure svg{width:100%;height:auto;max-width:40rem;display:block}\
    figcaption{font-size:.875rem;color:#444;margin-top:.75rem}table{border-collapse:collapse;font-size:.875rem;\
    font-variant-numeric:tabular-nums}th,td{text-align:right;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ddd}\
    th:first-child,td:first-child{text-align:left}.wide{overflow-x:auto}\
    pre{background:#f4f4f4;padding:.75rem;font-size:.8125rem;white-space:pre-wrap;overflow-wrap:anywhere}";

/// A report of a training run or a survey.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub title: String,
    pub sections: Vec<Section>,
}

/// A section has a heading and whatever else there is of it.
#[derive(Clone, Debug, Default)]
pub struct Section {
    pub heading: String,
    pub figures: Vec<Figure>,
    pub tables: Vec<Table>,
    pub commands: Vec<String>,
}

/// A table has a row of names above its rows.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Returns the table of a text whose fields are separated by commas, those with commas in quotes.
    pub fn from_csv(csv: &str) -> Self {
        let mut lines = csv.lines().map(fields);
        Self { head: lines.next().unwrap_or_default(), rows: lines.collect() }
    }

    /// Writes the table with tabs between its fields, as spreadsheets take it from the clipboard.
    pub fn tabbed(&self) -> String {
        let rows = std::iter::once(&self.head).chain(&self.rows);
        rows.map(|row| row.iter().map(|field| field.replace(['\t', '\n'], " ")).collect::<Vec<_>>().join("\t") + "\n")
            .collect()
    }

    fn html(&self) -> String {
        let row = |cells: &[String], tag: &str| {
            let cells = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
            format!("<tr>{}</tr>", cells.collect::<String>())
        };
        let rows: String = self.rows.iter().map(|cells| row(cells, "td") + "\n").collect();
        format!("<div class=\"wide\"><table>\n{}\n{rows}</table></div>\n", row(&self.head, "th"))
    }
}

/// Splits a line at its commas, but not at those in quotes.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            letter => field.push(letter),
        }
    }
    fields.push(field);
    fields
}

impl Report {
    /// Writes the report, with its figures as SVG inside.
    pub fn html(&self, options: &FigureOptions) -> Result<String> {
        let title = escaped(&self.title);
        let mut html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
             </head>\n<body>\n<h1>{title}</h1>\n"
        );
        for section in &self.sections {
            html += &format!("<section>\n<h2>{}</h2>\n", escaped(&section.heading));
            for figure in &section.figures {
                let (svg, caption) = (figure.svg(options)?, escaped(&figure.caption.text));
                html += &format!("<figure>\n{svg}\n<figcaption>{caption}</figcaption>\n</figure>\n");
            }
            section.tables.iter().for_each(|table| html += &table.html());
            section.commands.iter().for_each(|command| html += &format!("<pre>{}</pre>\n", escaped(command)));
            html += "</section>\n";
        }
        Ok(html + "</body>\n</html>\n")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_from_csv_and_go_to_spreadsheets() {
        let table = Table::from_csv("model,error\n\"a, b\",0.5\nc,\n");
        assert_eq!(table.head, ["model", "error"]);
        assert_eq!(table.rows, [["a, b", "0.5"], ["c", ""]]);
        assert_eq!(table.tabbed(), "model\terror\na, b\t0.5\nc\t\n");
        assert!(table.html().contains("<tr><td>a, b</td><td>0.5</td></tr>"));
    }

    #[test]
    fn what_is_written_is_no_markup() {
        let section = Section { heading: "a < b & c".into(), commands: vec!["<x>".into()], ..Section::default() };
        let report = Report { title: "\"1\"".into(), sections: vec![section] };
        let html = report.html(&FigureOptions::default()).unwrap();
        assert!(html.contains("<h2>a &lt; b &amp; c</h2>") && html.contains("<pre>&lt;x&gt;</pre>"), "{html}");
        assert!(html.contains("<title>&quot;1&quot;</title>"));
    }
}
