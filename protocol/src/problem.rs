//! Refusals: RFC 9457 problem details with a stable `code`, in Japanese or English.

use crate::standard::{Report, ToldFinding};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// The language of texts for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Language {
    /// 日本語, the default.
    #[default]
    Japanese,
    /// English.
    English,
}

impl Language {
    /// The better of the two for an `Accept-Language` header: Japanese unless English is asked for before it.
    pub fn from_accept_language(header: &str) -> Self {
        let weight = |part: &str| {
            let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
            let q = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok());
            (tag.trim().to_ascii_lowercase(), q.unwrap_or(0.0))
        };
        let best = |language: &str| {
            let of_language = |(tag, _): &(String, f32)| tag.split('-').next() == Some(language);
            header.split(',').map(weight).filter(of_language).map(|(_, q)| q).fold(0.0, f32::max)
        };
        if best("en") > best("ja") { Self::English } else { Self::Japanese }
    }
}

/// A refusal as it travels: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{title}: {detail} ({code})")]
pub struct Problem {
    /// `urn:careplan:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// One line for people, in the caller's language.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do, in the caller's language.
    pub detail: String,
    /// The stable code; [`Code`] lists those of this version.
    pub code: String,
    /// The number of the request, as it stands in the hub's own log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// When the recipient first opened a file, for a recall that came too late (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<String>,
    /// The transfer concerned, where the caller may know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<String>,
    /// What was found in the files, where that is why (and `findings_left_out` more).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ToldFinding>,
    /// So many findings more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_left_out: u64,
}

/// Whether a count has nothing to say.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Problem {
    /// The code, if this version knows it.
    pub fn known_code(&self) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.as_str() == self.code)
    }
}

/// Declares the codes with their status, and their titles and advice in both languages.
macro_rules! codes {
    ($( $(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $ja:literal, $ja_do:literal, $en:literal, $en_do:literal; )*) => {
        /// The stable codes of refusals.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $( $(#[$doc])* #[doc = concat!("`", $code, "`: ", $en)] $variant, )* }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$( Code::$variant, )*];

            /// The code as it travels.
            pub fn as_str(&self) -> &'static str {
                match self { $( Code::$variant => $code, )* }
            }

            /// The HTTP status it goes with.
            pub fn status(&self) -> u16 {
                match self { $( Code::$variant => $status, )* }
            }

            /// One line saying what is wrong.
            pub fn title(&self, language: Language) -> &'static str {
                match (self, language) {
                    $( (Code::$variant, Language::Japanese) => $ja, (Code::$variant, Language::English) => $en, )*
                }
            }

            /// What the caller can do.
            pub fn advice(&self, language: Language) -> &'static str {
                match (self, language) {
                    $( (Code::$variant, Language::Japanese) => $ja_do, (Code::$variant, Language::English) => $en_do, )*
                }
            }
        }
    };
}

