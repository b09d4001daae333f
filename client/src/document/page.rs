//! A page in the making: markup is ours alone, everything else is escaped.

/// A page in the making.
#[derive(Debug)]
pub struct Page(String);

impl Page {
    /// The head of a page; its foot shows the beginning of the fingerprint on every printed sheet.
    pub(super) fn begin(title: &str, fingerprint: &str) -> Self {
        let mut page = Self(String::new());
        page.tag(HEAD).text(title).tag("</title>\n<style>\n").tag(STYLE);
        page.tag("@page { @bottom-left { content: \"照合番号 ").digits(fingerprint.get(..16).unwrap_or_default());
        page.tag("\"; font: 7pt sans-serif; }\n").tag(NUMBERS).tag("</style>\n</head>\n<body>\n");
        page
    }

    /// Adds markup.
    pub fn tag(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text. What cannot be seen, but would hide or turn what can, shows as U+FFFD.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '&' => self.0.push_str("&amp;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' => self.0.push_str("<br>"),
                c if crate::names::is_unseen(c) => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        self
    }

    /// Adds a label: Japanese, and English small beside it.
    pub fn label(&mut self, japanese: &'static str, english: &'static str) -> &mut Self {
        self.tag(japanese).tag(" <small lang=\"en\">").tag(english).tag("</small>")
    }

    /// Adds a row of headings, each as [`Page::label`].
    pub fn heads(&mut self, heads: &[(&'static str, &'static str)]) -> &mut Self {
        self.tag("<thead><tr>");
        for (japanese, english) in heads {
            self.tag("<th>").label(japanese, english).tag("</th>");
        }
        self.tag("</tr></thead>\n")
    }

    /// Adds a row of two: a label and a text.
    pub fn fact(&mut self, japanese: &'static str, english: &'static str, text: &str) -> &mut Self {
        self.tag("<tr><th>").label(japanese, english).tag("</th><td>").text(text).tag("</td></tr>\n")
    }

    /// Adds a cell of text.
    pub fn cell(&mut self, text: &str) -> &mut Self {
        self.tag("<td>").text(text).tag("</td>")
    }

    /// Adds data that is escaped already.
    pub(super) fn data(&mut self, data: &str) -> &mut Self {
        self.0.push_str(data);
        self
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    /// Adds hexadecimal digits, where escaping would mean something else.
    fn digits(&mut self, digits: &str) -> &mut Self {
        self.0.extend(digits.chars().filter(char::is_ascii_hexdigit));
        self
    }
}

const HEAD: &str = "\
<!doctype html>
<html lang=\"ja\">
<head>
<meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<meta name=\"referrer\" content=\"no-referrer\">
<title>";

const STYLE: &str = "\
@page { size: A4 landscape; margin: 12mm 12mm 14mm; }
* { box-sizing: border-box; }
html { font: 9pt/1.45 \"Noto Sans CJK JP\", \"Noto Sans JP\", \"Yu Gothic\", Meiryo, \"Hiragino Sans\", sans-serif; color: #111; }
body { max-width: 273mm; margin: 8mm auto; }
h1 { font-size: 16pt; margin: 0 0 3mm; border-bottom: 0.6mm solid #111; padding-bottom: 1.5mm; }
h2 { font-size: 11.5pt; margin: 6mm 0 2mm; break-after: avoid; }
p { margin: 1mm 0 2mm; }
small { font-size: 6.5pt; color: #555; font-weight: normal; }
h1 small { font-size: 9pt; }
h2 small { font-size: 7.5pt; }
table { border-collapse: collapse; width: calc(100% - 0.3mm); }
table.list { table-layout: fixed; }
th, td { border: 0.2mm solid #777; padding: 0.8mm 1.4mm; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
thead { display: table-header-group; }
thead th, table.facts th { background: #eee; font-weight: bold; }
thead th small { display: block; }
table.facts { width: auto; min-width: 60%; }
table.facts th { white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
tbody.entry, section.together { break-inside: avoid; }
tbody.entry > tr:first-child > td { border-top: 0.4mm solid #111; }
td.inner { padding: 0.6mm 1.4mm 1.4mm 6mm; background: #fafafa; }
td.inner table { width: 100%; }
td.inner th, td.inner td { border: none; padding: 0 1.6mm 0 0; font-size: 7.5pt; }
td.inner thead th { color: #555; font-weight: normal; background: none; }
td.inner thead th small { display: inline; }
.code { font-family: \"Noto Sans Mono CJK JP\", \"DejaVu Sans Mono\", Consolas, Menlo, monospace; font-size: 7pt; }
.id { white-space: nowrap; font-variant-numeric: tabular-nums; }
.note { font-size: 8pt; }
.seal { width: 100%; margin-top: 4mm; break-inside: avoid; }
.seal td { height: 22mm; }
@media print { html { -webkit-print-color-adjust: exact; print-color-adjust: exact; } body { margin: 0; max-width: none; } }
";

const NUMBERS: &str = "\
@bottom-right { content: counter(page) \" / \" counter(pages); font: 7pt sans-serif; } }
";
