//! The page of version 1. It is written out again whenever an old page is checked: it must not change (see `document`).

use super::{Entry, Evidence};
use crate::document::{Document, Page, grouped, hex};
use crate::exchanged::Direction;
use crate::receipts::{key_fingerprint, public_fingerprint};
use crate::texts::local_time;
use careplan_protocol::api::Transfer;
use careplan_protocol::calendar::Month;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::Language;
use careplan_protocol::tlog::note::VerifierKey;
use careplan_protocol::transfer::State;
use jiff::Timestamp;
use std::collections::BTreeMap;

impl Document for Evidence {
    const KIND: &'static str = "careplan-evidence";
    const VERSION: u8 = 1;

    fn title(&self) -> String {
        format!("ケアプランデータ送受信記録書 {} {}", self.office, self.month)
    }

    fn write(&self, page: &mut Page, fingerprint: &str) {
        page.tag("<h1>").label("ケアプランデータ送受信記録書", "Record of exchanged care-plan data").tag("</h1>\n");
        self.facts(page, fingerprint);
        self.summary(page);
        self.list(page, Direction::Sent);
        self.list(page, Direction::Received);
        self.proof(page);
    }
}

impl Evidence {
    fn of(&self, direction: Direction) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.direction == direction)
    }

    fn facts(&self, page: &mut Page, fingerprint: &str) {
        let partner = match self.partner {
            Some(partner) => format!("{partner} {}", self.partner_name(partner)),
            None => "すべて".to_owned(),
        };
        let counts = [Direction::Sent, Direction::Received].map(|direction| self.of(direction).count());
        page.tag("<table class=\"facts\">\n")
            .fact("事業所", "office", &format!("{} {}", self.office, self.office_name))
            .fact("対象年月", "month", &in_words(self.month))
            .fact("相手先", "partner", &partner)
            .fact("件数", "transfers", &format!("送信 {} 件、受信 {} 件", counts[0], counts[1]))
            .fact("ハブ", "hub", &format!("{}（{}）", self.hub_name, self.hub))
            .fact("作成日時", "made", &format!("{}（careplan {}）", local_time(self.made_at), self.made_with))
            .tag("<tr><th>")
            .label("照合番号", "fingerprint")
            .tag("</th><td class=\"code\">")
            .text(&grouped(fingerprint))
            .tag("</td></tr>\n</table>\n<p class=\"note\">日時はすべて日本時間です。")
            .tag("対象年月がファイルに書かれていないもの（＊）は、ハブが受け付けた月で数えています。</p>\n");
    }

    fn partner_name(&self, office: OfficeNumber) -> &str {
        let names = self.entries.iter().map(|entry| entry.direction.partner(&entry.transfer));
        names.into_iter().find(|(partner, _)| partner.office == office).map(|(_, name)| name).unwrap_or_default()
    }

    fn summary(&self, page: &mut Page) {
        if self.entries.is_empty() {
            return;
        }
        let mut partners: BTreeMap<OfficeNumber, [usize; 6]> = BTreeMap::new();
        for entry in &self.entries {
            let counts = partners.entry(entry.direction.partner(&entry.transfer).0.office).or_default();
            let first = if entry.direction == Direction::Sent { 0 } else { 3 };
            counts[first] += 1;
            counts[first + 1] += usize::from(entry.transfer.fetched_at.is_some());
            counts[first + 2] += usize::from(entry.transfer.state == State::Imported);
        }
        page.tag("<h2>").label("相手先ごとの件数", "Transfers by partner").tag("</h2>\n<table>\n").heads(&[
            ("相手先", "partner"),
            ("送信", "sent"),
            ("うち相手が受信", "fetched by the partner"),
            ("うち取込済", "imported"),
            ("受信", "received"),
            ("うち受信済", "fetched"),
            ("うち取込済", "imported"),
        ]);
        for (partner, counts) in &partners {
            page.tag("<tr>").cell(&format!("{partner} {}", self.partner_name(*partner)));
            for count in counts {
                page.tag("<td class=\"number\">").text(&count.to_string()).tag("</td>");
            }
            page.tag("</tr>\n");
        }
        page.tag("</table>\n");
    }

    fn list(&self, page: &mut Page, direction: Direction) {
        let (title, english, fetched) = match direction {
            Direction::Sent => ("送信したもの", "Sent", ("相手の受信", "fetched")),
            Direction::Received => ("受信したもの", "Received", ("受信", "fetched")),
        };
        page.tag("<h2>").label(title, english).tag("</h2>\n");
        if self.of(direction).next().is_none() {
            page.tag("<p>ありません。 <small lang=\"en\">None.</small></p>\n");
            return;
        }
        page.tag(COLUMNS).heads(&[
            ("番号", "transfer"),
            ("相手先", "partner"),
            ("種別・対象", "class, month"),
            ("受付", "accepted"),
            fetched,
            ("取込の結果", "outcome"),
            ("状態", "state"),
            ("証明", "proof"),
        ]);
        for entry in self.of(direction) {
            row(page, entry);
        }
        page.tag("</table>\n");
    }

    fn proof(&self, page: &mut Page) {
        page.tag("<section class=\"together\">\n<h2>")
            .label("証明と確かめ方", "What is proved, and how to check it")
            .tag("</h2>\n")
            .tag(EXPLAINED);
        page.tag("<table>\n").heads(&[
            ("鍵", "key"),
            ("使い始め", "from"),
            ("使い終わり", "until"),
            ("指紋（公開鍵の SHA-256）", "fingerprint: SHA-256 of the public key"),
        ]);
        for key in &self.keys.keys {
            let at = |seconds: Option<i64>| seconds.and_then(|s| Timestamp::from_second(s).ok()).map(local_time);
            page.tag("<tr><td>").label("受領証の鍵", "receipts").tag(" <span class=\"code\">").text(&key.kid);
            page.tag("</span></td>").cell(&at(key.nbf).unwrap_or_default()).cell(&at(key.exp).unwrap_or_default());
            let fingerprint = key_fingerprint(key).map(|it| grouped(&it.to_string())).unwrap_or_default();
            page.tag("<td class=\"code\">").text(&fingerprint).tag("</td></tr>\n");
        }
        for key in self.logs() {
            page.tag("<tr><td>").label("記録の鍵", "log").tag(" <span class=\"code\">").text(&key.name);
            page.tag("</span></td><td></td><td></td><td class=\"code\">");
            page.text(&grouped(&public_fingerprint(&key.public).to_string())).tag("</td></tr>\n");
        }
        page.tag("</table>\n</section>\n");
    }

    /// The keys of the logs that prove something in it.
    fn logs(&self) -> Vec<VerifierKey> {
        let mut logs: Vec<VerifierKey> = Vec::new();
        for key in self.entries.iter().filter_map(|entry| entry.proof.as_ref()?.key.parse().ok()) {
            if !logs.contains(&key) {
                logs.push(key);
            }
        }
        logs
    }
}