codes! {
    NotFound = "not-found", 404,
        "見つかりません", "番号を確かめてください。", "not found", "Check the number or address.";
    MethodNotAllowed = "method-not-allowed", 405,
        "この操作はできません", "API の説明書を確かめてください。", "method not allowed here", "See the API manual.";
    Malformed = "malformed", 400,
        "要求を読み取れません", "送信内容を確かめてください。", "the request cannot be read", "Check what was sent.";
    CertificateUnknown = "certificate-unknown", 403,
        "この証明書は登録されていません", "運営者に連絡してください。", "this certificate is not registered", "Ask your operator.";
    CertificateRevoked = "certificate-revoked", 403,
        "この証明書は失効しています", "運営者に新しい証明書を依頼してください。", "this certificate was revoked", "Ask your operator for a new one.";
    CertificateExpired = "certificate-expired", 403,
        "この証明書は有効期間外です", "パソコンの時計を確かめ、運営者に新しい証明書を依頼してください。", "this certificate is not valid at this time", "Check your clock; ask your operator for a new one.";
    RevocationListStale = "revocation-list-stale", 403,
        "この認証局の失効リストが古く、証明書を確認できません", "運営者に連絡してください。", "the revocation list of this certificate's authority is out of date", "Ask your operator.";
    OfficeSuspended = "office-suspended", 403,
        "この事業所は利用停止中です", "運営者に連絡してください。", "this office is suspended", "Ask your operator.";
    Forbidden = "forbidden", 403,
        "この証明書ではこの操作はできません", "操作に合った証明書を使ってください。", "this certificate may not do that", "Use a certificate meant for it.";
    LicenceExpired = "licence-expired", 403,
        "ライセンスの有効期間外のため送信できません", "運営者にライセンスの更新を依頼してください。受信と取消はできます。", "no licence is running, so nothing can be sent", "Ask your operator to renew it. Receiving and recalling still work.";
    RecipientUnknown = "recipient-unknown", 422,
        "送信先の事業所は登録されていません", "事業所番号を確かめるか、FAX 等で送ってください。", "the recipient is not on this hub", "Check the number, or send by FAX.";
    RecipientUnavailable = "recipient-unavailable", 422,
        "送信先の事業所は現在受信できません", "FAX 等で送るか、相手の事業所に確かめてください。", "the recipient cannot take transfers now", "Send by FAX, or ask the office.";
    RecipientTypeUnknown = "recipient-type-unknown", 422,
        "送信先の事業所にこのサービス種類はありません", "サービス種類を確かめてください。", "the recipient does not have this service type", "Check the service type.";
    FieldOrder = "field-order", 400,
        "to と message はファイルより前に送ってください", "項目の順序を直してください。", "to and message must stand before the first file", "Reorder the form's fields.";
    FieldMissing = "field-missing", 400,
        "必要な項目がありません", "項目を補って送り直してください。", "a field is missing", "Add it and send again.";
    FieldInvalid = "field-invalid", 400,
        "項目の値が正しくありません", "値を直して送り直してください。", "a field has a value that cannot be", "Correct it and send again.";
    IdempotencyKeyMissing = "idempotency-key-missing", 400,
        "Idempotency-Key ヘッダーが必要です", "送信ごとに新しい値（UUID 等）を付け、再送では同じ値を使ってください。", "the header Idempotency-Key is required", "Give each send a new value (a UUID) and repeat it when you retry.";
    IdempotencyConflict = "idempotency-conflict", 409,
        "同じ Idempotency-Key で別の内容が送信済みです", "新しい内容には新しい値を付けてください。", "this Idempotency-Key was used for other content", "Use a new key for new content.";
    MultipartMalformed = "multipart-malformed", 400,
        "multipart/form-data を読み取れません", "送信プログラムを確かめてください。", "the multipart/form-data cannot be read", "Check the sending program.";
    NoFiles = "no-files", 422,
        "ファイルがありません", "ファイルを付けて送り直してください。", "there is no file in the transfer", "Attach a file and send again.";
    FileName = "file-name", 422,
        "ファイル名が正しくありません", "ファイル名を直して送り直してください。", "a file name cannot be accepted", "Correct the name and send again.";
    FileEmpty = "file-empty", 422,
        "空のファイルがあります", "ファイルを作り直して送ってください。", "a file is empty", "Write the file again and send it.";
    UnitIllegal = "unit-illegal", 422,
        "送信単位が正しくありません", "標準仕様の組み合わせで送り直してください。", "the files are no legal send unit", "Send the set that the standard asks for.";
    StandardViolated = "standard-violated", 422,
        "ファイルが標準仕様に合いません", "findings の内容を直して出力し直し、送り直してください。何も保存していません。", "the files do not follow the standard", "Correct what findings names, export and send again. Nothing was stored.";
    UnitReused = "unit-reused", 422,
        "この連番は別の内容で送信済みです", "ソフトから新しい連番で出力し直すか、前の送信を取り消してから送ってください。", "this 連番 was sent with other contents", "Export again under a new 連番, or recall the earlier transfer first.";
    SenderMismatch = "sender-mismatch", 422,
        "ファイル名の送信元がこの事業所ではありません", "正しい事業所のファイルを送ってください。", "the file name gives another office as the sender", "Send the files of the right office.";
    ReceiverMismatch = "receiver-mismatch", 422,
        "ファイル名の送信先が宛先と違います", "宛先を確かめてください。", "the file name gives another office as the receiver", "Check the address.";
    TooManyFiles = "too-many-files", 413,
        "ファイルの数が上限を超えています", "分けて送ってください。", "too many files", "Send them in several transfers.";
    FileTooLarge = "file-too-large", 413,
        "ファイルが大きすぎます", "小さくして送ってください。", "a file is too large", "Make it smaller.";
    TransferTooLarge = "transfer-too-large", 413,
        "送信の合計が大きすぎます", "分けて送ってください。", "the transfer is too large", "Send it in parts.";
    MessageTooLong = "message-too-long", 422,
        "メッセージが長すぎます", "短くして送り直してください。", "the message is too long", "Shorten it.";
    AlreadyFetched = "already-fetched", 409,
        "相手が受信済みのため取り消せません", "相手の事業所に連絡してください。", "the recipient has fetched it, so it cannot be recalled", "Call the recipient.";
    NotFetched = "not-fetched", 409,
        "まだ受信していないため取込結果を登録できません", "先に受信してください。", "it was not fetched yet, so it cannot be acknowledged", "Fetch it first.";
    Recalled = "recalled", 410,
        "送信元が取り消しました", "送信元の事業所に確かめてください。", "the sender recalled it", "Ask the sender.";
    Gone = "gone", 410,
        "保存期間が終わりました", "送信元の事業所に再送を依頼してください。", "its retention is over", "Ask the sender to send it again.";
    Damaged = "damaged", 500,
        "保存データの破損を検出しました", "運営者に連絡してください。破損したデータは渡しません。", "the stored data is damaged and is not handed out", "Tell your operator.";
    RangeInvalid = "range-invalid", 416,
        "指定された範囲はファイルの外です", "範囲を確かめてください。", "the range lies outside the file", "Check the range.";
    RateLimited = "rate-limited", 429,
        "要求が多すぎます", "Retry-After の秒数を待ってから送り直してください。", "too many requests", "Wait as long as Retry-After says.";
    Timeout = "timeout", 408,
        "時間内に送信が終わりませんでした", "通信を確かめ、同じ Idempotency-Key で送り直してください。", "the request took too long", "Check the line and send again with the same Idempotency-Key.";
    StorageFull = "storage-full", 507,
        "ハブの空き容量が不足し、送信を受け付けられません", "しばらくして同じ内容を送り直してください。", "the hub has no room for transfers now", "Send the same again later.";
    Busy = "busy", 503,
        "ただいま混み合っています", "Retry-After の秒数を待ってから送り直してください。", "the hub is busy", "Wait as long as Retry-After says, then repeat.";
    Unavailable = "unavailable", 503,
        "ただいま利用できません", "しばらくして送り直してください。", "the hub cannot do this now", "Repeat it later.";
    Conflict = "conflict", 409,
        "現在の状態ではこの操作はできません", "状態を確かめてください。", "the present state does not allow this", "Look at the present state.";
    CheckDigit = "check-digit", 422,
        "事業所番号の検査数字が合いません", "番号を確かめてください。正しければ上書きの指定を付けてください。", "the office number fails its check digit", "Check it; override it if it is right.";
    Internal = "internal", 500,
        "ハブの内部で問題が起きました", "しばらくして送り直し、続く場合は要求番号を運営者に伝えてください。", "something went wrong inside the hub", "Repeat it; if it stays, tell your operator the request's number.";
}

