//! What went wrong, for people: the English is the errors' own, the Japanese stands here.

mod words;

pub use words::{event_word, local_time, outcome_word};

use crate::archive::{ArchiveError, WhyNot};
use crate::bundle::BundleError;
use crate::connection::{Error, IdentityError};
use crate::desk::DeskError;
use crate::document::DocumentError;
use crate::evidence::Problem;
use crate::fetching::FetchError;
use crate::home::HomeError;
use crate::parcels::Misfit;
use crate::planning::Unreachable;
use crate::receipts::Verdict;
use crate::sending::SendError;
use careplan_protocol::problem::Language;
use careplan_protocol::standard::{NameError, UnitError};

/// Something that has a text in both languages.
pub trait Explain {
    /// The text for people.
    fn explain(&self, language: Language) -> String {
        match language {
            Language::Japanese => self.japanese(),
            Language::English => self.english(),
        }
    }

    /// The Japanese text.
    fn japanese(&self) -> String;

    /// The English text.
    fn english(&self) -> String;
}

/// Implements [`Explain`] with the error's own English and the given Japanese.
macro_rules! explain {
    ($type:ty, $value:ident => $japanese:expr) => {
        impl Explain for $type {
            fn japanese(&self) -> String {
                let $value = self;
                $japanese
            }

            fn english(&self) -> String {
                self.to_string()
            }
        }
    };
}

explain!(Error, error => match error {
    Self::Problem { problem, .. } => format!("{}。{}（{}）", problem.title, problem.detail, problem.code),
    Self::Unreachable(why) => format!("ハブに接続できません。回線を確かめてください（{why}）"),
    Self::NotTheHub(why) => format!("接続先は正しいハブではありません。運営者に連絡してください（{why}）"),
    Self::CertificateRefused(why) => format!("ハブがこの証明書を受け付けません。運営者に連絡してください（{why}）"),
    Self::CertificateExpired(at) => {
        format!("証明書の有効期限（{}）が切れています。運営者に新しい証明書を依頼してください", local_time(*at))
    }
    Self::CertificateNotYetValid(at) => {
        format!("証明書は {} から有効です。パソコンの時計を確かめてください", local_time(*at))
    }
    Self::Unexpected(why) => format!("ハブの応答を理解できません（{why}）"),
    Self::Digest(n) => format!("{n} 番目のファイルの内容がハブの控えと一致しません。もう一度受信してください"),
    Self::File(why) => format!("パソコンのファイルを扱えません（{why}）"),
    Self::Configuration(why) => format!("設定に誤りがあります（{why}）"),
});

explain!(IdentityError, error => match error {
    Self::Passphrase => "パスフレーズが違います".to_owned(),
    Self::Empty => "証明書と秘密鍵の組が入っていません".to_owned(),
    Self::Pkcs12(why) | Self::Pem(why) => format!("証明書ファイルを読み取れません（{why}）"),
    Self::Certificate => "証明書を読み取れません".to_owned(),
});

explain!(BundleError, error => match error {
    Self::Form(why) => format!("設定ファイル（.careplan）として読み取れません（{why}）"),
    Self::Version(version) => format!("設定ファイルの版 {version} には対応していません。careplan を更新してください"),
    Self::Identity(why) => why.japanese(),
    Self::OtherOffice(office) => format!("中の証明書は事業所 {office} のものではありません。運営者に連絡してください"),
    Self::Chain(why) => format!("中の証明書を確認できません：{}", why.japanese()),
});

explain!(HomeError, error => match error {
    Self::Nothing => "まだ設定されていません。先に careplan setup 設定ファイル を実行してください".to_owned(),
    Self::Several(offices) => {
        let offices: Vec<String> = offices.iter().map(ToString::to_string).collect();
        format!("複数の事業所（{}）が設定されています。--as で選んでください", offices.join("、"))
    }
    Self::Unknown(office) => {
        format!("事業所 {office} は設定されていません。careplan setup で設定ファイルを読み込んでください")
    }
    Self::NoPlace => "データの保存場所がありません。--home で指定してください".to_owned(),
    Self::Damaged(path, why) => format!("{} が壊れています（{why}）", path.display()),
    Self::Disk(path, why) => format!("{} を扱えません（{why}）", path.display()),
    Self::Identity(why) => why.japanese(),
});

