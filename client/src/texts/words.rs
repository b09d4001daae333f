//! Words and times as people of an office read them.

use careplan_protocol::calendar::japan;
use careplan_protocol::problem::Language;
use jiff::Timestamp;

/// An instant as people of the office read it: the wall clock of Japan.
pub fn local_time(at: Timestamp) -> String {
    japan().to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The word for an event of the log. A kind that this program does not know goes by its own word.
pub fn event_word(kind: &str, language: Language) -> &str {
    if language == Language::English {
        return kind;
    }
    match kind {
        "began" => "記録の開始",
        "accepted" => "送信の受付",
        "fetched" => "受信",
        "acknowledged" => "取込の結果",
        "recalled" => "取消",
        "reread" => "送信済の再取得",
        "expired" => "保存期間の終了",
        "archived" => "月の記録の保管",
        "office-enrolled" => "事業所の登録",
        "office-changed" => "事業所の変更",
        "office-suspended" => "利用の停止",
        "office-resumed" => "利用の再開",
        "office-removed" => "事業所の削除",
        "certificate-registered" => "証明書の登録",
        "certificate-revoked" => "証明書の失効",
        "licence-term" => "ライセンスの付与・更新",
        "licence-declined" => "ライセンスの更新停止",
        "licence-ended" => "ライセンスの終了",
        "refused" => "拒否",
        "refused-more" => "拒否（まとめ）",
        other => other,
    }
}

/// The word for the outcome of an event of the log: codes of refusals stay codes.
pub fn outcome_word(outcome: &str, language: Language) -> &str {
    match (language, outcome) {
        (Language::Japanese, "ok") => "完了",
        (Language::Japanese, "imported") => "取込済",
        (Language::Japanese, "rejected") => "取込不可",
        _ => outcome,
    }
}
