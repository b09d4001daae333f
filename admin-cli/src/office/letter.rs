//! The letter that goes to an office with its bundle: Japanese, one page of A4, as HTML and as plain text.

use crate::failure::Failure;
use crate::files::{self, Mode};
use crate::home::Settings;
use careplan_certs::Facts;
use careplan_protocol::api::OfficeRecord;
use careplan_protocol::calendar::day_in_japan;
use jiff::Timestamp;
use jiff::civil::Date;
use std::path::Path;

/// Writes `letter.html` and `letter.txt` into a bundle's folder.
pub(crate) fn write(
    folder: &Path,
    office: &OfficeRecord,
    certificate: &Facts,
    settings: &Settings,
    now: Timestamp,
) -> Result<(), Failure> {
    let letter = Letter::new(office, certificate, settings, now);
    files::replace(&folder.join("letter.txt"), letter.plain().as_bytes(), Mode::Open)?;
    files::replace(&folder.join(HTML), letter.html().as_bytes(), Mode::Open)
}

/// Whether a bundle's folder has its letter; the HTML is written last.
pub(crate) fn is_there(folder: &Path) -> bool {
    folder.join(HTML).exists()
}

/// What the letter says, ready for either form.
#[derive(Debug)]
struct Letter {
    date: String,
    office: String,
    facts: Vec<(&'static str, String)>,
    steps: Vec<String>,
    notes: Vec<String>,
    organization: String,
    contact: String,
}

impl Letter {
    fn new(office: &OfficeRecord, certificate: &Facts, settings: &Settings, now: Timestamp) -> Self {
        let types: Vec<&str> = office.service_types.iter().map(|kind| kind.as_str()).collect();
        let number = office.office;
        let mut facts = vec![
            ("事業所番号", number.to_string()),
            ("事業所名", office.name.clone()),
            ("サービス種類", types.join("、")),
            ("ハブの接続先（URL）", settings.hub.clone()),
        ];
        match &office.licence {
            Some(licence) => facts.extend([
                ("ライセンス有効期間", format!("{} 〜 {}", day(licence.from), day(licence.until))),
                ("利用料（税込）", format!("{} 円", grouped(licence.fee))),
            ]),
            None => facts.push(("ライセンス", "未発行（お申し込み後に送信できるようになります）".to_owned())),
        }
        facts.push(("電子証明書の有効期限", day(day_in_japan(certificate.not_after))));
        let blank =
            |text: &str| if text.is_empty() { "＿＿＿＿＿＿＿＿＿＿".to_owned() } else { text.to_owned() };
        Self {
            date: day(day_in_japan(now)),
            office: office.name.clone(),
            facts,
            steps: steps(&number.to_string()),
            notes: NOTES.iter().map(|note| (*note).to_owned()).collect(),
            organization: blank(&settings.letter.organization),
            contact: blank(&settings.letter.contact),
        }
    }

    fn plain(&self) -> String {
        let facts: String = self.facts.iter().map(|(name, value)| format!("  {name}：{value}\n")).collect();
        let steps: String = (1..).zip(&self.steps).map(|(n, step)| format!("  {n}. {step}\n")).collect();
        let notes: String = self.notes.iter().map(|note| format!("  ・{note}\n")).collect();
        format!(
            "{}\n\n{} 御中\n\n{}\n\n{TITLE}\n\n{GREETING}\n\n■ ご登録の内容\n{facts}\n■ ご利用までの手順\n{steps}\n\
             ■ ご確認ください\n{notes}\n■ お問い合わせ先\n  {}\n  {}\n",
            self.date, self.office, self.organization, self.organization, self.contact
        )
    }