explain!(DeskError, error => match error {
    Self::Home(why) => why.japanese(),
    Self::Connection(why) => why.japanese(),
});

explain!(NameError, error => match error {
    Self::Prefix => {
        "標準仕様にないファイル種別です。CSV は標準仕様のファイル名で送ってください".to_owned()
    }
    Self::Parts => "ファイル名が標準仕様の形（種別_年月_送信元_種類_送信先_種類_連番）ではありません".to_owned(),
    Self::Month => "ファイル名の年月が YYYYMM ではありません".to_owned(),
    Self::Office(number, _) => format!("ファイル名の事業所番号 {number} が正しくありません"),
    Self::ServiceType(text) => format!("ファイル名のサービス種類 {text} が正しくありません"),
    Self::Stamp(text) => format!("ファイル名の連番 {text} が 14 桁の数字ではありません"),
    Self::Image => "画像のファイル名は 4 桁の番号で終わります".to_owned(),
});

explain!(UnitError, error => match error {
    Self::Mixed => "送信元、送信先、連番が揃っていません".to_owned(),
    Self::Twice(prefix) => format!("{prefix} が二つあります"),
    Self::Incomplete(missing) => format!("送信単位に {missing} が足りません"),
    Self::Illegal(listed) => format!("標準仕様にない組み合わせです：{listed}"),
});

explain!(Misfit, error => match error {
    Self::Name(why) => why.japanese(),
    Self::Unit(why) => why.japanese(),
    Self::Sender(from) => format!("ファイル名の送信元 {from} はこの事業所（窓口）ではありません"),
    Self::Receiver(to) => format!("ファイル名の送信先 {to} は指定の宛先と違います"),
    Self::NoAddress => "標準仕様にないファイルには宛先が必要です".to_owned(),
});

explain!(Unreachable, error => match error {
    Self::NotOnHub => "このハブに加入していません".to_owned(),
    Self::CannotReceive => "今は受信できません（ライセンス切れか利用停止）".to_owned(),
    Self::NoSuchType => "このサービス種類はハブに登録されていません".to_owned(),
});

explain!(SendError, error => match error {
    Self::Refused(why) => why.japanese(),
    Self::Kept(why) => {
        format!("送信が終わっていません。控えてあり、次回に同じ送信として続けます：{}", why.japanese())
    }
    Self::Underway => {
        "このパソコンの別のプログラムが同じものを送信しています。終わってから確かめてください".to_owned()
    }
    Self::OtherReceipt(transfer) => {
        format!("{transfer} は受け付けられましたが、受領証の内容が送信したものと違います。運営者に連絡してください")
    }
    Self::Disk(why) => format!("パソコンのファイルを扱えません（{why}）"),
    Self::Randomness(_) => "パソコンから乱数を得られません".to_owned(),
});

explain!(FetchError, error => match error {
    Self::Elsewhere => "このパソコンの別のプログラムが受信中か、受信済みです".to_owned(),
    Self::NameTaken(path) => format!("{} に内容の違う同じ名前のファイルがあります", path.display()),
    Self::OtherFolder(path) => {
        format!("{} は、これまで同期してきたフォルダーではありません。共有フォルダーの接続を確かめてください", path.display())
    }
    Self::Over(state) => format!("ファイルはもう受け取れません（{}）", state.japanese()),
    Self::Hub(why) => why.japanese(),
    Self::Disk(why) => format!("パソコンのファイルを扱えません（{why}）"),
});

