//! What a sync tells, for people and for programs.

use super::adopt;
use crate::program::check::told;
use crate::program::failure::{code, damaged_words, doubt_words, fetch_code, sync_code};
use crate::program::screen::Screen;
use careplan_client::checking;
use careplan_client::sending::SendError;
use careplan_client::sync::Happening;
use careplan_client::texts::{Explain as _, local_time};
use serde_json::{Value, json};

/// In Japanese and in English.
pub(super) fn words(happening: &Happening) -> (String, String) {
    match happening {
        Happening::Sent(id, to, n) => {
            (format!("{id}  {to} へ {n} ファイルを送信しました"), format!("{id}  {n} files sent to {to}"))
        }
        Happening::AlreadySent(id, to, n) => (
            format!("{id}  {to} への {n} ファイルは送信済みです"),
            format!("{id}  these {n} files had been sent to {to} before"),
        ),
        Happening::OtherReceipt(id, to, n) => {
            let why = SendError::OtherReceipt(*id);
            (format!("{to} への {n} ファイル：{}", why.japanese()), format!("{n} files to {to}: {}", why.english()))
        }
        Happening::BadReceipt(id, why) => {
            let (japanese, english) = doubt_words(why);
            (format!("{id}  {japanese}"), format!("{id}  {english}"))
        }
        Happening::Unfit(names, why) => (
            format!("送信できません（refused）：{}：{}", names.join(", "), why.japanese()),
            format!("cannot be sent (refused): {}: {}", names.join(", "), why.english()),
        ),
        Happening::Refused(names, why) => (
            format!("ハブが受け付けません（refused）：{}：{}", names.join(", "), why.japanese()),
            format!("refused by the hub: {}: {}", names.join(", "), why.english()),
        ),
        Happening::Faulty(names, findings) => (
            format!("誤りがあるため送信しません（refused）：{}（指摘 {} 件）", names.join(", "), findings.len()),
            format!("not sent, as it has errors (refused): {} ({} findings)", names.join(", "), findings.len()),
        ),
        Happening::Held(name, names, findings) => (
            format!("送信を保留しました（held/{name}）：{}（指摘 {} 件）", names.join(", "), findings.len()),
            format!("held for you to look at (held/{name}): {} ({} findings)", names.join(", "), findings.len()),
        ),
        Happening::Warned(names, findings) => (
            format!("警告がありますが送信します：{}（指摘 {} 件）", names.join(", "), findings.len()),
            format!("sent in spite of warnings: {} ({} findings)", names.join(", "), findings.len()),
        ),
        Happening::NotSent(names, why) => (
            format!("今回は送れませんでした。次回に続けます：{}：{}", names.join(", "), why.japanese()),
            format!("not sent this time, to be tried again: {}: {}", names.join(", "), why.english()),
        ),
        Happening::DamagedSend(folder) => damaged_words(folder),
        Happening::Stray(folder, Some(meant)) => {
            let folder = folder.display();
            (
                format!("フォルダー {folder} の名前は宛先として読めないため、送っていません。{meant} に変えてください"),
                format!("the name of {folder} is no address, so nothing in it is sent: rename it to {meant}"),
            )
        }
        Happening::Stray(folder, None) => {
            let folder = folder.display();
            (
                format!(
                    "フォルダー {folder} の中のファイルは送りません（送るのは、OUT と、宛先を名前にしたフォルダーの直下のファイルだけです）"
                ),
                format!(
                    "what stands in {folder} is not sent: only files in OUT itself and directly in folders named by an address are"
                ),
            )
        }
        Happening::InUse(names, why) => (
            format!(
                "{} は、ほかのプログラムが使っているか、読み書きの権限がないため、待っています（{why}）",
                names.join(", ")
            ),
            format!("{}: in use by another program, or not ours to read and move; waiting ({why})", names.join(", ")),
        ),
        Happening::Found(id, findings) => (
            format!("{id}  ハブの指摘が {} 件あります", findings.len()),
            format!("{id}  the hub found something in it ({} findings)", findings.len()),
        ),
        Happening::NotOnHub(to, n) => (
            format!("{to} には届けられません（not-on-hub、{n} ファイル）"),
            format!("{to} cannot be reached (not-on-hub, {n} files)"),
        ),
        Happening::Fetched(id, from, n) => {
            (format!("{id}  {from} から {n} ファイルを受信しました"), format!("{id}  {n} files fetched from {from}"))
        }
        Happening::NameTaken(path) => (
            format!("{} が取り込まれるのを待っています（同じ名前の別のファイル）", path.display()),
            format!("waiting until {} is taken away (another file of the same name)", path.display()),
        ),
        Happening::Acknowledged(id) => (format!("{id}  取込済にしました"), format!("{id}  acknowledged as imported")),
        Happening::Doubtful(ids) => adopt::doubtful(ids),
        Happening::Damaged(path) => (
            format!(
                "記録が壊れているため、{} によけました。自動では取込済にしません。取り込んだら careplan ack 番号 --imported を実行してください",
                path.display()
            ),
            format!(
                "a record is damaged and was put aside as {}: it is not acknowledged by itself, use `careplan ack ID --imported`",
                path.display()
            ),
        ),
        Happening::Renewed(ends) => {
            let ends = local_time(*ends);
            (
                format!("新しい設定を読み込みました。証明書は {ends} まで有効です"),
                format!("the new certificate is taken up; it is valid until {ends}"),
            )
        }
        Happening::CertificateEnds(ends, days) => {
            let ends = local_time(*ends);
            (
                format!(
                    "証明書の有効期限は {ends} です（あと {days} 日）。運営者に新しい証明書を依頼し、careplan setup を実行してください"
                ),
                format!(
                    "the certificate ends on {ends} ({days} days left): ask your operator for a new one and run `careplan setup`"
                ),
            )
        }
        Happening::FetchFailed(id, why) => {
            (format!("{id}  受信できません：{}", why.japanese()), format!("{id}  cannot be fetched: {}", why.english()))
        }
    }
}