    fn html(&self) -> String {
        let facts: String = self
            .facts
            .iter()
            .map(|(name, value)| format!("<tr><th>{}</th><td>{}</td></tr>\n", escaped(name), escaped(value)))
            .collect();
        let item = |text: &String| format!("<li>{}</li>\n", escaped(text));
        let steps: String = self.steps.iter().map(item).collect();
        let notes: String = self.notes.iter().map(item).collect();
        let (office, organization) = (escaped(&self.office), escaped(&self.organization));
        let (date, contact) = (escaped(&self.date), escaped(&self.contact));
        format!(
            "<!DOCTYPE html>\n<html lang=\"ja\">\n<head>\n<meta charset=\"utf-8\">\n<title>{TITLE}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<p class=\"right\">{date}</p>\n<p>{office} 御中</p>\n\
             <p class=\"right\">{organization}</p>\n<h1>{TITLE}</h1>\n<p>{GREETING}</p>\n<h2>ご登録の内容</h2>\n\
             <table>\n{facts}</table>\n<h2>ご利用までの手順</h2>\n<ol>\n{steps}</ol>\n<h2>ご確認ください</h2>\n\
             <ul>\n{notes}</ul>\n<h2>お問い合わせ先</h2>\n<p>{organization}<br>{contact}</p>\n</body>\n</html>\n"
        )
    }
}

fn steps(number: &str) -> Vec<String> {
    vec![
        format!("本状とともにお渡しする設定ファイル「{number}.careplan」を、ご利用になるパソコンに保存してください。"),
        "設定ファイルを開くためのパスフレーズは、安全のため本状とは別の方法でお知らせします。届くまでお待ちください。"
            .to_owned(),
        format!(
            "プログラム「careplan」を導入し、「careplan setup {number}.careplan」を実行して、パスフレーズを入力してください。"
        ),
        "「careplan status」を実行し、事業所名と有効期間が正しく表示されることをご確認ください。これで準備は完了です。"
            .to_owned(),
        format!(
            "ブラウザーや他のソフトウェアで証明書をお使いになる場合は、「{number}.p12」を同じパスフレーズで取り込んでください。"
        ),
    ]
}

fn day(day: Date) -> String {
    format!("{}年{}月{}日", day.year(), day.month(), day.day())
}

fn grouped(yen: u32) -> String {
    let digits = yen.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

const HTML: &str = "letter.html";
const TITLE: &str = "ケアプランデータ連携ハブ ご利用開始のご案内";
const GREETING: &str = "平素より大変お世話になっております。このたびはケアプランデータ連携ハブにお申し込みいただき、誠にありがとうございます。\
    貴事業所のご登録が完了しましたので、下記のとおりご案内申し上げます。お手数をおかけしますが、手順に沿って設定をお願いいたします。";
const NOTES: [&str; 4] = [
    "設定ファイルとパスフレーズは、貴事業所の身分証明にあたります。他の方に渡さず、紛失・盗難や担当者の交代の際は、\
     直ちに下記までご連絡ください。証明書を失効させ、新しいものを発行いたします。",
    "ライセンスは1年ごとに自動で更新されます。更新を希望されない場合は、有効期間の終了前に下記までお申し出ください。",
    "有効期間が終わると送信と新たな受信ができなくなりますが、届いているデータの受け取りはできます。",
    "本ハブは保管のための設備ではありません。お預かりしたファイルは一定期間（標準では90日）の経過後に削除されます。\
     記録の保存（2年間。条例により5年間の地域もあります）は各事業所の責任で行ってください。",
];
const STYLE: &str = "@page{size:A4;margin:18mm}body{font-family:\"Yu Gothic\",\"Hiragino Sans\",\"Noto Sans CJK JP\",sans-serif;\
    font-size:10.5pt;line-height:1.6;max-width:174mm;margin:0 auto;color:#000}h1{font-size:15pt;text-align:center;\
    margin:6mm 0}h2{font-size:11.5pt;border-bottom:1px solid #000;margin:5mm 0 2mm}.right{text-align:right}\
    table{border-collapse:collapse;width:100%}th,td{border:1px solid #666;padding:1mm 2mm;text-align:left}\
    th{width:45mm;background:#f0f0f0;font-weight:normal}li{margin-bottom:1mm}";

#[cfg(test)]
mod tests {
    use super::*;
    use careplan_protocol::api::{Licence, Standing};

    fn letter(name: &str, licence: bool) -> Letter {
        let now: Timestamp = "2026-09-30T16:00:00Z".parse().unwrap();
        let office = OfficeRecord {
            office: "1379999038".parse().unwrap(),
            name: name.to_owned(),
            kana: String::new(),
            email: String::new(),
            service_types: vec!["15".parse().unwrap(), "17".parse().unwrap()],
            standing: Standing::Active,
            enrolled_at: now,
            licence: licence.then(|| Licence {
                from: jiff::civil::date(2026, 10, 1),
                until: jiff::civil::date(2027, 9, 30),
                running: true,
                days_left: 365,
                renews: true,
                fee: 21_000,
                campaign: None,
            }),
            certificates: Vec::new(),
            last_seen: None,
            client: None,
            unfetched: 0,
        };
        let authority =
            careplan_certs::Authority::create("CA", &Default::default(), now, &careplan_certs::SystemRandomness)
                .unwrap()
                .0;
        let settings = Settings {
            hub: "https://hub.example.jp:8443".into(),
            ca: "ca.crt".into(),
            certificate: "operator.crt".into(),
            key: None,
            lifetimes: Default::default(),
            letter: crate::home::Letterhead { organization: "見本連合会".into(), contact: "03-0000-0000".into() },
        };
        Letter::new(&office, authority.facts(), &settings, now)
    }

    #[test]
    fn the_letter_says_what_to_do_whom_to_ask_the_term_and_the_fee() {
        let letter = letter("デイ青空", true);
        for text in [letter.plain(), letter.html()] {
            for said in [
                "2026年10月1日 〜 2027年9月30日",
                "21,000 円",
                "careplan setup 1379999038.careplan",
                "別の方法でお知らせ",
                "03-0000-0000",
                "見本連合会",
                "デイ青空 御中",
                "保管のための設備ではありません",
                "https://hub.example.jp:8443",
            ] {
                assert!(text.contains(said), "{said}\n{text}");
            }
        }
        assert!(letter.html().contains("size:A4"));
    }

    #[test]
    fn names_are_text_and_no_markup() {
        let html = letter("<script>alert(\"1\")</script> & Co", true).html();
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"));
    }

    #[test]
    fn a_letter_without_a_licence_promises_none() {
        let text = letter("デイ青空", false).plain();
        assert!(text.contains("未発行") && !text.contains("円"));
    }

    #[test]
    fn yen_are_grouped_by_thousands() {
        assert_eq!(
            [grouped(0), grouped(999), grouped(21_000), grouped(1_234_567)],
            ["0", "999", "21,000", "1,234,567"]
        );
    }
}