fn row(page: &mut Page, entry: &Entry) {
    let transfer = &entry.transfer;
    let (partner, name) = entry.direction.partner(transfer);
    let at = |at: Option<Timestamp>| at.map(local_time).unwrap_or_default();
    page.tag("<tbody class=\"entry\">\n<tr><td class=\"id\">").text(&transfer.id.to_string()).tag("</td>");
    page.cell(&format!("{partner}\n{name}")).cell(&about(transfer)).cell(&local_time(transfer.accepted_at));
    page.cell(&at(transfer.fetched_at)).cell(&outcome(transfer)).cell(&state(transfer)).cell(&proved(entry));
    page.tag("</tr>\n<tr><td class=\"inner\" colspan=\"8\">");
    if !transfer.message.is_empty() {
        page.label("メッセージ", "message").tag("： ").text(&transfer.message).tag("<br>\n");
    }
    if transfer.files.is_empty() {
        let told = format!("{} ファイル、{} バイト（名前は残っていません）", transfer.file_count, transfer.bytes);
        page.text(&told);
    } else {
        page.tag("<table>\n").heads(&[
            ("ファイル", "file"),
            ("バイト", "bytes"),
            ("内容の SHA-256", "SHA-256 of the contents"),
        ]);
        for file in &transfer.files {
            page.tag("<tr>").cell(&file.name).tag("<td class=\"number\">").text(&file.size.to_string());
            page.tag("</td><td class=\"code\">").text(&hex(&file.sha256.0)).tag("</td></tr>\n");
        }
        page.tag("</table>\n");
    }
    page.tag("</td></tr>\n</tbody>\n");
}

