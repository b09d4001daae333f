//! Why a command ended without doing what was asked for.

use careplan_client::archive::ArchiveError;
use careplan_client::bundle::BundleError;
use careplan_client::connection::Error;
use careplan_client::desk::DeskError;
use careplan_client::fetching::FetchError;
use careplan_client::home::HomeError;
use careplan_client::planning::PlanError;
use careplan_client::receipts::Verdict;
use careplan_client::sending::SendError;
use careplan_client::sync::SyncError;
use careplan_client::texts::Explain;
use std::path::Path;

/// A failure with its text in both languages and a code for programs.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: String,
    japanese: String,
    english: String,
}

impl Failure {
    pub(crate) fn new(code: &str, japanese: impl Into<String>, english: impl Into<String>) -> Self {
        Self { code: code.to_owned(), japanese: japanese.into(), english: english.into() }
    }

    /// A failure of the disk at a path.
    pub(crate) fn disk(path: &Path, why: &std::io::Error) -> Self {
        let path = path.display();
        Self::new("disk", format!("{path} を扱えません（{why}）"), format!("{path}: {why}"))
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(
            "interrupted",
            "中断しました。途中の送信・受信は次回に続けます",
            "interrupted; what was begun is finished next time",
        )
    }

    fn of(code: &str, why: &impl Explain) -> Self {
        Self::new(code, why.japanese(), why.english())
    }
}

impl Explain for Failure {
    fn japanese(&self) -> String {
        self.japanese.clone()
    }

    fn english(&self) -> String {
        self.english.clone()
    }
}

/// The stable code of an error, for `--json`.
pub(crate) fn code(why: &Error) -> &str {
    match why {
        Error::Problem { problem, .. } => &problem.code,
        Error::Unreachable(_) => "unreachable",
        Error::NotTheHub(_) => "not-the-hub",
        Error::CertificateRefused(_) => "certificate-refused",
        Error::CertificateExpired(_) | Error::CertificateNotYetValid(_) => "certificate-expired",
        Error::Unexpected(_) => "unexpected-answer",
        Error::Digest(_) => "digest-mismatch",
        Error::File(_) => "disk",
        Error::Configuration(_) => "configuration",
    }
}

impl From<Error> for Failure {
    fn from(why: Error) -> Self {
        Self::of(code(&why), &why)
    }
}

impl From<PlanError> for Failure {
    fn from(why: PlanError) -> Self {
        match why {
            PlanError::Hub(why) => why.into(),
            PlanError::Disk(why) => why.into(),
        }
    }
}

impl From<DeskError> for Failure {
    fn from(why: DeskError) -> Self {
        match why {
            DeskError::Home(why) => why.into(),
            DeskError::Connection(why) => why.into(),
        }
    }
}

impl From<HomeError> for Failure {
    fn from(why: HomeError) -> Self {
        Self::of("setup", &why)
    }
}

impl From<BundleError> for Failure {
    fn from(why: BundleError) -> Self {
        Self::of("bundle", &why)
    }
}

impl From<SendError> for Failure {
    fn from(why: SendError) -> Self {
        Self::of(send_code(&why), &why)
    }
}

/// The stable code of a failed send.
pub(crate) fn send_code(why: &SendError) -> &str {
    match why {
        SendError::Refused(why) | SendError::Kept(why) => code(why),
        SendError::Underway => "underway",
        SendError::OtherReceipt(_) => "other-receipt",
        SendError::Disk(_) | SendError::Randomness(_) => "disk",
    }
}

impl From<FetchError> for Failure {
    fn from(why: FetchError) -> Self {
        Self::of(fetch_code(&why), &why)
    }
}

/// The stable code of a failed fetch.
pub(crate) fn fetch_code(why: &FetchError) -> &str {
    match why {
        FetchError::Elsewhere => "elsewhere",
        FetchError::NameTaken(_) => "name-taken",
        FetchError::OtherFolder(_) => "folder",
        FetchError::Over(state) => state.as_str(),
        FetchError::Hub(why) => code(why),
        FetchError::Disk(_) => "disk",
    }
}

impl From<SyncError> for Failure {
    fn from(why: SyncError) -> Self {
        Self::of(sync_code(&why), &why)
    }
}

/// The stable code of what goes wrong in a sync.
pub(crate) fn sync_code(why: &SyncError) -> &str {
    match why {
        SyncError::Hub(why) => code(why),
        SyncError::Send(why) => send_code(why),
        SyncError::Locked(_) => "locked",
        SyncError::NoFolder(_) | SyncError::OtherFolder(_) | SyncError::SameFolder => "folder",
        SyncError::Disk(_) => "disk",
    }
}

/// What to tell of a receipt whose signature does not hold.
pub(crate) fn doubt_words(why: &Verdict) -> (String, String) {
    (
        format!(
            "受領証の署名を確かめられません。送信は受け付けられていますが、運営者に連絡してください（{}）",
            why.japanese()
        ),
        format!("accepted, but the receipt cannot be trusted: {}; tell your operator", why.english()),
    )
}

/// What to tell of an entry of the journal that could not be read and was put aside.
pub(crate) fn damaged_words(folder: &Path) -> (String, String) {
    let folder = folder.display();
    (
        format!(
            "途中の送信の控えが読み取れないため、{folder} へ移しました。中のファイルが届いているか careplan sent で確かめてください"
        ),
        format!(
            "an unfinished send could not be read and was put aside in {folder}: see with `careplan sent` whether its files went"
        ),
    )
}

impl From<ArchiveError> for Failure {
    fn from(why: ArchiveError) -> Self {
        let code = match &why {
            ArchiveError::Locked(_) => "locked",
            ArchiveError::Damaged(..) => "damaged",
            ArchiveError::Hub(why) => code(why),
            ArchiveError::Disk(_) => "disk",
        };
        Self::of(code, &why)
    }
}

impl From<std::io::Error> for Failure {
    fn from(why: std::io::Error) -> Self {
        Self::of("disk", &why)
    }
}