/// As JSON.
pub(super) fn value(screen: &Screen, happening: &Happening) -> Value {
    let language = screen.language;
    match happening {
        Happening::Sent(id, to, n) => json!({"event": "sent", "transfer": id, "to": to, "files": n}),
        Happening::AlreadySent(id, to, n) => json!({"event": "already-sent", "transfer": id, "to": to, "files": n}),
        Happening::OtherReceipt(id, to, n) => {
            json!({"event": "other-receipt", "transfer": id, "to": to, "files": n})
        }
        Happening::BadReceipt(id, why) => {
            json!({"event": "bad-receipt", "transfer": id, "reason": why.explain(language)})
        }
        Happening::Unfit(names, why) => {
            json!({"event": "refused", "files": names, "code": "unfit", "reason": why.explain(language)})
        }
        Happening::Refused(names, why) => {
            json!({
                "event": "refused", "files": names, "code": code(why), "reason": why.explain(language),
                "findings": checking::of_refusal(why),
            })
        }
        Happening::Faulty(names, findings) => {
            json!({"event": "refused", "files": names, "code": "errors", "findings": told(screen, findings)})
        }
        Happening::Held(name, names, findings) => {
            json!({"event": "held", "name": name, "files": names, "findings": told(screen, findings)})
        }
        Happening::Warned(names, findings) => {
            json!({"event": "warned", "files": names, "findings": told(screen, findings)})
        }
        Happening::NotSent(names, why) => json!({
            "event": "not-sent", "files": names, "code": sync_code(why), "reason": why.explain(language),
        }),
        Happening::Stray(folder, meant) => json!({"event": "stray", "path": folder, "meant": meant}),
        Happening::DamagedSend(folder) => json!({"event": "damaged-send", "path": folder}),
        Happening::InUse(names, why) => json!({"event": "in-use", "files": names, "reason": why.to_string()}),
        Happening::Found(id, findings) => json!({"event": "found", "transfer": id, "findings": findings}),
        Happening::NotOnHub(to, n) => json!({"event": "not-on-hub", "to": to, "files": n}),
        Happening::Fetched(id, from, n) => json!({"event": "fetched", "transfer": id, "from": from, "files": n}),
        Happening::NameTaken(path) => json!({"event": "name-taken", "path": path}),
        Happening::Acknowledged(id) => json!({"event": "acknowledged", "transfer": id}),
        Happening::Damaged(path) => json!({"event": "damaged", "path": path}),
        Happening::Doubtful(ids) => json!({"event": "doubtful", "transfers": ids}),
        Happening::Renewed(ends) => json!({"event": "renewed", "certificate_ends": ends}),
        Happening::CertificateEnds(ends, days) => {
            json!({"event": "certificate-ends", "certificate_ends": ends, "days": days})
        }
        Happening::FetchFailed(id, why) => {
            json!({"event": "not-fetched", "transfer": id, "code": fetch_code(why), "reason": why.explain(language)})
        }
    }
}
