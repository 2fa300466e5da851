//! Captions are written for LaTeX.

use super::description::Caption;

/// Returns `\caption{…}` and `\label{fig:…}`, to be put below `\includegraphics` by `\input`.
pub fn caption(caption: &Caption, label: &str) -> String {
    let command = caption.command.as_ref();
    let command = command.map(|command| format!(" Made with: \\texttt{{{}}}.", escaped(command))).unwrap_or_default();
    let label: String = label.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    format!("\\caption{{{}{command}}}\n\\label{{fig:{label}}}\n", escaped(&caption.text))
}

/// Writes a text so that LaTeX prints it as it is; signs of mathematics become its commands.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => written.push_str("\\textbackslash{}"),
            '~' => written.push_str("\\textasciitilde{}"),
            '^' => written.push_str("\\textasciicircum{}"),
            '"' => written.push_str("\\textquotedbl{}"),
            '#' | '$' | '%' | '&' | '_' | '{' | '}' => written.extend(['\\', letter]),
            // Two hyphens would become a dash.
            '-' if letters.peek() == Some(&'-') => written.push_str("-{}"),
            _ => match command(letter) {
                Some(command) => written.push_str(&format!("\\ensuremath{{{command}}}")),
                None => written.push(letter),
            },
        }
    }
    written
}

fn command(letter: char) -> Option<&'static str> {
    Some(match letter {
        'α' => "\\alpha",
        'δ' => "\\delta",
        'ε' => "\\varepsilon",
        'η' => "\\eta",
        '∇' => "\\nabla",
        'ₓ' => "_x",
        '₀' => "_0",
        '₁' => "_1",
        '₂' => "_2",
        '∞' => "_\\infty",
        '′' => "'",
        '‖' => "\\|",
        '×' => "\\times",
        '·' => "\\cdot",
        '−' => "-",
        '±' => "\\pm",
        '≤' => "\\le",
        '≥' => "\\ge",
        '<' => "<",
        '>' => ">",
        '|' => "|",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_print_as_they_are() {
        let of = Caption {
            text: "Error at ε = 0.1, 95 % of n_1 & L∞; <50 %.".into(),
            command: Some("doppelganger figure run-1 --out a_b.pdf --alpha \"0.5\"".into()),
        };
        let expected = "\\caption{Error at \\ensuremath{\\varepsilon} = 0.1, 95 \\% of n\\_1 \\& \
                        L\\ensuremath{_\\infty}; \\ensuremath{<}50 \\%. Made with: \\texttt{doppelganger figure run-1 \
                        -{}-out a\\_b.pdf -{}-alpha \\textquotedbl{}0.5\\textquotedbl{}}.}\n\\label{fig:a-b-2}\n";
        assert_eq!(caption(&of, "a b_2"), expected);
        assert_eq!(caption(&Caption::default(), "x"), "\\caption{}\n\\label{fig:x}\n");
    }

    #[test]
    fn braces_are_balanced_whatever_is_written() {
        let text = "{\\}~^\"#$%&_-- ---";
        let written = escaped(text);
        let bare = written.replace("\\{", "").replace("\\}", "");
        assert_eq!(bare.matches('{').count(), bare.matches('}').count(), "{written}");
        assert!(!written.contains("--"), "{written}");
    }
}
