//! A transfer on its way in, file by file: named, counted, hashed, checked and sealed while it streams.
//!
//! A retry goes the same way but stores nothing: its content is compared with what was accepted.

use super::Exchange;
use super::checking::{self, Checking};
use super::decide::{self, AcceptAnswer, Acting};
use super::names::Named;
use super::receipt::Accepted;
use super::unit::{self, Ends, Whole};
use crate::permit::{RetryPermit, SendPermit};
use crate::store::SharedStore;
use crate::store::body::Upload;
use crate::store::event::FileDetail;
use crate::store::transfer::Transfer;
use aws_lc_rs::digest;
use bytes::Bytes;
use careplan_protocol::office::Address;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::standard::{JoinKey, Policy, late as late_finding};
use careplan_protocol::transfer::Fingerprint;
use unicode_normalization::UnicodeNormalization as _;

/// What a sender says beside the files.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The idempotency key.
    pub key: String,
    /// The sender: the acting office, with a service type if the form named one.
    pub from: Address,
    /// The recipient as the form named it.
    pub to: Address,
    /// The message.
    pub message: String,
    /// The program that sends.
    pub client: String,
}

/// A transfer on its way in.
pub struct Incoming<'a> {
    exchange: &'a Exchange,
    certificate: Fingerprint,
    offer: Offer,
    files: Vec<Named>,
    details: Vec<FileDetail>,
    hasher: digest::Context,
    total: u64,
    /// The most that the file begun last may have.
    most_bytes: u64,
    aim: Aim,
}

enum Aim {
    Store(Box<dyn Upload>, Box<Checking>),
    Compare(Box<Transfer>),
}

impl Exchange {
    /// Begins a new transfer.
    ///
    /// # Errors
    /// When the message is too long or there is no room.
    pub fn begin(&self, permit: &SendPermit, offer: Offer) -> Result<Incoming<'_>, Refusal> {
        self.check_message(&offer.message)?;
        let upload = self.store.upload(permit.from().office, permit.to().office)?;
        let ends = Ends { from: offer.from, to: offer.to };
        let checking = Checking::begin(self.policy, &self.limits, ends, &self.store.state());
        Ok(Incoming::of(self, permit.certificate(), offer, Aim::Store(upload, Box::new(checking))))
    }

    /// Begins the comparison of a retry with what was accepted before.
    pub fn compare(&self, permit: &RetryPermit, offer: Offer, earlier: Transfer) -> Incoming<'_> {
        Incoming::of(self, permit.certificate(), offer, Aim::Compare(Box::new(earlier)))
    }

    fn check_message(&self, message: &str) -> Result<(), Refusal> {
        let most = self.limits.message_characters as usize;
        if message.chars().count() > most {
            let (japanese, english) = (format!("{most} 文字までです。"), format!("At most {most} characters."));
            return Err(Refusal::because(Code::MessageTooLong, japanese, english));
        }
        if message.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            let (japanese, english) = ("メッセージに制御文字があります。", "The message has a control character.");
            return Err(Refusal::because(Code::FieldInvalid, japanese, english));
        }
        Ok(())
    }
}

impl<'a> Incoming<'a> {
    fn of(exchange: &'a Exchange, certificate: Fingerprint, offer: Offer, aim: Aim) -> Self {
        let hasher = digest::Context::new(&digest::SHA256);
        Self {
            exchange,
            certificate,
            offer,
            files: Vec::new(),
            details: Vec::new(),
            hasher,
            total: 0,
            most_bytes: 0,
            aim,
        }
    }

    /// Begins the next file.
    ///
    /// # Errors
    /// For its name, its ends, or one file too many.
    pub async fn begin_file(&mut self, name: &str) -> Result<(), Refusal> {
        self.end_file()?;
        self.hasher = digest::Context::new(&digest::SHA256);
        if matches!(&self.aim, Aim::Compare(earlier) if self.details.len() as u64 >= u64::from(earlier.files)) {
            return Err(Code::IdempotencyConflict.into());
        }
        self.details.push(FileDetail { name: name.to_owned(), size: 0, sha256: [0; 32] });
        if let Aim::Store(upload, checking) = &mut self.aim {
            let named = Named::parse(name, self.details.len())?;
            refuse_double(&self.files, &named)?;
            checking.begin_file(name)?;
            self.files.push(named);
            refuse_too_many(&self.files, &self.exchange.limits)?;
            upload.begin_file().await?;
        }
        Ok(())
    }

