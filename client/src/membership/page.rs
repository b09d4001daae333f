//! The page of version 1. It is written out again whenever an old page is checked: it must not change (see `document`).

use super::Membership;
use crate::document::{Document, Page, grouped};
use crate::receipts::key_fingerprint;
use crate::texts::{event_word, local_time};
use careplan_protocol::calendar::Month;
use careplan_protocol::problem::Language;
use careplan_protocol::receipt::{Receipt, parse};

impl Document for Membership {
    const KIND: &'static str = "careplan-membership";
    const VERSION: u8 = 1;

    fn title(&self) -> String {
        format!("ケアプランデータ送受信 利用証明書 {} {}", self.office, self.period())
    }

    fn write(&self, page: &mut Page, fingerprint: &str) {
        page.tag("<h1>").label("ケアプランデータ送受信 利用証明書", "Certificate of use").tag("</h1>\n");
        self.facts(page, fingerprint);
        self.steps(page);
        self.counts(page);
        self.signed(page);
        page.tag(EXPLAINED).tag(SEAL);
    }
}

impl Membership {
    fn period(&self) -> String {
        match self.first == self.last {
            true => in_words(self.first),
            false => format!("{}から{}まで", in_words(self.first), in_words(self.last)),
        }
    }

    fn facts(&self, page: &mut Page, fingerprint: &str) {
        let types: Vec<&str> = self.service_types.iter().map(|it| it.as_str()).collect();
        let licence = match &self.licence {
            Some(it) if it.running => format!("{} から {} まで（有効）", it.from, it.until),
            Some(it) => format!("{} から {} まで（作成日には有効ではありません）", it.from, it.until),
            None => "なし".to_owned(),
        };
        page.tag("<table class=\"facts\">\n")
            .fact("事業所", "office", &format!("{} {}", self.office, self.office_name))
            .fact("サービス種類", "service types", &types.join(" "))
            .fact("対象期間", "period", &self.period())
            .fact("ライセンスの有効期間", "licence", &licence)
            .fact("ハブ", "hub", &format!("{}（{}）", self.hub_name, self.hub))
            .fact("作成日時", "made", &format!("{}（careplan {}）", local_time(self.made_at), self.made_with))
            .tag("<tr><th>")
            .label("照合番号", "fingerprint")
            .tag("</th><td class=\"code\">")
            .text(&grouped(fingerprint))
            .tag("</td></tr>\n</table>\n<p class=\"note\">日時はすべて日本時間です。</p>\n");
    }

    fn steps(&self, page: &mut Page) {
        page.tag("<h2>").label("加入とライセンスの経過", "Enrolment and licence").tag("</h2>\n<table>\n").heads(&[
            ("日時", "at"),
            ("できごと", "event"),
            ("内容", "details"),
            ("記録の位置", "position in the log"),
        ]);
        for step in &self.events {
            page.tag("<tr>").cell(&local_time(step.at)).cell(event_word(&step.kind, Language::Japanese));
            page.cell(&step.note).tag("<td class=\"number\">").text(&step.position.to_string()).tag("</td></tr>\n");
        }
        page.tag("</table>\n");
    }

    fn counts(&self, page: &mut Page) {
        page.tag("<h2>").label("月ごとの件数", "Transfers by month of acceptance").tag("</h2>\n<table>\n").heads(&[
            ("月", "month"),
            ("送信", "sent"),
            ("送信ファイル", "files sent"),
            ("受信", "received"),
            ("受信ファイル", "files received"),
        ]);
        let mut all = [0; 4];
        for usage in &self.usage {
            let counts = [usage.sent.transfers, usage.sent.files, usage.received.transfers, usage.received.files];
            all.iter_mut().zip(counts).for_each(|(all, count)| *all += count);
            numbers(page, &in_words(usage.month), counts);
        }
        numbers(page, "合計", all);
        page.tag("</table>\n<p class=\"note\">ハブが受け付けた月で数えます。取り消した送信も含みます。");
        page.tag("件数のない月と、ハブが件数を示さなくなった月（24か月より前）は載りません。</p>\n");
    }

    fn signed(&self, page: &mut Page) {
        page.tag("<h2>")
            .label("ハブの署名のある受領証（各月の最初と最後）", "Signed receipts, the first and last of every month");
        page.tag("</h2>\n");
        if self.receipts.is_empty() {
            page.tag("<p>このパソコンにはありません。 <small lang=\"en\">None on this computer.</small></p>\n");
            return;
        }
        page.tag("<table>\n").heads(&[
            ("受付日時", "accepted"),
            ("番号", "transfer"),
            ("送信先", "to"),
            ("署名した鍵の指紋（公開鍵の SHA-256）", "fingerprint of the key that signed"),
        ]);
        for text in &self.receipts {
            let Ok(parsed) = parse(text) else { continue };
            let Receipt { accepted_at, transfer, to, .. } = parsed.receipt;
            let key = self.keys.keys.iter().find(|key| key.kid == parsed.kid).and_then(key_fingerprint);
            page.tag("<tr>").cell(&local_time(accepted_at)).cell(&transfer.to_string()).cell(&to.to_string());
            page.tag("<td class=\"code\">").text(&key.map(|it| grouped(&it.to_string())).unwrap_or_default());
            page.tag("</td></tr>\n");
        }
        page.tag("</table>\n");
    }
}

fn numbers(page: &mut Page, head: &str, counts: [u64; 4]) {
    page.tag("<tr>").cell(head);
    for count in counts {
        page.tag("<td class=\"number\">").text(&count.to_string()).tag("</td>");
    }
    page.tag("</tr>\n");
}

fn in_words(month: Month) -> String {
    let day = month.first_day();
    format!("{}年{}月", day.year(), day.month())
}

const EXPLAINED: &str = "\
<p>署名されているのは受領証だけです。受領証は、その日時にこの事業所が加入していて、ライセンスが有効であったことを示します\
（どちらかを欠く事業所は送信できません）。加入とライセンスの経過、有効期間、件数は、作成時にハブが示したもので、署名はありません。\
必要なときは、運営者がハブの記録（位置）で確認できます。<br>
<small lang=\"en\">Only the receipts are signed: each shows that on that day the office was enrolled and its licence was running, since
nobody else can send. Steps, period and counts are as the hub told them when this was made, without a signature; the operator can
look them up in the hub's log by their positions.</small></p>
<p>確かめ方： <span class=\"code\">careplan evidence verify ファイル.html --key 指紋</span></p>
";

const SEAL: &str = "\
<table class=\"seal\"><tr><th>事業所（管理者）</th><th>運営者の確認（必要な場合）</th></tr><tr><td></td><td></td></tr></table>
";