explain!(Verdict, error => match error {
    Self::Form(_) => "受領証として読み取れません".to_owned(),
    Self::UnknownKey(kid) => format!("ハブはこの鍵（{kid}）を公開していません"),
    Self::Signature => "署名が一致しません。書き換えられたか、このハブの受領証ではありません".to_owned(),
    Self::Retired(kid) => format!("鍵（{kid}）は受領証の日時より前に使用を終えています"),
});

explain!(WhyNot, error => match error {
    Self::NotFetched => "まだ受信していません（保管のために受信済にはしません。先に受信してください）".to_owned(),
    Self::Recalled => "送信元が取り消しました（内容はありません）".to_owned(),
    Self::Gone => "ハブの保存期間が終わり、このパソコンにも控えがありません".to_owned(),
    Self::Altered => "保管先のファイルが書き換えられています。別の場所へ移してから、もう一度実行してください".to_owned(),
    Self::OtherThanReceipt => "ハブの一覧が受領証と違います。運営者に連絡してください".to_owned(),
    Self::Failed => "今回は取得できませんでした。もう一度実行してください".to_owned(),
});

explain!(ArchiveError, error => match error {
    Self::Locked(path) => format!("{} では別の careplan archive が動いています", path.display()),
    Self::Damaged(path, why) => {
        format!("{} を目録として読み取れません（{why}）。別の場所へ移してから、もう一度実行してください", path.display())
    }
    Self::Hub(why) => why.japanese(),
    Self::Disk(why) => why.japanese(),
});

explain!(DocumentError, error => match error {
    Self::NoData => "careplan の書面ではありません（データが入っていません）".to_owned(),
    Self::Kind(kind) => format!("別の種類の書面です（{kind}）"),
    Self::Version(version) => format!("書面の版 {version} には対応していません。新しい careplan を使ってください"),
    Self::Data(why) => format!("中のデータを読み取れません。書き換えられています（{why}）"),
});

explain!(Problem, error => match error {
    Self::ReceiptOf(why) => format!("受領証が正しくありません：{}", why.japanese()),
    Self::Altered(line) => format!("書面が書き換えられています：{line} 行目が、中のデータと一致しません"),
    Self::Receipt(transfer, why) => format!("{transfer}：受領証が正しくありません：{}", why.japanese()),
    Self::OtherReceipt(transfer) => format!("{transfer}：別の送信の受領証です"),
    Self::Proof(transfer, why) => format!("{transfer}：記録の証明が正しくありません（{why}）"),
    Self::OtherCheckpoint(transfer) => format!("{transfer}：証明が、ほかのものと違うチェックポイントにつながっています"),
    Self::OtherProof(transfer) => format!("{transfer}：別の送信の記録の証明です"),
    Self::Disagrees(transfer, field) => {
        format!("{transfer}：{}が、ハブの署名した内容と違います", field.word(Language::Japanese))
    }
    Self::Astray(transfer, field) => {
        format!("{transfer}：{}が、この書面に合いません", field.word(Language::Japanese))
    }
    Self::Key(kid, fingerprint) => format!("鍵 {kid}（指紋 {fingerprint}）は、指定された鍵ではありません"),
});

impl Explain for std::io::Error {
    fn japanese(&self) -> String {
        format!("パソコンのファイルを扱えません（{self}）")
    }

    fn english(&self) -> String {
        self.to_string()
    }
}

explain!(crate::sync::SyncError, error => match error {
    Self::NoFolder(path) => format!("フォルダー {} がありません", path.display()),
    Self::OtherFolder(path) => format!(
        "{} は、これまで同期してきたフォルダーではありません。共有フォルダーの接続を確かめてください。\
         フォルダーを新しくしたときは、careplan sync adopt --in フォルダー を一度実行してください",
        path.display()
    ),
    Self::Locked(path) => format!("{} では別の careplan sync が動いています", path.display()),
    Self::SameFolder => "--out と --in には、互いに含まない二つのフォルダーを指定してください".to_owned(),
    Self::Hub(why) => why.japanese(),
    Self::Send(why) => why.japanese(),
    Self::Disk(why) => why.japanese(),
});