    /// Adds bytes to the file begun last.
    ///
    /// # Errors
    /// When the file or the whole becomes too large, or the disk refuses.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        let Some(file) = self.details.last_mut() else { return Err(Code::FieldOrder.into()) };
        file.size += bytes.len() as u64;
        self.total += bytes.len() as u64;
        if self.total > self.exchange.limits.transfer_bytes {
            return Err(self.too_large());
        }
        self.hasher.update(&bytes);
        if file.size == bytes.len() as u64 {
            self.most_bytes = most_bytes(&self.exchange.limits, &file.name, &bytes);
        }
        if let Aim::Store(upload, checking) = &mut self.aim {
            checking.feed(&bytes);
            if file.size > self.most_bytes {
                return Err(checking::too_large(&file.name, file.size, self.most_bytes));
            }
            if !checking.is_refused() {
                upload.write(bytes).await?;
            }
        }
        Ok(())
    }

    /// Ends the transfer: sealed, decided, durable, and answered with its receipt.
    ///
    /// # Errors
    /// The first rule that is broken; nothing is left then.
    pub async fn finish(mut self) -> Result<Accepted, Refusal> {
        self.end_file()?;
        let content = self.content_hash();
        match self.aim {
            Aim::Compare(ref earlier) if earlier.content == content => self.exchange.accepted_before(earlier),
            Aim::Compare(_) => Err(Code::IdempotencyConflict.into()),
            Aim::Store(..) => self.store(content).await,
        }
    }

    async fn store(self, content: [u8; 32]) -> Result<Accepted, Refusal> {
        let Aim::Store(upload, checking) = self.aim else { return Err(Code::Internal.into()) };
        if self.details.is_empty() {
            return Err(Code::NoFiles.into());
        }
        let Self { exchange, offer, certificate, files, details, total, .. } = self;
        let ends = Ends { from: offer.from, to: offer.to };
        let mut report = checking.finish().await?;
        let whole = unit::whole(&files, ends, &exchange.store.state())?;
        let Whole { from, to, class, month, stamp } = whole;
        let unit = exchange.unit(&whole, &details, std::mem::take(&mut report.join_keys)).await?;
        let body = upload.finish().await?;
        let accept = decide::Accept {
            acting: Acting { office: from.office, certificate },
            from,
            to,
            class,
            month,
            stamp,
            message: offer.message,
            files: details,
            key: exchange.key_hash(from.office, &offer.key),
            content,
            unit,
            warnings: report.counts(),
            client: offer.client,
            hub: exchange.hub.clone(),
            kid: exchange.store.receipt_kid(),
            body,
        };
        let unit_file = files.iter().find(|file| file.standard.is_some()).map(|file| file.name.clone());
        let (answer, _) = exchange.store.commit(move |view| decide::accept(view, accept)).await?;
        match answer {
            AcceptAnswer::New { id, receipt, kid, late } => {
                exchange.metrics.transfers.with_label_values(&["accepted"]).inc();
                exchange.metrics.transfer_bytes.with_label_values(&["accepted"]).inc_by(total);
                if let (true, Some(stamp)) = (late && exchange.policy != Policy::Unchecked, stamp) {
                    report.findings.push(late_finding(&unit_file.unwrap_or_default(), stamp));
                }
                report.keep_at_most(checking::MOST_TOLD);
                Ok(Accepted { report, ..exchange.signed(id, &receipt, &kid)? })
            }
            AcceptAnswer::Before(id) => {
                let earlier = exchange.store.sent(from.office, id.position)?.ok_or(Code::Internal)?;
                exchange.accepted_before(&earlier)
            }
        }
    }

    fn end_file(&mut self) -> Result<(), Refusal> {
        let place = self.details.len();
        let Some(file) = self.details.last_mut() else { return Ok(()) };
        if let Aim::Store(_, checking) = &mut self.aim {
            let what = Some((format!("{place} 番目のファイルです。"), format!("It is file {place}.")));
            checking.end_file(file.size).map_err(|refusal| Refusal { what, ..refusal })?;
        }
        let finished = std::mem::replace(&mut self.hasher, digest::Context::new(&digest::SHA256)).finish();
        file.sha256.copy_from_slice(finished.as_ref());
        Ok(())
    }

    /// What the idempotency key covers: addresses and message as given, the ordered names, sizes and digests.
    fn content_hash(&self) -> [u8; 32] {
        let covered = (&self.offer.from, &self.offer.to, &self.offer.message, &self.details);
        // Strings and numbers always encode into memory.
        let bytes = minicbor::to_vec(covered).unwrap_or_default();
        self.exchange.store.blind("content", &bytes)
    }

    fn too_large(&self) -> Refusal {
        match self.aim {
            // What was accepted was within the limit, so this is other content.
            Aim::Compare(_) => Code::IdempotencyConflict.into(),
            Aim::Store(..) => {
                let most = self.exchange.limits.transfer_bytes;
                let (japanese, english) = (format!("上限は {most} バイトです。"), format!("At most {most} bytes."));
                Refusal::because(Code::TransferTooLarge, japanese, english)
            }
        }
    }
}