fn about(transfer: &Transfer) -> String {
    let star = if transfer.month_by_acceptance { "＊" } else { "" };
    let mut text = format!("{} {}{star}", transfer.class.japanese(), transfer.month);
    if let Some(stamp) = transfer.stamp {
        text.push_str(&format!("\n連番 {stamp}"));
    }
    if let (Some(from), Some(to)) = (transfer.from.service_type, transfer.to.service_type) {
        text.push_str(&format!("\nサービス種類 {from} → {to}"));
    }
    text
}

fn outcome(transfer: &Transfer) -> String {
    let Some(said) = &transfer.acknowledgement else { return String::new() };
    let word = match said.outcome {
        careplan_protocol::transfer::Outcome::Imported => "取込済",
        careplan_protocol::transfer::Outcome::Rejected => "取込不可",
    };
    let reason = said.reason.as_ref().map(|reason| format!("\n{reason}")).unwrap_or_default();
    format!("{word}\n{}{reason}", local_time(said.at))
}

fn state(transfer: &Transfer) -> String {
    let mut words = vec![transfer.state.japanese().to_owned()];
    words.extend(transfer.recalled_at.map(local_time));
    words.extend(transfer.marks.iter().flat_map(|marks| marks.words(Language::Japanese)));
    words.extend(transfer.late.then(|| "遅れて到着".to_owned()));
    words.join("\n")
}

fn proved(entry: &Entry) -> String {
    let words = [
        (entry.receipt.is_some(), "受領証"),
        (!entry.transfer.delivery_receipts.is_empty(), "受信の証明"),
        (entry.proof.is_some(), "記録"),
    ];
    let words: Vec<&str> = words.into_iter().filter(|(is_there, _)| *is_there).map(|(_, word)| word).collect();
    if words.is_empty() { "－".to_owned() } else { words.join("\n") }
}

fn in_words(month: Month) -> String {
    let day = month.first_day();
    format!("{}年{}月", day.year(), day.month())
}

const COLUMNS: &str = "\
<table class=\"list\">
<colgroup><col style=\"width: 9.5%\"><col style=\"width: 21%\"><col style=\"width: 15%\"><col style=\"width: 13%\">\
<col style=\"width: 13%\"><col style=\"width: 13%\"><col style=\"width: 8.5%\"><col style=\"width: 7%\"></colgroup>
";

const EXPLAINED: &str = "\
<p>「受領証」は、ハブが受け付けたときに署名した証明で、番号、送信元、送信先、受付日時、ファイルの大きさと内容（SHA-256）を証明します\
（受信したものの受領証は送信元が持っています）。「受信の証明」は、相手が受信したこと、取り込んだ（取り込めなかった）ことと、その日時の署名です。\
「記録」は、書き換えの分かるハブの送受信記録に同じ内容があることの証明で、\
ファイル名、メッセージ、受信・取込・取消の日時と状態も証明します。\
事業所の名称と差替・削除の表示、「－」の行は、作成時にハブが示した一覧によるもので、証明されていません。\
ここに載っていない送受信がないことは証明しません。<br>
<small lang=\"en\">受領証: the hub's signed statement of number, both ends, time of acceptance, sizes and contents; of what was received the
sender has it. 受信の証明: its signed statement that the recipient fetched, imported or rejected, and when. 記録: the same stands in the
hub's log, which cannot be changed unseen; this also proves file names, messages, times and states. Names of offices, marks, and lines
with － are as the hub listed them when this was made. That nothing else was exchanged is not proved.</small></p>
<p>この書面（HTML ファイル）は、受領証、記録の証明、公開鍵を中に含みます。ネットワークにつながずに、次で確かめられます。\
手元のファイルが当時のままかどうかも分かります。鍵の指紋は、運営者が公表しているものと見比べてください。<br>
<span class=\"code\">careplan evidence verify ファイル.html --files フォルダー --key 指紋</span></p>
";
