//! Reasons and other details of an event in words; never messages, attachment names or digests.

use super::scan::Lens;
use crate::store::event::{Beginning, Detail, Event, Fact};
use careplan_protocol::problem::Language;

/// The words beside an event; what was in a destroyed detail is missing.
pub(super) fn note(event: &Event, lens: &Lens) -> String {
    let none = Detail::default();
    let detail = event.detail.as_ref().unwrap_or(&none);
    let mut words = Words { language: lens.language, parts: Vec::new() };
    of_fact(&event.fact, detail, &mut words);
    if !matches!(event.fact, Fact::Accepted { .. }) {
        words.labelled("理由", "reason", detail.reason.as_deref());
    }
    if lens.viewer.sees_people() {
        words.labelled("本人確認", "identified by", detail.verified_by.as_deref());
    }
    words.parts.join("; ")
}

fn of_fact(fact: &Fact, detail: &Detail, words: &mut Words) {
    match fact {
        Fact::Began { because, .. } => match because {
            Beginning::FirstStart => words.say("最初の起動", "first start"),
            Beginning::Cut => words.say("起動時に末尾を切り取り", "the tail was cut at a start"),
            Beginning::Restored => words.say("バックアップから復元", "restored from a backup"),
        },
        Fact::Accepted { class, .. } => words.say(class.japanese(), &format!("{class:?}").to_lowercase()),
        Fact::Fetched { file, .. } | Fact::Reread { file, .. } => {
            words.labelled("ファイル", "file", Some(&file.to_string()))
        }
        Fact::Expired { through, unfetched } => {
            words.labelled("保存期限", "through", Some(&through.to_string()));
            words.labelled("未受信", "unfetched", Some(&unfetched.to_string()));
        }
        Fact::Archived { month, first, next, .. } => {
            words.labelled("対象月", "month", Some(&month.to_string()));
            words.labelled("記録", "events", Some(&format!("{first}-{}", next.saturating_sub(1))));
        }
        Fact::OfficeEnrolled { service_types, .. } | Fact::OfficeChanged { service_types, .. } => {
            words.labelled("名称", "name", detail.name.as_deref());
            let types: Vec<&str> = service_types.iter().map(|service_type| service_type.as_str()).collect();
            words.labelled("サービス種類", "types", Some(&types.join(" ")));
        }
        Fact::CertificateRegistered { not_after, .. } => {
            words.labelled("端末", "label", detail.label.as_deref());
            words.labelled("有効期限", "until", Some(&not_after.to_string()));
        }
        Fact::LicenceTerm { from, until, fee, .. } => {
            words.labelled("期間", "term", Some(&format!("{from}/{until}")));
            words.labelled("料金", "fee", Some(&fee.to_string()));
            words.labelled("キャンペーン", "campaign", detail.campaign.as_deref());
        }
        Fact::PersonAdded { auditor, until, .. } => {
            words.say(if *auditor { "監査者" } else { "運営者" }, if *auditor { "auditor" } else { "operator" });
            words.labelled("氏名", "name", detail.name.as_deref());
            words.labelled("範囲", "scope", detail.scope.as_deref());
            words.labelled("期限", "until", until.map(|day| day.to_string()).as_deref());
        }
        Fact::PersonRemoved { .. } => words.labelled("氏名", "name", detail.name.as_deref()),
        Fact::Searched { entries } => {
            words.labelled("件数", "entries", Some(&entries.to_string()));
            words.labelled("条件", "query", detail.query.as_deref());
        }
        Fact::Refused { route, .. } => words.labelled("要求", "request", Some(route)),
        Fact::StrangersRefused { count } | Fact::RefusedMore { count, .. } => {
            words.labelled("件数", "count", Some(&count.to_string()))
        }
        Fact::Acknowledged { .. }
        | Fact::Recalled { .. }
        | Fact::OfficeSuspended { .. }
        | Fact::OfficeResumed { .. }
        | Fact::OfficeRemoved { .. }
        | Fact::CertificateRevoked { .. }
        | Fact::LicenceDeclined { .. }
        | Fact::LicenceEnded { .. }
        | Fact::ClockConfirmed => {}
    }
}

struct Words {
    language: Language,
    parts: Vec<String>,
}

impl Words {
    fn say(&mut self, japanese: &str, english: &str) {
        self.parts.push(self.pick(japanese, english).to_owned());
    }

    fn labelled(&mut self, japanese: &str, english: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.parts.push(format!("{}: {value}", self.pick(japanese, english)));
        }
    }

    fn pick<'a>(&self, japanese: &'a str, english: &'a str) -> &'a str {
        match self.language {
            Language::Japanese => japanese,
            Language::English => english,
        }
    }
}