impl Exchange {
    /// What the unit is compared with others by; `None` without one. Many keys are hashed on a thread of its own.
    async fn unit(
        &self,
        whole: &Whole,
        details: &[FileDetail],
        join_keys: Vec<JoinKey>,
    ) -> Result<Option<decide::AcceptUnit>, Refusal> {
        if whole.stamp.is_none() {
            return Ok(None);
        }
        let mut files: Vec<_> = details.iter().map(|file| (&file.name, file.size, &file.sha256[..])).collect();
        files.sort_unstable();
        // Strings and numbers always encode into memory.
        let content = self.store.blind("unit", &minicbor::to_vec(files).unwrap_or_default());
        let (store, ends) = (SharedStore::clone(&self.store), format!("{}/{}/", whole.from, whole.to));
        let many = join_keys.len() > FEW_KEYS;
        let hashed = move || {
            let hash = |key: &JoinKey| {
                let bytes = [ends.as_bytes(), key.as_bytes()].concat();
                store.blind("join-key", &bytes).first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
            };
            let mut keys: Vec<u64> = join_keys.iter().map(hash).collect();
            keys.sort_unstable();
            keys
        };
        let keys = match many {
            true => tokio::task::spawn_blocking(hashed).await.map_err(|_| Code::Internal)?,
            // Another thread would take longer to wake up.
            false => hashed(),
        };
        Ok(Some(decide::AcceptUnit { content, keys }))
    }
}

/// So many keys are hashed within a fraction of a millisecond.
const FEW_KEYS: usize = 256;

/// The most that a file may have: by its name for a CSV, else by what it begins with.
fn most_bytes(limits: &crate::config::Limits, name: &str, begin: &[u8]) -> u64 {
    let is_csv = name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("csv"));
    match (is_csv, begin.starts_with(&[0xff, 0xd8])) {
        (true, _) => limits.csv_bytes,
        (false, true) => limits.jpeg_bytes,
        (false, false) => limits.pdf_bytes,
    }
}

fn refuse_too_many(files: &[Named], limits: &crate::config::Limits) -> Result<(), Refusal> {
    let images = files.iter().filter(|file| file.is_image()).count();
    let (most_files, most_images) = (limits.files as usize, limits.images as usize);
    if images > most_images || files.len() - images > most_files {
        let japanese = format!("画像は {most_images}、それ以外は {most_files} ファイルまでです。");
        let english = format!("At most {most_images} images and {most_files} other files.");
        return Err(Refusal::because(Code::TooManyFiles, japanese, english));
    }
    Ok(())
}

/// Two names that a Windows folder would take for one.
fn refuse_double(files: &[Named], named: &Named) -> Result<(), Refusal> {
    let folded = |name: &str| name.nfc().flat_map(char::to_lowercase).collect::<String>();
    let is_same = |other: &str| match named.name.is_ascii() && other.is_ascii() {
        // As names of the standard are.
        true => named.name.eq_ignore_ascii_case(other),
        false => folded(other) == folded(&named.name),
    };
    if files.iter().any(|file| is_same(&file.name)) {
        let (japanese, english) = ("同じ名前のファイルが二つあります。", "Two files have the same name.");
        return Err(Refusal::because(Code::FileName, japanese, english));
    }
    Ok(())
}