/// A refusal on its way through the hub: a code, what exactly was wrong, and what goes beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// What exactly was wrong, in both languages; never personal data.
    pub what: Option<(String, String)>,
    /// When the recipient had fetched.
    pub fetched_at: Option<jiff::Timestamp>,
    /// The transfer concerned.
    pub transfer: Option<crate::transfer::TransferId>,
    /// Seconds after which a repetition makes sense.
    pub retry_after: Option<u32>,
    /// What was found in the files.
    pub report: Option<Box<Report>>,
}

impl Refusal {
    /// A refusal that its code says all about.
    pub fn new(code: Code) -> Self {
        Self { code, what: None, fetched_at: None, transfer: None, retry_after: None, report: None }
    }

    /// A refusal with what exactly was wrong.
    pub fn because(code: Code, japanese: impl Into<String>, english: impl Into<String>) -> Self {
        Self { what: Some((japanese.into(), english.into())), ..Self::new(code) }
    }

    /// The problem document for a caller.
    pub fn problem(&self, language: Language, request: Option<String>) -> Problem {
        let what = self.what.as_ref().map(|(japanese, english)| match language {
            Language::Japanese => japanese.as_str(),
            Language::English => english.as_str(),
        });
        let advice = self.code.advice(language);
        let found = self.report.as_deref();
        Problem {
            kind: format!("urn:careplan:problem:{}", self.code.as_str()),
            title: self.code.title(language).to_owned(),
            status: self.code.status(),
            detail: what.map_or_else(|| advice.to_owned(), |what| format!("{what} {advice}")),
            code: self.code.as_str().to_owned(),
            request,
            fetched_at: self.fetched_at.map(|at| at.to_string()),
            transfer: self.transfer.map(|id| id.to_string()),
            findings: found.map(|report| report.told(language)).unwrap_or_default(),
            findings_left_out: found.map_or(0, |report| report.left_out),
        }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Some((_, english)) => write!(f, "{} ({english})", self.code.as_str()),
            None => f.write_str(self.code.as_str()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn japanese_unless_english_is_asked_for_first() {
        for (header, language) in [
            ("", Language::Japanese),
            ("*", Language::Japanese),
            ("en", Language::English),
            ("en-GB,en;q=0.9", Language::English),
            ("ja,en;q=0.9", Language::Japanese),
            ("en;q=0.5, ja-JP;q=0.9", Language::Japanese),
            ("fr, en;q=0.3", Language::English),
        ] {
            assert_eq!(Language::from_accept_language(header), language, "{header}");
        }
    }

    #[test]
    fn codes_are_told_apart_and_every_one_has_its_texts() {
        for (index, code) in Code::ALL.iter().enumerate() {
            assert!(Code::ALL[..index].iter().all(|other| other.as_str() != code.as_str()));
            assert!((400..600).contains(&code.status()));
            let problem = Refusal::new(*code).problem(Language::Japanese, None);
            assert_eq!(problem.known_code(), Some(*code));
            assert!(!problem.title.is_ascii() && !problem.detail.is_ascii());
        }
    }
}
